"""A repair in two steps: everybody is compared, and what was found is put right by somebody who has seen it."""

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.operating.digest import digest_of
from temple_ledger.infrastructure.operating.preview import Preview
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.in_people import describe_in_people
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.queries.versions import projection_named
from temple_ledger.infrastructure.read_models.verification.repair import Repaired, repair
from temple_ledger.infrastructure.read_models.verification.report import VerificationReport, Verifier
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import catalogue
from temple_ledger.projections.tally import Tally

REPAIR = "repair"


def preview_repair(database: Database, label: str) -> Preview | None:
    """None where nothing differs. Raises Refused where nothing could be compared."""
    with snapshot(database) as connection:
        projection = projection_named(connection, label)
        directory = read_directory(connection)
    with Verifier(database, catalogue=catalogue()) as verifier:
        report = verifier.full(projection)
    verified = report.verified
    if verified.unverified is not None:
        raise Refused(f"{label} was not compared: {verified.unverified}")
    if verified.ok:
        return None
    return Preview(
        REPAIR,
        label,
        verified.drifted_members,
        unit_of(projection),
        [*_counted(report), *describe_in_people(verified.listed, directory)],
        list(verified.drifted),
        digest_of(verified.position, sorted(verified.drifted)),
        (projection, report),
        report.number,
    )


def apply_repair(database: Database, preview: Preview, *, by: str, reason: str) -> list[str]:
    """Of exactly those that the preview lists. Raises Refused."""
    projection, report = preview.seen
    done = repair(database, projection, report.verified, by=by, reason=reason, catalogue=catalogue())
    return list(_sentences(done, preview))


def unit_of(projection: Projection) -> str:
    return "count" if isinstance(projection, Tally) else "member"


def _counted(report: VerificationReport) -> list[str]:
    verified = report.verified
    if not verified.miscounted:
        return []
    return [f"it passed {verified.passed:,} events, and the log has {verified.in_log:,} up to there", *report.altered]


def _sentences(done: Repaired, preview: Preview) -> list[str]:
    sentences = [f"cannot be repaired: {each}" for each in done.altered]
    if done.members:
        sentences.append(f"{done.members:,} put right, with {done.changes:,} rows")
    if done.rollups:
        sentences.append(f"filled anew from the rows: {', '.join(done.rollups)}")
    if done.count is not None and done.count[0] != done.count[1]:
        sentences.append(f"its count of passed events set from {done.count[0]:,} to {done.count[1]:,}")
    if done.operation is not None:
        sentences.append(f"the journal has it as {done.operation}")
    return sentences or [f"nothing of {preview.label} was changed"]
