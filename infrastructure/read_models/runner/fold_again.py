"""Members folded again from the log, within a transaction that holds the checkpoint."""

from collections.abc import Sequence
from typing import Any, Final

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.member_log.fold_members import fold_histories
from temple_ledger.infrastructure.read_models.runner.raising import raise_effects, raise_effects_of_long, remembering
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.projections.batch import Failure, failure_of
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.difference import Changes
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed
from temple_ledger.projections.tables import Rows

MEMBERS_AT_A_TIME: Final = 200
"""Folded between two statements: an open transaction that is idle for long is ended by the database."""


def fold_again(
    transaction: PostgresTransaction,
    projection: MemberProjection[Any],
    checkpoint: Checkpoint,
    user_ids: Sequence[str],
    *,
    catalogue: Catalogue,
    raising: bool = False,
    resetting: bool = False,
) -> tuple[Changes, Sequence[Failure]]:
    """Puts these members' rows in place as the log has them at the checkpoint; what that changed, what failed.

    Within a transaction that holds the checkpoint. *raising*: what parked members waited for raises its effects now.
    *resetting*: whoever has other rows now is reset for the consumers of the feed.
    """
    projection = placed(projection, checkpoint)
    stored = transaction.stored(projection, user_ids)
    changes, failures, frontiers = Changes(), [], {}
    fold = Fold(projection, catalogue)
    upto = checkpoint.position
    exceptions = transaction.exceptions(projection.key)
    left_out, parked = exceptions.left_out, exceptions.parked if raising and projection.effects else {}
    raised: list[str] = []
    at_hand: dict[str, Sequence[Recorded] | None] = {}
    histories = remembering(transaction.histories(fold, user_ids, upto), at_hand)
    for user_id, folded, _ in fold_histories(transaction.connection, fold, histories, upto, left_out=left_out):
        before: Rows = stored[user_id].rows
        changes.add_member(projection.tables, user_id, before, folded.rows)
        frontiers[user_id] = folded.frontier
        failure = failure_of(user_id, folded)
        if failure is not None:
            failures.append(failure)
        if user_id in parked:
            every = at_hand[user_id]
            if every is None:
                raise_effects_of_long(transaction, fold, user_id, folded, parked[user_id], upto, left_out)
            else:
                raise_effects(transaction, fold, user_id, every, parked[user_id], folded.parked_at)
            raised.append(user_id)
    transaction.park(projection.key, failures)
    transaction.connection.execute(
        statement("failure_delete_of_members"),
        {
            **projection.key.parameters,
            "user_ids": list(user_ids),
            "still": [failure.position for failure in failures],
        },
    )
    transaction.connection.execute(statement("failure_raised"), {**projection.key.parameters, "user_ids": raised})
    transaction.write(projection.tables, changes)
    transaction.move_frontiers(projection.key, frontiers)
    if raising or resetting:
        transaction.reset(projection, sorted(changes.members), checkpoint.position)
    return changes, failures
