"""`temple role`: who holds a role now or held it then, and who granted it."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import click

from temple_ledger.domain.instant import format_instant
from temple_ledger.infrastructure.queries import caveats
from temple_ledger.infrastructure.queries.as_of import AsOf, before, still_to_come
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.queries.role import (
    Holder,
    Progress,
    holder_counts,
    holders,
    holders_then,
)
from temple_ledger.infrastructure.queries.role_difference import RoleHolding, role_difference
from temple_ledger.infrastructure.queries.role_directory import read_directory, require_role
from temple_ledger.infrastructure.queries.role_history import RoleHistoryStep, RoleStep, role_history
from temple_ledger.infrastructure.queries.role_periods import stored_periods
from temple_ledger.infrastructure.terminal.event_rows import event_data
from temple_ledger.infrastructure.terminal.member_rows import print_doubts, print_waiting
from temple_ledger.infrastructure.terminal.progress import Bar, bar
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json, print_rows
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.infrastructure.terminal.times import BEGINNING, END
from temple_ledger.infrastructure.terminal.times import as_of as as_of_option
from temple_ledger.infrastructure.terminal.times import known_at as known_at_option
from temple_ledger.projections.members import members
from temple_ledger.projections.registry import catalogue

role_argument = click.argument("role", metavar="ROLE")


@click.group("role")
def command() -> None:
    """Who holds a role now or held it then, and who granted it.

    ROLE is an id or a name; case does not matter where that is clear.
    """


@command.command("list")
@as_json
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """Every role that has a name or is held, the largest first.

    \b
    Example:
      temple role list --json
    """
    with snapshot(session.reading) as connection:
        directory = read_directory(connection)
        counts = holder_counts(connection)
        print_waiting(session, connection, members.name)
    roles = [directory.get(role) for role in {*counts, *(each.role for each in directory)}]
    roles.sort(key=lambda each: (-counts.get(each.role, 0), each.name or each.role, each.role))
    rows = [
        {"role": each.role, "name": each.name, "members": counts.get(each.role, 0), "deleted": each.deleted}
        for each in roles
    ]
    columns = ("name", "role", "members", *(["deleted"] if any(each.deleted for each in roles) else []))
    if rows or as_json:
        print_rows(rows, columns, as_json=as_json)
    else:
        session.note("no roles yet")


@command.command("members")
@role_argument
@as_of_option
@known_at_option
@as_json
@click.pass_obj
def members_(session: Session, role: str, as_of: datetime | None, known_at: datetime | None, as_json: bool) -> None:
    """Who holds the role, by when it was granted.

    Without a time, as the tables say; as of one, as the table role_periods says; as known at one, folded from the log.

    \b
    Example:
      temple role members Oracle --as-of 2026-03-01
    """
    moment = AsOf(as_of, known_at)
    with snapshot(session.reading) as connection:
        directory = read_directory(connection)
        role = require_role(connection, directory, role)
        if moment.is_now:
            found = holders(connection, role)
            print_waiting(session, connection, members.name)
        else:
            with _folding(session, connection, moment) as progress:
                found = holders_then(connection, role, moment, catalogue(), progress)
            _note(session, caveats.of_holders(connection, directory, role, moment, found=bool(found)))
    if as_json:
        print_json([_holder_data(holder) for holder in found])
        return
    if found:
        print_rows([_holder_data(holder) for holder in found], ("user_id", "granted_at", "granted_by"), as_json=False)
    session.note(f"{plural(len(found), 'member')} with {directory.label(role)}, {moment}")


@command.command("history")
@role_argument
@as_of_option
@known_at_option
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The newest so many.")
@as_json
@click.pass_obj
def history(
    session: Session, role: str, as_of: datetime | None, known_at: datetime | None, limit: int, as_json: bool
) -> None:
    """Each grant and each end of the role, by when it happened, and who granted or ended it.

    It ends when somebody removes it, when the member leaves, or when the role is deleted. Granting it again moves its
    date. Grants and removals that were retracted are shown as such, and change nothing.

    \b
    Example:
      temple role history Oracle --limit 20
    """
    with snapshot(session.reading) as connection:
        directory = read_directory(connection)
        role = require_role(connection, directory, role)
        moment = AsOf(as_of, known_at)
        with _folding(session, connection, moment) as progress:
            found = role_history(connection, role, moment, catalogue(), progress, newest=limit)
        print_doubts(session, connection)
    changes = found.steps
    if as_json:
        print_json([_step_data(change, role) for change in changes])
        return
    rows = [
        {
            "timestamp": change.event.occurred_at,
            "user_id": change.user_id,
            "change": _described(change),
            "by": change.ended_by if change.granted_by is None else change.granted_by,
            "position": str(change.event.position),
        }
        for change in changes
    ]
    if rows:
        print_rows(rows, ("timestamp", "user_id", "change", "by", "position"), as_json=False)
    of = "" if len(changes) == found.total else f" of {found.total:,}; --limit shows more"
    session.note(f"{plural(len(changes), 'change')} of {directory.label(role)}{of}")


@command.command("diff")
@role_argument
@click.option(
    "--between",
    nargs=2,
    type=(BEGINNING, END),
    required=True,
    metavar="A B",
    help="Two times: ISO 8601 with an offset, or dates: from the beginning of A to the end of B, in UTC.",
)
@known_at_option
@as_json
@click.pass_obj
def diff(
    session: Session, role: str, between: tuple[datetime, datetime], known_at: datetime | None, as_json: bool
) -> None:
    """Who gained the role and who lost it between two times, who had granted it and how it was lost.

    Just before A compared with B: what occurred at A or at B counts. Whoever gained it and lost it again in between is
    in neither: that is what `history` shows.

    \b
    Example:
      temple role diff Oracle --between 2026-03-01 2026-03-08
    """
    first, second = between
    if first > second:
        raise click.UsageError("--between takes the earlier time first")
    with snapshot(session.reading) as connection:
        directory = read_directory(connection)
        role = require_role(connection, directory, role)
        earlier, later = before(first, known_at), AsOf(second, known_at)
        with _folding(session, connection, later) as progress:
            found = role_difference(connection, role, earlier, later, catalogue(), progress)
        _note(session, still_to_come(second, datetime.now(UTC)))
        _note(session, caveats.of_difference(connection, directory, role, earlier, later))
    if as_json:
        data = {name: [_holding_data(each) for each in getattr(found, name)] for name in ("gained", "lost")}
        print_json({"role": role, **data})
        return
    rows = [
        {"change": change if each.end is None else f"{change}: {each.end.ending}", **_holding_data(each)}
        for change, holdings in (("gained", found.gained), ("lost", found.lost))
        for each in holdings
    ]
    if rows:
        ended = ("ended_at", "ended_by", "position") if found.lost else ()
        print_rows(rows, ("change", "user_id", "granted_at", "granted_by", *ended), as_json=False)
    session.note(
        f"{plural(len(found.gained), 'member')} gained {directory.label(role)} and {len(found.lost):,} lost it "
        f"between {format_instant(first)} and {format_instant(second)}"
    )


def _note(session: Session, found: Iterable[str]) -> None:
    for each in found:
        session.note(each)


@contextmanager
def _folding(session: Session, connection: Connection, moment: AsOf) -> Iterator[Progress]:
    """Says why everybody has to be folded where that is so, and shows how far it is."""
    if moment.known_at is None:
        why_not = stored_periods(connection).why_not
        if why_not is not None:
            session.note(f"{why_not}; until then this question is answered from the log, which takes longer")
    with ExitStack() as stack:
        bars: dict[int, Bar] = {}

        def progress(done: int, total: int) -> None:
            if total not in bars:
                stack.close()
                bars[total] = stack.enter_context(bar(session.progress, "folding", total, "members"))
            bars[total].at(done)

        yield progress


def _described(step: RoleHistoryStep) -> str:
    if step.change is RoleStep.RETRACTED:
        return f"{step.change}: {step.event.action}"
    return step.change if step.ending is None else f"{step.change}: {step.ending}"


def _step_data(step: RoleHistoryStep, role: str) -> dict[str, Any]:
    later = None if step.attribution is None else event_data(step.attribution)
    return {**step._asdict(), "role": role, "event": event_data(step.event), "attribution": later}


def _holding_data(holding: RoleHolding) -> dict[str, Any]:
    end = holding.end
    return {
        "user_id": holding.user_id,
        "granted_at": holding.held.granted_at,
        "granted_by": holding.held.granted_by,
        "ended_at": None if end is None else end.event.occurred_at,
        "ended_by": None if end is None else end.ended_by,
        "how": None if end is None else end.ending,
        "ending": None if end is None else event_data(end.event),
        "position": None if end is None else str(end.event.position),
    }


def _holder_data(holder: Holder) -> dict[str, Any]:
    return {"user_id": holder.user_id, **holder.held._asdict()}
