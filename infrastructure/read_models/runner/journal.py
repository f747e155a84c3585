"""A checkpoint against the journal of batches."""

from typing import Any

import psycopg

from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.checkpoint import Checkpoint


def believed_position(connection: psycopg.Connection[Any], checkpoint: Checkpoint) -> Position:
    """The checkpoint's, unless it is beyond the log: then the last one that a batch was committed at.

    Between that and the head may stand events that nobody folded, and positions that are not decided yet.
    """
    row = connection.execute(statement("log_head")).fetchone()
    if row is not None and checkpoint.position <= (row[0] or 0):
        return checkpoint.position
    return committed_position(connection, checkpoint.projection)


def committed_position(connection: psycopg.Connection[Any], projection: str) -> Position:
    """The greatest one that a batch was committed at."""
    row = connection.execute(statement("journal_last"), {"projection": projection}).fetchone()
    return START if row is None else Position(row[0])
