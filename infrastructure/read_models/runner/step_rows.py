"""What a step writes of members: rows of a table, frontiers, failures. Of a wide step, on the thread that writes."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.fold import Frontier
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import TooWide
from temple_ledger.projections.tables import Row, Table

Connection = psycopg.Connection[Any]


def write_apart(
    connection: Connection, table: Table, new: Sequence[Row], changed: Sequence[Row], gone: Sequence[Row]
) -> None:
    """In a wide step nothing is remembered: what is new was looked for in this transaction."""
    try:
        tables.write_apart(connection, table, new, changed, gone)
    except psycopg.errors.UniqueViolation as error:
        raise TooWide(f"somebody else wrote rows of {table.name} meanwhile") from error


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
