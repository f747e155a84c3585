"""A log that was restored to an earlier point, while checkpoints, failures and skips know what it lost.

Positions are never given again: the sequence is first set above all that are known anywhere, so that what comes from
then on stands above. What is known of a position that the log does not have is void.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.key import ProjectionKey

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Voided:
    """The positions of failures and skips whose events the log does not have any more."""

    failures: Sequence[Position]
    skips: Sequence[Position]


def is_beyond_log(connection: Connection, checkpoint: Checkpoint) -> bool:
    """Whether the checkpoint stands above the end of the log: nothing that comes up to there would be folded."""
    if checkpoint.state is ProjectionState.TRIGGER:
        return False
    head = connection.execute(statement("log_head")).fetchone()
    return head is not None and checkpoint.furthest > head[0]


def raise_sequence(database: Database) -> Position | None:
    """Above every position that is known; where it stands then, None where it stood there. Appends wait meanwhile."""
    with database.connect(DatabaseRole.PROJECT, application="temple operation") as connection:
        row = connection.execute(statement("shortened_raise_sequence")).fetchone()
        return None if row is None or row[0] is None else Position(row[0])


def end_at_or_before(connection: Connection, position: Position) -> Position:
    row = connection.execute(statement("shortened_end"), {"position": position}).fetchone()
    return Position(row[0] if row is not None else 0)


def void_what_is_lost(connection: Connection, key: ProjectionKey) -> Voided:
    """Within a transaction that holds the checkpoint."""
    failures = connection.execute(statement("shortened_failures_void"), key.parameters).fetchall()
    skips = connection.execute(statement("shortened_skips_void"), key.parameters).fetchall()
    return Voided([Position(row[0]) for row in failures], [Position(row[0]) for row in skips])


def shorten_journal(connection: Connection, key: ProjectionKey, end: Position) -> None:
    """Of the batches; what was folded above *end* is not in the log."""
    connection.execute(statement("shortened_batches_void"), {**key.parameters, "end": end})
