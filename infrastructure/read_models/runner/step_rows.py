"""What a step writes of members: rows of a table, frontiers, failures. Of a wide step, on the thread that writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.copying import copy_text
from temple_ledger.infrastructure.database.frontier_text import FRONTIER, frontiers_as_text
from temple_ledger.infrastructure.database.rebuilt_tables import is_empty
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.tables import RowsApart
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.fold import Frontier
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import TooWide
from temple_ledger.projections.projecting import Sums
from temple_ledger.projections.tables import Row, Table

Connection = psycopg.Connection[Any]

MANY: Final = 1_000
"""Counts that are worth a look whether there are none yet."""


@dataclass(frozen=True)
class WrittenMembers:
    """Rows by the declared names of their tables, frontiers and failures of some members, as one process makes them and
    another one stores them."""

    rows: Mapping[str, RowsApart]
    frontiers: Mapping[str, Frontier | None] | str
    """A text for COPY where none are stored."""
    failures: Sequence[Failure]


def write_apart(connection: Connection, table: Table, rows: RowsApart) -> None:
    """In a wide step nothing is remembered: what is new was looked for in this transaction."""
    try:
        tables.write_apart(connection, table, rows)
    except psycopg.errors.UniqueViolation as error:
        raise TooWide(f"somebody else wrote rows of {table.name} meanwhile") from error


def write_rows(
    connection: Connection, table: Table, new: Sequence[Row], changed: Sequence[Row], gone: Sequence[Row]
) -> None:
    write_apart(connection, table, tables.rows_apart(table, new, changed, gone))


def holds_nothing(connection: Connection, projection: MemberProjection[Any]) -> bool:
    if not all(is_empty(connection, table) for table in projection.tables):
        return False
    return connection.execute(statement("frontier_any"), projection.key.parameters).fetchone() is None


def add_counts(connection: Connection, table: Table, increments: Sums) -> None:
    if len(increments) > MANY and is_empty(connection, table):
        tables.fill_counts(connection, table, increments)
    else:
        tables.add(connection, table, increments)


def write_members(connection: Connection, projection: MemberProjection[Any], written: WrittenMembers) -> None:
    for table in projection.tables:
        if table.name in written.rows:
            write_apart(connection, table, written.rows[table.name])
    put_frontiers(connection, projection.key, written.frontiers)
    if written.failures:
        write_failures(connection, projection.key, written.failures)


def new_frontiers(key: ProjectionKey, frontiers: Mapping[str, Frontier | None]) -> str:
    return frontiers_as_text(key, {user_id: each for user_id, each in frontiers.items() if each is not None})


def put_frontiers(connection: Connection, key: ProjectionKey, frontiers: Mapping[str, Frontier | None] | str) -> None:
    """As a text of `new_frontiers` where none are stored."""
    if not isinstance(frontiers, str):
        write_frontiers(connection, key, frontiers)
    elif frontiers:
        copy_text(connection, "projection_frontier", FRONTIER, frontiers)


def write_frontiers(connection: Connection, key: ProjectionKey, frontiers: Mapping[str, Frontier | None]) -> None:
    moved = [(user_id, *place) for user_id, place in frontiers.items() if place is not None]
    if moved:
        user_ids, occurred_at, positions = zip(*moved, strict=True)
        connection.execute(
            statement("frontier_write"),
            {
                **key.parameters,
                "user_ids": list(user_ids),
                "occurred_at": list(occurred_at),
                "positions": list(positions),
            },
        )
    gone = [user_id for user_id, place in frontiers.items() if place is None]
    if gone:
        connection.execute(statement("frontier_delete"), {**key.parameters, "user_ids": gone})


def write_failures(connection: Connection, key: ProjectionKey, failures: Sequence[Failure]) -> None:
    positions, user_ids, errors, kinds, frames = zip(*failures, strict=True)
    connection.execute(
        statement("failure_write"),
        {
            **key.parameters,
            "positions": list(positions),
            "user_ids": list(user_ids),
            "errors": list(errors),
            "kinds": list(kinds),
            "frames": list(frames),
        },
    )
