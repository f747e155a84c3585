"""The lanes of a split projection: held by whoever needs all of them, and published by whoever steps some."""

from collections.abc import Collection
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction, transactions
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.gathering import gathered
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import Projection, processor_of
from temple_ledger.projections.standing import NEEDS_REPLAY, may_fold

TRIES: Final = 5


def hold(transaction: PostgresTransaction, projection: Projection, catalogue: Catalogue) -> Checkpoint:
    """The checkpoint, held until the transaction ends, with all lanes at its position.

    They stand apart still where this code may not fold them: then a replay is needed, which replaces the rows of all.
    Raises what `lock_checkpoint` raises, LanesApart, and what a step raises.
    """
    checkpoint = transaction.lock_checkpoint(projection.key, apart=True)
    if not checkpoint.is_apart or may_fold(projection, checkpoint, catalogue) == NEEDS_REPLAY:
        return checkpoint
    processor = processor_of(projection, transactions(transaction.connection), catalogue=catalogue)
    return gathered(transaction, processor, checkpoint)


def least_of(checkpoint: Checkpoint, lanes: Collection[int]) -> Position:
    """Where the last of these lanes stands; of no lanes, the projection."""
    return min((checkpoint.lanes[lane] for lane in lanes), default=checkpoint.position)


def publish(connection: psycopg.Connection[Any], key: ProjectionKey) -> None:
    """Moves the projection's own position to where its last lane stands: what everybody reads who asks how far it is.

    A step that covers all lanes moves it by itself. What is not published, because an operation holds the checkpoint,
    the next step publishes, or a runner's next look at the states.
    """
    for _ in range(TRIES):
        try:
            row = connection.execute(statement("lane_publish"), key.parameters).fetchone()
        except psycopg.errors.LockNotAvailable:
            return
        if row is None or not row[0] or row[1]:
            return
