"""`temple failures`: events that could not be folded, and the members who wait behind them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from temple_ledger.domain.errors import UnknownMember, UnknownName
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.operating.failures import FoldedAgain, retry_parked, skip_parked
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.events import shown
from temple_ledger.infrastructure.queries.member import require_member
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.read_models.operations import Parked, parked
from temple_ledger.infrastructure.terminal.applying import required_reason
from temple_ledger.infrastructure.terminal.event_rows import event_data, event_row
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_fields, print_json, print_rows
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.endless_folds import ends_endless_folds
from temple_ledger.projections.registry import named
from temple_ledger.projections.tally import Tally

projection_option = click.option("--projection", metavar="NAME", help="Only what this projection parked.")


@click.group("failures")
def command() -> None:
    """Events that could not be folded.

    Their members are parked, with rows as before, and everybody else goes on.
    """


@command.command("list")
@click.argument("member", required=False)
@projection_option
@as_json
@click.pass_obj
def list_(session: Session, member: str | None, projection: str | None, as_json: bool) -> None:
    """What is parked: of all members, or of one.

    Kinds: event, an event that cannot be folded; version, an event newer than this version of the software;
    time, a rule that did not return in time; long, a history that is too long for one step, which the runner
    folds beside the others.

    \b
    Example:
      temple failures list --projection members
    """
    found = _parked(session.reading, projection, member=member)
    if as_json:
        print_json([asdict(failure) for failure in found])
        return
    if not found:
        print_line("nothing is parked")
        return
    rows = [
        {
            "projection": _label(failure),
            "position": str(failure.position),
            "member": failure.user_id,
            "event": f"{failure.event_type}/{failure.action}",
            "kind": failure.kind,
            "waiting": failure.waiting,
            "error": failure.error,
        }
        for failure in found
    ]
    print_rows(rows, ("projection", "position", "member", "kind", "waiting", "event", "error"), as_json=False)
    session.note("see one: temple failures show POSITION; after the cause is mended: temple failures retry --all")


@command.command("show")
@click.argument("position", type=click.IntRange(min=1))
@projection_option
@as_json
@click.pass_obj
def show(session: Session, position: int, projection: str | None, as_json: bool) -> None:
    """The event that could not be folded, the error, where the rule raised it, and what waits behind it.

    \b
    Example:
      temple failures show 4711
    """
    found = _at(session.reading, projection, position)
    with snapshot(session.reading) as connection:
        directory = read_directory(connection)
        event = shown(connection, Position(position)).event
    if as_json:
        print_json([{**asdict(failure), "event": event_data(event)} for failure in found])
        return
    print_fields({**event_row(event, directory), "metadata": event.metadata_text}, as_json=False)
    for failure in found:
        print_line()
        fields = {
            "parked by": _label(failure),
            "error": failure.error,
            "kind": failure.kind,
            "raised at": None if failure.frames is None else failure.frames.replace("\n", "; "),
            "attempts": failure.attempts,
            "parked at": failure.parked_at,
            "events waiting": failure.waiting,
        }
        print_fields(fields, as_json=False)
    session.note(
        f"after the cause is mended: temple failures retry {event.user_id}; "
        f"to leave this event out for good: temple failures skip {position} --reason TEXT"
    )


@command.command("retry")
@click.argument("members", nargs=-1, metavar="[MEMBER]...")
@click.option("--all", "everybody", is_flag=True, help="Everybody who is parked.")
@projection_option
@as_json
@click.pass_obj
@ends_endless_folds
def retry_(session: Session, members: tuple[str, ...], everybody: bool, projection: str | None, as_json: bool) -> int:
    """Fold parked members again, from the log, with all the events that waited.

    \b
    Examples:
      temple failures retry 500000000000000001
      temple failures retry --all --projection members
    \b
    Exit codes: 0 they are folded; 1 some failed again, and stay parked.
    """
    if bool(members) == everybody:
        raise click.UsageError("name the members to fold again, or give --all")
    found = _of_members(_parked(session.database, projection), members)
    outcomes = retry_parked(session.database, found, by=session.operator)
    if as_json:
        print_json([_outcome(outcome) for outcome in outcomes])
    elif not outcomes:
        print_line("nothing is parked")
    else:
        for outcome in outcomes:
            _print_outcome(outcome)
    return ExitCode.FAILED if any(outcome.again for outcome in outcomes) else ExitCode.OK


@command.command("skip")
@click.argument("position", type=click.IntRange(min=1))
@required_reason
@projection_option
@click.pass_obj
@ends_endless_folds
def skip_(session: Session, position: int, reason: str, projection: str | None) -> int:
    """Leave a parked event out for good, and fold its member again without it.

    The event stays in the log. Every later fold leaves it out too: replay, verify, questions about the
    past. All projections that have parked it leave it out, or the one of --projection alone.

    \b
    Example:
      temple failures skip 4711 --reason "sent by a broken bot, corrected by 4712"
    \b
    Exit codes: 0 the member is folded; 1 another event of the member fails, which stays parked.
    """
    failed = False
    found = _at(session.database, projection, position)
    for outcome in skip_parked(session.database, found, by=session.operator, reason=reason):
        print_line(f"position {position} is left out of {outcome.projection.name} from now on")
        _print_outcome(outcome)
        failed |= bool(outcome.again)
    return ExitCode.FAILED if failed else ExitCode.OK


def _parked(database: Database, projection: str | None, *, member: str | None = None) -> Sequence[Parked]:
    name, at, version = (projection or "").partition("@")
    if projection is not None:
        named(projection)
    with snapshot(database) as connection:
        found = parked(connection, projection=name or None, version=int(version) if at else None, user_id=member)
        if member is not None and not found:
            require_member(connection, member)
        return found


def _label(failure: Parked) -> str:
    return failure.projection if failure.active else f"{failure.projection}@{failure.version}"


def _at(database: Database, projection: str | None, position: int) -> Sequence[Parked]:
    """Raises UnknownName, with the positions that are parked."""
    every = _parked(database, projection)
    found = [failure for failure in every if failure.position == position]
    if not found:
        near = sorted({failure.position for failure in every}, key=lambda each: abs(each - position))[:3]
        raise UnknownName("parked position", str(position), tuple(map(str, near)))
    return found


def _of_members(failures: Sequence[Parked], members: Sequence[str]) -> Sequence[Parked]:
    """All without *members*. Raises UnknownMember for one who is not parked."""
    known = {failure.user_id for failure in failures}
    for member in members:
        if member not in known:
            raise UnknownMember(member, tuple(sorted(known)[:3]), kind="parked member")
    return [failure for failure in failures if not members or failure.user_id in members]


def _print_outcome(outcome: FoldedAgain) -> None:
    name = outcome.projection.name
    if isinstance(outcome.projection, Tally):
        print_line(f"{name}: {plural(outcome.freed, 'event')} counted")
    else:
        print_line(f"{name}: {plural(outcome.freed, 'member')} folded again and parked no more")
    for failure in outcome.again:
        print_line(f"  {failure.user_id} stays parked, at position {failure.position}: {failure.error}")


def _outcome(outcome: FoldedAgain) -> dict[str, Any]:
    return {
        "projection": outcome.projection.name,
        "retried": [asdict(failure) for failure in outcome.failures],
        "failed_again": [failure._asdict() for failure in outcome.again],
    }
