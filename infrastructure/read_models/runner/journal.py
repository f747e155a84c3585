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


def close_journal(
    connection: psycopg.Connection[Any], key: ProjectionKey, position: Position, passed: int | None = None
) -> None:
    """Enters what was folded beside the batches, from the last one to *position*; nothing where that is no further.

    *passed* is how many events there are up to there, where somebody has counted them: of a long log, that takes time.
    """
    after = committed_position(connection, key)
    counted = passed if after == START and passed is not None else _between(connection, after, position)
    connection.execute(statement("journal_append"), {**key.parameters, "position": position, "events": counted})


def _between(connection: psycopg.Connection[Any], after: Position, upto: Position) -> int:
    row = connection.execute(statement("log_count"), {"after": after, "upto": upto}).fetchone()
    return int(row[0]) if row is not None else 0
