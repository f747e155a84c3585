"""`temple member`: what a member is now or was then, and which events made it so."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import click

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.commands.member_erasure import erase_
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.member import (
    MemberOverview,
    list_members,
    member_then,
    require_member,
    stored_members,
    waiting_events,
)
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, read_directory, require_role
from temple_ledger.infrastructure.terminal.event_rows import event_row
from temple_ledger.infrastructure.terminal.member_rows import (
    by_moment,
    cause_data,
    print_history,
    print_parked,
    print_waiting,
)
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_fields, print_json, print_rows
from temple_ledger.infrastructure.terminal.times import as_of as as_of_option
from temple_ledger.infrastructure.terminal.times import known_at as known_at_option
from temple_ledger.projections.explain import Cause, causes
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import ROLES, STATUS, members
from temple_ledger.projections.registry import catalogue

JOINED: Final = "joined (UTC)"
SEEN: Final = "last activity (UTC)"

user_id = click.argument("user_id", metavar="ID")


@click.group("member")
def command() -> None:
    """What a member is now or was then, and which events made it so.

    ID is a Discord id, or patreon:ID for a patron without a Discord account.
    """


command.add_command(erase_)


@command.command("show")
@user_id
@as_of_option
@known_at_option
@as_json
@click.pass_obj
def show(session: Session, user_id: str, as_of: datetime | None, known_at: datetime | None, as_json: bool) -> None:
    """Status, tier and roles of a member.

    Without a time, as the tables say; with one, folded from the log as it was then. With --json, not_folded is the
    number of events of this member that the tables do not have yet.

    \b
    Example:
      temple member show 500000000000000001 --as-of 2026-03-01
    """
    moment = AsOf(as_of, known_at)
    with snapshot(session.reading) as connection:
        require_member(connection, user_id)
        directory = read_directory(connection)
        if moment.is_now:
            member = stored_members(connection, [user_id]).get(user_id)
            behind = print_waiting(session, connection, members.name, user_id)
        else:
            behind = 0
            then = member_then(connection, user_id, moment, catalogue())
            member = then.member
            print_parked(session, connection, then)
    if as_json:
        print_json(None if member is None else {**member.as_data(), "not_folded": behind})
    elif member is None:
        print_line(f"member {user_id} has no row: no event of a known kind {by_moment(moment)}")
    else:
        _print_member(member, directory)


@command.command("history")
@user_id
@as_of_option
@known_at_option
@as_json
@click.pass_obj
def history(session: Session, user_id: str, as_of: datetime | None, known_at: datetime | None, as_json: bool) -> None:
    """Everything that happened to a member, by when it happened.

    Who did it may be known later than what was done: the log then has the event again, and here it stands once, with
    the actor. With --json, `attribution` is that later event.

    \b
    Example:
      temple member history 500000000000000001 --known-at 2026-03-01T18:00:00Z
    """
    print_history(session, members, user_id, AsOf(as_of, known_at), as_json=as_json)


@command.command("explain")
@user_id
@as_of_option
@known_at_option
@as_json
@click.pass_obj
def explain(session: Session, user_id: str, as_of: datetime | None, known_at: datetime | None, as_json: bool) -> None:
    """The event behind each value of each row of a member.

    Folded from the log, now or as of a time: `events show POSITION` shows more of an event.

    \b
    Example:
      temple member explain 500000000000000001 --as-of 2026-03-01
    """
    moment = AsOf(as_of, known_at)
    with snapshot(session.reading) as connection:
        require_member(connection, user_id)
        directory = read_directory(connection)
        then = member_then(connection, user_id, moment, catalogue())
        stored = stored_members(connection, [user_id]).get(user_id)
        waiting = waiting_events(connection, user_id)
        found = causes(Fold(members, catalogue()), then.folded_events)
        print_parked(session, connection, then)
    if moment.is_now and not waiting and stored != then.member:
        session.note(f"the stored rows of {user_id} are other than the log says; run: temple verify --full")
    if as_json:
        print_json([cause_data(cause) for cause in found])
    elif not found:
        print_line(f"member {user_id} has no row: no event of a known kind {by_moment(moment)}")
    else:
        _print_causes(found, directory)


@command.command("list")
@click.option("--status", type=click.Choice(["active", "inactive", "departed"]), help="Only members of this status.")
@click.option("--role", metavar="ROLE", help="Only members who hold this role: its id or its name.")
@click.option("--after", default="", metavar="ID", help="Only ids behind this one: the next page.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")
@as_json
@click.pass_obj
def list_(session: Session, status: str | None, role: str | None, after: str, limit: int, as_json: bool) -> None:
    """Members as the tables say, by id.

    \b
    Example:
      temple member list --role Oracle --status inactive
    """
    with snapshot(session.reading) as connection:
        role = None if role is None else require_role(connection, read_directory(connection), role)
        found = list_members(connection, status=status, role=role, after=after, limit=limit + 1)
        print_waiting(session, connection, members.name)
    page = found[:limit]
    if as_json:
        print_json([member.as_data() for member in page])
    elif page:
        columns = ("user_id", "status", "roles", "patreon_tier", JOINED, SEEN)
        rows = [_list_row(member) for member in page]
        print_rows(rows, columns, as_json=False)
    else:
        session.note("no such member")
    if len(found) > limit:
        session.note(f"there are more: --after {page[-1].user_id}, or a greater --limit")


@command.command("find")
@click.argument("name", metavar="NAME")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many at most.")
@as_json
@click.pass_obj
def find(session: Session, name: str, limit: int, as_json: bool) -> None:
    """Find people by a part of their name: the id that the other commands want.

    Names come from the listener of Discord while it runs (temple discord listen, or temple up), which also searches
    Discord itself, and from the file of nicknames (TEMPLE_NICKNAMES). The ledger itself stores none.

    \b
    Example:
      temple member find ada
    """
    found, searched = session.names.search(name, limit=limit)
    with snapshot(session.reading) as connection:
        stored = stored_members(connection, list(found))
    rows = [
        {
            "name": person.name,
            "handle": person.handle,
            "kind": person.kind.value,
            "id": user_id,
            "status": stored[user_id].status if user_id in stored else None,
        }
        for user_id, person in found.items()
    ]
    if not searched:
        session.note("the listener, or Discord, did not answer in time: there may be others; try again")
    if rows or as_json:
        print_rows(rows, ("name", "id", "kind", "status"), as_json=as_json)
    elif searched:
        session.note("nobody of that name is known; names come from the listener of Discord, or TEMPLE_NICKNAMES")


def _list_row(member: MemberOverview) -> dict[str, Any]:
    """Times as far as they fit beside each other on 80 columns."""
    joined, seen = member.discord_joined_at, member.last_activity
    return {
        "user_id": member.user_id,
        "status": member.status,
        "roles": member.total_roles_count,
        "patreon_tier": member.patreon_tier,
        JOINED: None if joined is None else f"{joined:%Y-%m-%d}",
        SEEN: None if seen is None else f"{seen:%Y-%m-%d %H:%M}",
    }


def _print_member(member: MemberOverview, directory: RoleDirectory) -> None:
    fields = member.as_data()
    del fields["roles"]
    print_fields(fields, as_json=False)
    if member.roles:
        print_line()
        rows = [{**held._asdict(), "role": directory.label(held.role)} for held in member.roles]
        print_rows(rows, ("role", "granted_at", "granted_by"), as_json=False)


def _print_causes(found: Sequence[Cause], directory: RoleDirectory) -> None:
    status = [cause for cause in found if cause.table == STATUS.name]
    if status:
        rows = [{**_cause_row(cause, directory), "column": cause.column, "value": cause.value} for cause in status]
        print_rows(rows, ("column", "value", "position", "timestamp", "event"), as_json=False, title=STATUS.name)
    roles = [cause for cause in found if cause.table == ROLES.name]
    if roles:
        print_line()
        # a line for each event of a grant: who granted it may be known from an earlier one than since when
        by_event: dict[tuple[str, Position], dict[str, Any]] = {}
        for cause in roles:
            row = by_event.setdefault((cause.key["role"], cause.event.position), _cause_row(cause, directory))
            row[cause.column] = cause.value
        columns = ("role", "granted_at", "granted_by", "position", "event")
        print_rows(list(by_event.values()), columns, as_json=False, title=ROLES.name)


def _cause_row(cause: Cause, directory: RoleDirectory) -> dict[str, Any]:
    role = cause.key.get("role")
    return {**event_row(cause.event, directory), "role": None if role is None else directory.label(role)}
