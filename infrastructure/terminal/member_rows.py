"""What every projection can be asked about one member, as people read it."""

from collections.abc import Mapping, Sequence
from typing import Any

from temple_ledger.domain.position import PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.log.retracted import retracted_positions
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.caveats import of_log
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.queries.member import member_history, require_member, waiting_events, whole_facts_of
from temple_ledger.infrastructure.queries.projection_status import ProjectionStatus, projection_status
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, read_directory
from temple_ledger.infrastructure.queries.rows_then import RowsThen
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.operations import Parked, parked
from temple_ledger.infrastructure.terminal.event_rows import attributed_data, event_data, event_row
from temple_ledger.infrastructure.terminal.session import Session, print_json_list, print_rows
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.difference import named
from temple_ledger.projections.explain import Cause
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.registry import carried, catalogue
from temple_ledger.projections.tables import Rows, Table


def print_history(
    session: Session, projection: MemberProjection[Any], user_id: str, moment: AsOf, *, as_json: bool
) -> None:
    """Every event of the member, and what the projection makes of it where that is not just folding it."""
    with snapshot(session.reading) as connection:
        require_member(connection, user_id)
        print_doubts(session, connection, user_id)
        directory = read_directory(connection)
        left_out = read_exceptions(connection, projection.key).left_out
        retracted = retracted_positions(connection)
        facts = member_history(connection, user_id, moment, left_out=left_out, payloads=False)
        failures = parked(connection, projection=projection.name, version=projection.version, user_id=user_id)
        if as_json:
            whole = whole_facts_of(connection, facts)
            print_json_list({**attributed_data(each), "retracted": each.event.position in retracted} for each in whole)
            return
    fold = Fold(projection, catalogue().with_models(projection.steps))
    rows = [
        {
            **event_row(fact.event, directory),
            "by": fact.actor,
            "note": _note(fact.event, fold, left_out, retracted, failures),
        }
        for fact in facts
    ]
    noted = any(row["note"] for row in rows)
    columns = ("position", "timestamp", "event", "target", "by", *(["note"] if noted else []))
    print_rows(rows, columns, as_json=False)


def print_waiting(session: Session, connection: Connection, projection: str, user_id: str | None = None) -> int:
    """Why the stored rows, of a member or of everybody, are not the whole story; nothing where they are.

    Returns how many events they do not have, that of a parked member among them.
    """
    status = projection_status(connection, carried(), projection, catalogue=catalogue())
    if user_id is None:
        if status.parked:
            parked_members = plural(status.parked, "member is", "members are")
            session.note(f"{parked_members} parked, with rows as before; see: temple failures list")
        waiting, events = status.lag_events, status.waiting()
    else:
        for failure in parked(connection, projection=status.name, version=status.version, user_id=user_id):
            session.note(
                f"parked: the event at position {failure.position} could not be folded, and the rows are as "
                f"before it; see: temple failures show {failure.position}"
            )
            return 1 + failure.waiting
        waiting = waiting_events(connection, user_id, status.key)
        events = f"{plural(waiting, 'event')} of this member"
    if waiting:
        session.note(f"{events} not folded yet; {what_folds(status)}")
    return waiting


def what_folds(status: ProjectionStatus) -> str:
    if status.next_command is not None:
        return f"{status.label} is {status.state}; run: {status.next_command}"
    return "a runner is at work" if status.leader is not None else "run: temple run --until-caught-up"


def print_doubts(session: Session, connection: Connection, user_id: str | None = None) -> None:
    """That what is made from the log, of a member or of everybody, is from a changed one."""
    for each in of_log(connection, user_id):
        session.note(f"{each}; see: temple seal verify")


def print_parked(session: Session, connection: Connection, then: RowsThen) -> None:
    """Why a member who was folded from the log may be another one."""
    print_doubts(session, connection, then.user_id)
    if then.parked_at is not None:
        session.note(
            f"the event at position {then.parked_at} cannot be folded ({then.error}): this is the member before it"
        )


def by_moment(moment: AsOf) -> str:
    """How "no event of a known kind …" goes on."""
    return "is folded yet" if moment.is_now else str(moment)


def rows_data(tables: Sequence[Table], rows: Rows) -> Mapping[str, Any]:
    """By table, each row by its columns, in the order of the key."""
    return {
        table.name: [named(table, row) for row in sorted(rows.get(table.name, ()), key=table.key_of)]
        for table in tables
    }


def cause_data(cause: Cause) -> dict[str, Any]:
    return {**cause._asdict(), "event": event_data(cause.event)}


def cause_row(cause: Cause, directory: RoleDirectory) -> dict[str, Any]:
    """The key's columns, the value and its event."""
    return {**event_row(cause.event, directory), **cause.key, "column": cause.column, "value": cause.value}


def _note(
    event: Recorded, fold: Fold[Any], left_out: PositionSet, retracted: PositionSet, failures: Sequence[Parked]
) -> str | None:
    if event.position in retracted:
        return "retracted"
    if event.position in left_out:
        return "skipped"
    if any(event.position == failure.position for failure in failures):
        return "parked"
    if any(event.position > failure.position for failure in failures):
        return "waits"
    return None if fold.knows(event) else "not folded"
