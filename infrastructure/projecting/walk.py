"""Every member of the log, one by one, beside the rows that are stored: in constant memory, in one snapshot."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, starmap
from typing import Any, Final, Generic, NamedTuple

import psycopg
from psycopg import sql

from domain.catalogue import CATALOGUE, Catalogue
from domain.position import Position
from domain.recorded import Recorded
from infrastructure.database.statements import statement
from projections.batch import Stored
from projections.fold import Fold, Folded, Frontier
from projections.member_projection import MemberProjection, State
from projections.tables import Row, Rows

ROWS_AT_A_TIME: Final = 5_000

Connection = psycopg.Connection[Any]


class Walked(NamedTuple, Generic[State]):
    """A member as the log has it and as it is stored; either side may be empty."""

    user_id: str
    folded: Folded[State]
    stored: Stored


def walk(
    connection: Connection,
    projection: MemberProjection[State],
    *,
    upto: Position,
    skipped: frozenset[Position],
    catalogue: Catalogue = CATALOGUE,
) -> Iterator[Walked[State]]:
    """By user_id. Within a transaction of *connection*, which decides what is seen."""
    fold = Fold(projection, catalogue)
    log = _Grouped(_known_events(connection, fold, upto), lambda recorded: recorded.user_id)
    tables = [(table.name, _Grouped(_rows(connection, table.name, table.column_names), _first)) for table in
              projection.tables]
    frontiers = _Grouped(_frontiers(connection, projection.name), _first)
    sides = [log, frontiers, *(rows for _, rows in tables)]
    while (user_id := min((side.next for side in sides if side.next is not None), default=None)) is not None:
        events = [recorded for recorded in log.take(user_id) if recorded.position not in skipped]
        stored: Rows = {name: [row[1:] for row in rows.take(user_id)] for name, rows in tables}
        place = frontiers.take(user_id)
        frontier = Frontier(place[0][1], Position(place[0][2])) if place else None
        yield Walked(user_id, fold.whole(events), Stored({k: v for k, v in stored.items() if v}, frontier))


class _Grouped:
    """A stream ordered by user_id, taken a user at a time."""

    def __init__(self, rows: Iterator[Any], user_of: Callable[[Any], str]) -> None:
        self._groups = groupby(rows, key=user_of)
        self.next: str | None = None
        self._rows: Sequence[Any] = ()
        self._step()

    def _step(self) -> None:
        self.next, self._rows = None, ()
        for user_id, rows in self._groups:
            self.next, self._rows = user_id, list(rows)
            break

    def take(self, user_id: str) -> Sequence[Any]:
        if self.next != user_id:
            return ()
        rows = self._rows
        self._step()
        return rows


def _first(row: Row) -> str:
    return str(row[0])


def _known_events(connection: Connection, fold: Fold[Any], upto: Position) -> Iterator[Recorded]:
    types, actions = zip(*fold.names, strict=True) if fold.names else ((), ())
    parameters = {"upto": upto, "event_types": list(types), "actions": list(actions)}
    return starmap(Recorded, _stream(connection, "walk_log", statement("walk_log"), parameters))


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
    with connection.cursor(name, withhold=False) as cursor:
        cursor.itersize = ROWS_AT_A_TIME
        cursor.execute(query, parameters, binary=True)
        yield from cursor
