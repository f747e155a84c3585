"""A verify of one projection, kept and told: for every command that begins with one."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import click

from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import database_errors
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.member import stored_member_count
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory
from temple_ledger.infrastructure.read_models.operations import parked
from temple_ledger.infrastructure.read_models.verification.evidence import events_behind
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.repair import altered_ranges
from temple_ledger.infrastructure.read_models.verification.result import Verified
from temple_ledger.infrastructure.read_models.verification.since_last import SinceLast, verify_since_last
from temple_ledger.infrastructure.read_models.verification.stored_results import store
from temple_ledger.infrastructure.terminal.drift_rows import SHOWN, print_drifts, print_evidence
from temple_ledger.infrastructure.terminal.event_rows import event_data
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import catalogue, installed, named
from temple_ledger.projections.tally import Tally


@dataclass
class VerificationReport:
    """`number` is that of the kept result, None where there is none. `where` says, of a miscount, between
    which positions the log has another number of events than were folded."""

    projection: Projection
    verified: Verified
    number: int | None
    since: SinceLast | None = None
    where: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return self.verified.ok and self.verified.unverified is None


def wanted(names: Sequence[str]) -> list[Projection]:
    """Those named, each once, or all. Raises UnknownName."""
    return [named(name) for name in dict.fromkeys(names)] or list(installed().values())


def compare_all(session: Session, projection: Projection) -> VerificationReport:
    total = None
    if not isinstance(projection, Tally):
        with snapshot(session.database) as connection:
            total = stored_member_count(connection, projection)
    started_at = datetime.now(UTC)
    with bar(session.progress, f"comparing {projection.name}", total, "members") as shown:
        verified = verify(session.database, projection, catalogue=catalogue(), progress=shown.at)
    number = _kept(session, lambda: store(session.database, verified, started_at))
    compared = VerificationReport(projection, verified, number)
    if verified.miscounted:
        with snapshot(session.database) as connection:
            compared.where = altered_ranges(connection, projection.name, verified.position)
    return compared


def compare_since_last(session: Session, projection: Projection, budget_seconds: float) -> VerificationReport:
    started_at = datetime.now(UTC)
    with bar(session.progress, f"comparing {projection.name}", None, "members"):
        since = verify_since_last(session.database, projection, budget_seconds=budget_seconds, catalogue=catalogue())
    verified, goes_on = since.verified, since.round
    number = _kept(
        session,
        lambda: store(session.database, verified, started_at, next_round=goes_on, completed=since.completed),
    )
    return VerificationReport(projection, verified, number, since)


def evidence(session: Session, compared: VerificationReport, *, limit: int) -> list[Sequence[Recorded]]:
    """The events behind the first *limit* differences."""
    drifts = compared.verified.listed[:limit]
    if not drifts:
        return []
    with snapshot(session.database) as connection:
        position = compared.verified.position
        return events_behind(connection, compared.projection, drifts, position, catalogue=catalogue())


def tell(
    session: Session, compared: VerificationReport, directory: RoleDirectory, *, with_events: bool = False
) -> None:
    verified, name = compared.verified, compared.projection.name
    if verified.unverified is not None:
        click.echo(f"{name}: not verified, {verified.unverified}")
        return
    what = "count" if isinstance(compared.projection, Tally) else "member"
    verb = "differs" if verified.drifted_members == 1 else "differ"
    differ = f"{plural(verified.drifted_members, what)} {verb}" if verified.drifts else "all agree"
    click.echo(
        f"{name}: {plural(verified.members, what)} compared at position {verified.position}, {differ}; {_how(compared)}"
    )
    _tell_counts(compared)
    if verified.drifts:
        print_drifts(verified.listed, directory, total=verified.drifts)
        if with_events:
            behind = evidence(session, compared, limit=SHOWN)
            print_evidence(verified.listed[: len(behind)], behind, directory)
    if verified.parked:
        _tell_parked(session, name)


def data(session: Session, compared: VerificationReport) -> dict[str, Any]:
    """As JSON has it, with the events behind each difference."""
    verified = compared.verified
    fields = asdict(verified)
    del fields["listed"], fields["drifted"]
    behind = evidence(session, compared, limit=len(verified.listed))
    return {
        "number": compared.number,
        **fields,
        "ok": compared.agrees,
        "miscounted": verified.miscounted,
        "where": compared.where,
        "covered_everybody": compared.since is None or compared.since.completed,
        "differences": [
            {**asdict(drift), "events": [event_data(event) for event in events]}
            for drift, events in zip(verified.listed, behind, strict=True)
        ],
    }


def _kept(session: Session, keep_it: Callable[[], int | None]) -> int | None:
    """What was found is told even where it cannot be kept: by a login that may only read, or on a standby."""
    try:
        with database_errors("saving the result"):
            return keep_it()
    except LedgerError as error:
        session.say(f"the result is not saved: {error}")
        return None


def _how(compared: VerificationReport) -> str:
    kept = "not saved" if compared.number is None else f"saved as verification {compared.number}"
    if compared.since is None:
        return f"full verify, {kept}"
    if isinstance(compared.projection, Tally):
        return f"counts and sum since the last verify, {kept}"
    touched = f"{compared.verified.touched:,} of them touched since the last verify"
    covered = "everybody was covered" if compared.since.completed else "the next one goes on with the others"
    return f"{touched}, {covered}, {kept}"


def _tell_counts(compared: VerificationReport) -> None:
    verified = compared.verified
    if verified.ahead:
        click.echo(f"  ahead: its checkpoint is at position {verified.position}, beyond the end of the log")
    if verified.miscounted:
        click.echo(
            f"  miscounted: it passed {plural(verified.passed, 'event')}, the log has {verified.in_log:,} "
            "up to there: events were lost on the way, or the log was altered"
        )
        for sentence in compared.where:
            click.echo(f"    {sentence}")
    elif verified.in_log is not None:
        click.echo(f"  passed {plural(verified.passed, 'event')}, as many as the log has up to there")


def _tell_parked(session: Session, name: str) -> None:
    with snapshot(session.database) as connection:
        failures = parked(connection, projection=name)
    click.echo(f"  parked apart: {plural(len(failures), 'event')}; see: temple failures list")
    for failure in failures[:SHOWN]:
        click.echo(f"    {failure.user_id} at position {failure.position}: {failure.error}")
