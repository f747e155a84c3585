"""Every member of the log, one by one, beside the rows that are stored: in constant memory, in one snapshot."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, TypeVar

import psycopg
from psycopg.sql import Composed

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.session_settings import set_for_transaction
from temple_ledger.infrastructure.database.shared_snapshot import share_snapshot
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.table_queries import rows_by_member
from temple_ledger.infrastructure.read_models.member_log.fold_members import before_parked, fold_long
from temple_ledger.infrastructure.read_models.member_stream import member_stream
from temple_ledger.projections.batch import StoredRows, without
from temple_ledger.projections.fold import Fold, Folded, Frontier
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection, State
from temple_ledger.projections.tables import Row, Table

ROWS_AT_A_TIME: Final = 5_000

Connection = psycopg.Connection[Any]
Group = TypeVar("Group")


class Walked(NamedTuple, Generic[State]):
    """A member as the log has it and as it is stored; either side may be empty."""

    user_id: str
    folded: Folded[State]
    stored: StoredRows


class Snapshot(NamedTuple):
    """Two connections that see the same: one for the log, which it sends in one go, one for everything else."""

    log: Connection
    tables: Connection


def snapshot_connection(database: Database, *, application: str) -> Connection:
    """Each of its transactions sees one state of the database."""
    connection = database.connect(DatabaseRole.READ, application=application, autocommit=False)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return connection


@contextmanager
def one_snapshot(log: Connection, tables: Connection) -> Iterator[Snapshot]:
    """A transaction on both, which are idle snapshot connections; it ends with the block."""
    try:
        share_snapshot(tables, log)
        set_for_transaction(log, "work_mem", "128MB")
        yield Snapshot(log, tables)
    finally:
        for connection in (log, tables):
            # one that is broken has no transaction left to end
            with suppress(psycopg.Error):
                connection.rollback()


def walk(
    snapshot: Snapshot,
    projection: MemberProjection[State],
    *,
    upto: Position,
    left_out: PositionSet,
    parked: Mapping[str, Position] = MappingProxyType({}),
    catalogue: Catalogue,
) -> Generator[Walked[State], None, None]:
    """By user_id; of a parked member what came before the event that parked it. Whoever stops early closes it."""
    fold = Fold(projection, catalogue)
    with closing(member_stream(snapshot.log, fold, upto=upto)) as stream:
        yield from _walk(snapshot, projection, fold, stream, upto, left_out, parked)


def _walk(
    snapshot: Snapshot,
    projection: MemberProjection[State],
    fold: Fold[State],
    stream: Iterator[tuple[str, Sequence[Recorded] | None]],
    upto: Position,
    left_out: PositionSet,
    parked: Mapping[str, Position],
) -> Iterator[Walked[State]]:
    log: _Grouped[Sequence[Recorded] | None] = _Grouped(stream, ())
    tables = [(table.name, _Grouped(_by_member(_rows(snapshot.tables, table)), ())) for table in projection.tables]
    frontiers = _Grouped(_by_member(_frontiers(snapshot.tables, projection.key)), ())
    sides: list[_Grouped[Any]] = [log, frontiers, *(rows for _, rows in tables)]
    while (user_id := min((side.next for side in sides if side.next is not None), default=None)) is not None:
        events = log.rows_of(user_id)
        stored = {name: [row[1:] for row in found] for name, rows in tables if (found := rows.rows_of(user_id))}
        place = frontiers.rows_of(user_id)
        frontier = Frontier(place[0][1], Position(place[0][2])) if place else None
        parked_at = parked.get(user_id)
        if events is None:
            folded = fold_long(snapshot.tables, fold, user_id, upto, left_out=left_out, parked_at=parked_at)
        else:
            folded = fold.whole_of_known(before_parked(without(left_out, events), parked_at))
        yield Walked(user_id, folded, StoredRows(stored, frontier))


class _Grouped(Generic[Group]):
    """A stream of (user_id, rows), ordered by user_id, read when its user comes; *none* for a user without."""

    def __init__(self, groups: Iterator[tuple[str, Group]], none: Group) -> None:
        self._groups = groups
        self._none = none
        self.next: str | None = None
        self._rows = none
        self._step()

    def _step(self) -> None:
        self.next, self._rows = next(self._groups, (None, self._none))

    def rows_of(self, user_id: str) -> Group:
        if self.next != user_id:
            return self._none
        rows = self._rows
        self._step()
        return rows


def _by_member(rows: Iterator[Row]) -> Iterator[tuple[str, Sequence[Row]]]:
    for user_id, found in groupby(rows, key=itemgetter(0)):
        yield user_id, list(found)


def _rows(connection: Connection, table: Table) -> Iterator[Row]:
    return _stream(connection, f"walk_{table.name}", rows_by_member(table), {})


def _frontiers(connection: Connection, key: ProjectionKey) -> Iterator[Row]:
    return _stream(connection, "walk_frontiers", statement("walk_frontiers"), key.parameters)


def _stream(connection: Connection, name: str, query: bytes | Composed, parameters: dict[str, object]) -> Iterator[Row]:
    with connection.cursor(name) as cursor:
        cursor.itersize = ROWS_AT_A_TIME
        cursor.execute(query, parameters, binary=True)
        yield from cursor
