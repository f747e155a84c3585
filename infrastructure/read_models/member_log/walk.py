"""Every member of the log, one by one, beside the rows that are stored: in constant memory, in one snapshot."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple

import psycopg
from psycopg import sql

from temple_ledger.domain.catalogue import CATALOGUE, Catalogue
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.member_log.fold_members import before_parked
from temple_ledger.infrastructure.read_models.member_stream import member_stream
from temple_ledger.projections.batch import StoredRows, without
from temple_ledger.projections.fold import Fold, Folded, Frontier
from temple_ledger.projections.member_projection import MemberProjection, State
from temple_ledger.projections.tables import Row

ROWS_AT_A_TIME: Final = 5_000

Connection = psycopg.Connection[Any]


class Walked(NamedTuple, Generic[State]):
    """A member as the log has it and as it is stored; either side may be empty."""

    user_id: str
    folded: Folded[State]
    stored: StoredRows


class Snapshot(NamedTuple):
    """Two connections that see the same: one for the log, which it sends in one go, one for everything else."""

    log: Connection
    tables: Connection


@contextmanager
def one_snapshot(database: Database, *, application: str) -> Iterator[Snapshot]:
    with (
        database.connect(DatabaseRole.READ, application=application, autocommit=False) as tables,
        database.connect(DatabaseRole.READ, application=application, autocommit=False) as log,
    ):
        for connection in (tables, log):
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        row = tables.execute("select pg_export_snapshot()").fetchone()
        exported = row[0] if row is not None else ""
        log.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(exported)))
        log.execute("set local work_mem = '128MB'")
        yield Snapshot(log, tables)


def walk(
    snapshot: Snapshot,
    projection: MemberProjection[State],
    *,
    upto: Position,
    skipped: frozenset[Position],
    parked: Mapping[str, Position] = MappingProxyType({}),
    catalogue: Catalogue = CATALOGUE,
) -> Generator[Walked[State], None, None]:
    """By user_id; of a parked member what came before the event that parked it. Whoever stops early closes it."""
    fold = Fold(projection, catalogue)
    with closing(member_stream(snapshot.log, fold, upto=upto)) as stream:
        yield from _walk(snapshot, projection, fold, stream, skipped, parked)


def _walk(
    snapshot: Snapshot,
    projection: MemberProjection[State],
    fold: Fold[State],
    stream: Iterator[tuple[str, Sequence[Recorded]]],
    skipped: frozenset[Position],
    parked: Mapping[str, Position],
) -> Iterator[Walked[State]]:
    log = _Grouped(stream)
    tables = [
        (table.name, _Grouped(_by_member(_rows(snapshot.tables, table.name, table.column_names))))
        for table in projection.tables
    ]
    frontiers = _Grouped(_by_member(_frontiers(snapshot.tables, projection.name)))
    sides = [log, frontiers, *(rows for _, rows in tables)]
    while (user_id := min((side.next for side in sides if side.next is not None), default=None)) is not None:
        events = before_parked(without(skipped, log.take(user_id)), parked.get(user_id))
        stored = {name: [row[1:] for row in found] for name, rows in tables if (found := rows.take(user_id))}
        place = frontiers.take(user_id)
        frontier = Frontier(place[0][1], Position(place[0][2])) if place else None
        yield Walked(user_id, fold.whole_of_known(events), StoredRows(stored, frontier))


class _Grouped:
    """A stream of (user_id, rows), ordered by user_id, taken when its user comes."""

    def __init__(self, groups: Iterator[tuple[str, Sequence[Any]]]) -> None:
        self._groups = groups
        self.next: str | None = None
        self._rows: Sequence[Any] = ()
        self._step()

    def _step(self) -> None:
        self.next, self._rows = next(self._groups, (None, ()))

    def take(self, user_id: str) -> Sequence[Any]:
        if self.next != user_id:
            return ()
        rows = self._rows
        self._step()
        return rows


def _by_member(rows: Iterator[Row]) -> Iterator[tuple[str, Sequence[Row]]]:
    for user_id, found in groupby(rows, key=itemgetter(0)):
        yield user_id, list(found)


def _rows(connection: Connection, table: str, columns: Sequence[str]) -> Iterator[Row]:
    query = sql.SQL('select user_id, {} from {} order by user_id collate "C"').format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table)
    )
    return _stream(connection, f"walk_{table}", query, {})


def _frontiers(connection: Connection, projection: str) -> Iterator[Row]:
    return _stream(connection, "walk_frontiers", statement("walk_frontiers"), {"projection": projection})


def _stream(
    connection: Connection, name: str, query: bytes | sql.Composed, parameters: dict[str, object]
) -> Iterator[Row]:
    with connection.cursor(name) as cursor:
        cursor.itersize = ROWS_AT_A_TIME
        cursor.execute(query, parameters, binary=True)
        yield from cursor
