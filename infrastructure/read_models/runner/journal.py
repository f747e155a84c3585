"""A checkpoint against the journal of batches."""

from typing import Any

import psycopg

from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.key import ProjectionKey


def committed_position(connection: psycopg.Connection[Any], key: ProjectionKey) -> Position:
    """The greatest one that a batch was committed at."""
    row = connection.execute(statement("journal_last"), key.parameters).fetchone()
    return START if row is None else Position(row[0])


def close_journal(connection: psycopg.Connection[Any], key: ProjectionKey, position: Position) -> None:
    """Enters what was folded beside the batches, from the last one to *position*; nothing where that is no further."""
    after = committed_position(connection, key)
    counted = connection.execute(statement("log_count"), {"after": after, "upto": position}).fetchone()
    connection.execute(
        statement("journal_append"),
        {**key.parameters, "position": position, "events": int(counted[0]) if counted else 0},
    )
