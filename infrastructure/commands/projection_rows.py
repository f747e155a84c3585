"""`temple projection rows, history, explain`: what `temple member` answers, of any projection."""

from datetime import datetime
from typing import Any

import click

from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.queries.member import require_member
from temple_ledger.infrastructure.queries.projection_status import projection_status
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.queries.rows_then import rows_of_member_then
from temple_ledger.infrastructure.queries.versions import projection_named
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.infrastructure.terminal.member_rows import (
    by_moment,
    cause_data,
    cause_row,
    print_history,
    print_parked,
    print_waiting,
    rows_data,
)
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json, print_rows
from temple_ledger.infrastructure.terminal.times import as_of as as_of_option
from temple_ledger.infrastructure.terminal.times import known_at as known_at_option
from temple_ledger.projections.endless_folds import ends_endless_folds
from temple_ledger.projections.explain import causes
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed_as
from temple_ledger.projections.registry import carried, catalogue
from temple_ledger.projections.tables import Rows

name_argument = click.argument("name", metavar="NAME")
member_argument = click.argument("user_id", metavar="MEMBER")


@click.command("rows")
@name_argument
@member_argument
@as_of_option
@known_at_option
@as_json
@click.pass_obj
@ends_endless_folds
def rows(
    session: Session, name: str, user_id: str, as_of: datetime | None, known_at: datetime | None, as_json: bool
) -> None:
    """The rows that a projection has of a member.

    Without a time, as its tables say; with one, folded from the log as it was then.

    \b
    Example:
      temple projection rows members 500000000000000001 --as-of 2026-03-01
    """
    moment = AsOf(as_of, known_at)
    with snapshot(session.reading) as connection:
        projection = _of_members(connection, name)
        require_member(connection, user_id)
        if moment.is_now:
            found = _stored(session, connection, projection, user_id)
        else:
            then = rows_of_member_then(connection, projection, user_id, moment, catalogue())
            found = then.rows
            print_parked(session, connection, then)
    data = rows_data(projection.tables, found)
    if as_json:
        print_json(data)
        return
    if not any(data.values()):
        print_line(f"{name} has no row of {user_id}: no event of a known kind {by_moment(moment)}")
    for table in projection.tables:
        if data[table.name]:
            print_rows(data[table.name], table.column_names, as_json=False, title=table.name)


@click.command("history")
@name_argument
@member_argument
@as_of_option
@known_at_option
@as_json
@click.pass_obj
@ends_endless_folds
def history(
    session: Session, name: str, user_id: str, as_of: datetime | None, known_at: datetime | None, as_json: bool
) -> None:
    """Every event of a member, and which of them a projection does not fold.

    \b
    Example:
      temple projection history members 500000000000000001
    """
    with snapshot(session.reading) as connection:
        projection = _of_members(connection, name)
    print_history(session, projection, user_id, AsOf(as_of, known_at), as_json=as_json)


@click.command("explain")
@name_argument
@member_argument
@as_of_option
@known_at_option
@as_json
@click.pass_obj
@ends_endless_folds
def explain(
    session: Session, name: str, user_id: str, as_of: datetime | None, known_at: datetime | None, as_json: bool
) -> None:
    """The event behind each value of each row that a projection has of a member.

    Folded from the log, now or as of a time: `events show POSITION` shows more of an event.

    \b
    Example:
      temple projection explain members 500000000000000001
    """
    moment = AsOf(as_of, known_at)
    with snapshot(session.reading) as connection:
        projection = _of_members(connection, name)
        require_member(connection, user_id)
        directory = read_directory(connection)
        then = rows_of_member_then(connection, projection, user_id, moment, catalogue())
        found = causes(Fold(projection, catalogue()), then.folded_events)
        print_parked(session, connection, then)
    if as_json:
        print_json([cause_data(cause) for cause in found])
        return
    if not found:
        print_line(f"{name} has no value of {user_id} to explain: no event of a known kind {by_moment(moment)}")
    for table in projection.tables:
        shown = [cause_row(cause, directory) for cause in found if cause.table == table.name]
        if shown:
            columns = (*table.key, "column", "value", "position", "timestamp", "event")
            print_rows(shown, columns, as_json=False, title=table.name)


def _of_members(connection: Connection, name: str) -> MemberProjection[Any]:
    """Raises UnknownName, with near names."""
    projection = projection_named(connection, name)
    if not isinstance(projection, MemberProjection):
        raise click.UsageError(
            f"{name} is a tally, which counts for all members together and has no rows of one; "
            f"its counts are in the table {projection.table.name}"
        )
    return projection


def _stored(session: Session, connection: Connection, projection: MemberProjection[Any], user_id: str) -> Rows:
    status = projection_status(connection, carried(), str(projection.key), catalogue=catalogue())
    if status.next_command:
        session.note(f"{status.label} stands still ({status.state}); run: {status.next_command}")
    if not status.active:
        session.note(f"these rows are of version {status.version}, which readers do not see")
    print_waiting(session, connection, str(projection.key), user_id)
    there = placed_as(projection, active=status.active)
    return PostgresTransaction(connection).stored(there, [user_id])[user_id].rows
