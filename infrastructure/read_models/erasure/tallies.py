"""What a tally counted of events, before and after they were changed."""

from collections.abc import Mapping

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.member_log.recount import recount_at
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.counting import TallyBatch
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tally import Tally


def counted_at(
    transaction: PostgresTransaction,
    tally: Projection,
    checkpoints: Mapping[ProjectionKey, Checkpoint],
    chosen: PositionSet,
    catalogue: Catalogue,
) -> TallyBatch:
    """What a tally has counted of these events; nothing where it is no tally."""
    if not isinstance(tally, Tally):
        return TallyBatch()
    exceptions = transaction.exceptions(tally.key)
    left_out = exceptions.left_out | PositionSet.of(exceptions.parked_positions)
    upto = checkpoints[tally.key].position
    return recount_at(transaction.connection, tally, chosen, upto=upto, left_out=left_out, catalogue=catalogue)


def count_instead(transaction: PostgresTransaction, tally: Tally, before: TallyBatch, after: TallyBatch) -> None:
    keys = before.increments.keys() | after.increments.keys()
    difference = {key: after.increments.get(key, 0) - before.increments.get(key, 0) for key in keys}
    tables.add(transaction.connection, tally.table, {key: number for key, number in difference.items() if number})
    tables.delete_zero(transaction.connection, tally.table, before.increments)
    transaction.park(tally.key, after.failures)
    if after.counted != before.counted:
        transaction.connection.execute(
            statement("checkpoint_count_more"),
            {**tally.key.parameters, "counted": after.counted - before.counted},
        )
