"""A report of verifying as people and programs read it: for every command that begins with a verify."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.member import stored_member_count
from temple_ledger.infrastructure.queries.overview import without_tables
from temple_ledger.infrastructure.queries.projection_status import projection_statuses
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory
from temple_ledger.infrastructure.queries.versions import chosen_projections
from temple_ledger.infrastructure.read_models.verification.full import Elsewhere
from temple_ledger.infrastructure.read_models.verification.report import VerificationReport, Verifier
from temple_ledger.infrastructure.terminal.drift_rows import SHOWN, print_drifts, print_evidence
from temple_ledger.infrastructure.terminal.event_rows import event_data
from temple_ledger.infrastructure.terminal.not_loaded import print_not_loaded, print_without_tables
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import carried, catalogue
from temple_ledger.projections.tally import Tally


class Chosen(NamedTuple):
    """What a command is to compare; `incomplete`: all were asked for, and some are not there."""

    projections: Sequence[Projection]
    incomplete: bool


def chosen(session: Session, names: Sequence[str]) -> Chosen:
    """Those named, each once, or all that can be compared; NAME is each of its versions. What cannot is said.

    Raises UnknownName.
    """
    not_loaded = print_not_loaded(session)
    with snapshot(session.database) as connection:
        found = chosen_projections(connection, names, carried())
        if names:
            return Chosen(found, incomplete=False)
        without = without_tables(projection_statuses(connection, carried(), catalogue=catalogue()))
    print_without_tables(session, without)
    return Chosen([each for each in found if each.key not in without], incomplete=bool(not_loaded or without))


def verifier_of(session: Session) -> Verifier:
    return Verifier(session.database, catalogue=catalogue())


def compare_everybody(
    session: Session,
    verifier: Verifier,
    projection: Projection,
    *,
    explained: int,
    elsewhere: Elsewhere | None = None,
) -> VerificationReport:
    total = None
    if not isinstance(projection, Tally):
        total = verifier.ask(lambda connection: stored_member_count(connection, projection))
    with bar(session.progress, f"comparing {projection.name}", total, "members") as shown:
        report = verifier.full(projection, explained=explained, progress=shown.at, elsewhere=elsewhere)
    return _noted(session, report)


def compare_since_last(
    session: Session, verifier: Verifier, projection: Projection, *, budget_seconds: float, explained: int
) -> VerificationReport:
    with bar(session.progress, f"comparing {projection.name}", None, "members"):
        report = verifier.since_last(projection, budget_seconds=budget_seconds, explained=explained)
    return _noted(session, report)


def _noted(session: Session, report: VerificationReport) -> VerificationReport:
    """A result that could not be stored is printed all the same."""
    if report.not_stored is not None:
        session.note(f"the result is not saved: {report.not_stored}")
    return report


def print_report(report: VerificationReport, directory: RoleDirectory) -> None:
    verified, name = report.verified, report.projection.name
    if verified.unverified is not None:
        print_line(f"{name}: not verified, {verified.unverified}")
        return
    print_line(f"{name}: {compared(report)} at position {verified.position}, {_differing(report)}; {_how(report)}")
    _print_counts(report)
    if verified.drifts:
        print_drifts(verified.listed, directory, total=verified.drifts)
        print_evidence(verified.listed[: len(report.events)], report.events, directory)
    if report.parked:
        _print_parked(report)


def unit_of(projection: Projection) -> str:
    return "count" if isinstance(projection, Tally) else "member"


def compared(report: VerificationReport) -> str:
    """How much, in words: of a tally whose sum is right, a quick verify looks at no single count."""
    members = report.verified.members
    if report.since is not None and isinstance(report.projection, Tally) and not members:
        return "the sum of all counts compared"
    return f"{plural(members, unit_of(report.projection))} compared"


def _differing(report: VerificationReport) -> str:
    members, keys = report.verified.drifted_members, report.verified.drifted_keys
    counted = [(members, plural(members, unit_of(report.projection))), (keys, f"{plural(keys, 'key')} of rollups")]
    found = [f"{text} {'differs' if number == 1 else 'differ'}" for number, text in counted if number]
    return " and ".join(found) or "all agree"


def report_data(report: VerificationReport) -> dict[str, Any]:
    """As JSON has it. Every listed difference has to be explained."""
    verified = report.verified
    fields = asdict(verified)
    del fields["listed"], fields["drifted"]
    return {
        "number": report.number,
        **fields,
        "ok": report.agrees,
        "miscounted": verified.miscounted,
        "where": list(report.altered),
        "covered_everybody": report.since is None or report.since.completed,
        "differences": [
            {**asdict(drift), "events": [event_data(event) for event in events]}
            for drift, events in zip(verified.listed, report.events, strict=True)
        ],
    }


def _how(report: VerificationReport) -> str:
    saved = "not saved" if report.number is None else f"saved as verification {report.number}"
    if report.since is None:
        return f"full verify, {saved}"
    if isinstance(report.projection, Tally):
        return f"quick verify, {saved}"
    touched = f"{report.verified.touched:,} of them touched since the last verify"
    covered = "everybody was covered" if report.since.completed else "the next one goes on with the others"
    return f"{touched}, {covered}, {saved}"


def _print_counts(report: VerificationReport) -> None:
    verified = report.verified
    if verified.ahead:
        print_line(f"  ahead: its checkpoint is at position {verified.position}, beyond the end of the log")
    if verified.miscounted:
        print_line(
            f"  miscounted: it passed {plural(verified.passed, 'event')}, the log has {verified.in_log:,} "
            "up to there: events were lost on the way, or the log was altered"
        )
        for sentence in report.altered:
            print_line(f"    {sentence}")
    elif verified.in_log is not None:
        print_line(f"  passed {plural(verified.passed, 'event')}, as many as the log has up to there")


def _print_parked(report: VerificationReport) -> None:
    print_line(f"  parked apart: {plural(len(report.parked), 'event')}; see: temple failures list")
    for failure in report.parked[:SHOWN]:
        print_line(f"    {failure.user_id} at position {failure.position}: {failure.error}")
