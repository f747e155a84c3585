"""What every projection can be asked about one member, as people read it."""

from collections.abc import Mapping, Sequence
from typing import Any

from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.queries.member import member_history, require_member, waiting_events
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, read_directory
from temple_ledger.infrastructure.queries.rows_then import RowsThen
from temple_ledger.infrastructure.read_models.operations import Parked, parked
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.infrastructure.terminal.event_rows import event_data, event_row
from temple_ledger.infrastructure.terminal.session import Session, print_json, print_rows
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.difference import named
from temple_ledger.projections.explain import Cause
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.registry import catalogue
from temple_ledger.projections.tables import Rows, Table


def print_history(
    session: Session, projection: MemberProjection[Any], user_id: str, moment: AsOf, *, as_json: bool
) -> None:
    """Every event of the member, and what the projection makes of it where that is not just folding it."""
    with snapshot(session.database) as connection:
        require_member(connection, user_id)
        directory = read_directory(connection)
        events = member_history(connection, user_id, moment)
        skipped = PostgresTransaction(connection).exceptions(projection.name).skipped
        failures = parked(connection, projection=projection.name, user_id=user_id)
    if as_json:
        print_json([event_data(event) for event in events])
        return
    fold = Fold(projection, catalogue().with_models(projection.steps))
    rows = [
        {**event_row(event, directory), "by": _actor(event), "note": _note(event, fold, skipped, failures)}
        for event in events
    ]
    noted = any(row["note"] for row in rows)
    print_rows(rows, ("position", "timestamp", "event", "target", "by", *(["note"] if noted else [])), as_json=False)


def print_waiting(session: Session, connection: Connection, projection: str, user_id: str) -> None:
    """Why the stored rows are not the whole story; nothing where they are."""
    for failure in parked(connection, projection=projection, user_id=user_id):
        session.say(
            f"parked: the event at position {failure.position} could not be folded, and the rows are as "
            f"before it; see: temple failures show {failure.position}"
        )
        return
    waiting = waiting_events(connection, user_id, projection)
    if waiting:
        session.say(f"{plural(waiting, 'event')} of this member not folded yet; run: temple run --until-caught-up")


def print_parked(session: Session, then: RowsThen) -> None:
    if then.parked_at is not None:
        session.say(
            f"the event at position {then.parked_at} cannot be folded ({then.error}): this is the member before it"
        )


def by_moment(moment: AsOf) -> str:
    """How "no event of a known kind …" goes on."""
    return "is folded yet" if moment.is_now else str(moment)


def rows_data(tables: Sequence[Table], rows: Rows) -> Mapping[str, Any]:
    """By table, each row by its columns."""
    return {table.name: [named(table, row) for row in rows.get(table.name, ())] for table in tables}


def cause_data(cause: Cause) -> dict[str, Any]:
    return {**cause._asdict(), "event": event_data(cause.event)}


def cause_row(cause: Cause, directory: RoleDirectory) -> dict[str, Any]:
    """The key's columns, the value and its event."""
    return {**event_row(cause.event, directory), **cause.key, "column": cause.column, "value": cause.value}


def _actor(event: Recorded) -> str | None:
    """Who did it, where the event says so."""
    try:
        metadata = event.metadata
    except InvalidEvent:
        return None
    by = metadata.get("granted_by") or metadata.get("by")
    return by if isinstance(by, str) else None


def _note(event: Recorded, fold: Fold[Any], skipped: frozenset[Position], failures: Sequence[Parked]) -> str | None:
    if event.position in skipped:
        return "skipped"
    if any(event.position == failure.position for failure in failures):
        return "parked"
    if any(event.position > failure.position for failure in failures):
        return "waits"
    return None if fold.knows(event) else "not folded"
