"""Members who were parked because an event was newer than the process that met it: folded by one that knows it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import NewerVersion, UndecodableEvent
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.infrastructure.read_models.runner.fold_again import MEMBERS_AT_A_TIME, fold_again
from temple_ledger.infrastructure.read_models.runner.lanes import hold
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.standing import may_fold


def fold_known_versions(
    connection: psycopg.Connection[Any],
    holder: UUID | None,
    projection: MemberProjection[Any],
    *,
    catalogue: Catalogue,
) -> Sequence[str]:
    """Whose event this process knows, and who were therefore folded again.

    With *holder*, only while it leads the projection. Raises NotLeader.
    """
    found = connection.execute(statement("failure_versions"), projection.key.parameters).fetchall()
    known = [user_id for position, user_id, *name in found if _is_known(connection, catalogue, position, *name)]
    for page in in_pages(sorted(set(known)), MEMBERS_AT_A_TIME):
        with connection.transaction():
            transaction = PostgresTransaction(connection, holder)
            checkpoint = hold(transaction, projection, catalogue)
            if may_fold(projection, checkpoint, catalogue) is not None:
                return []
            changed = transaction.changed(page, checkpoint.position)
            holding = [user_id for user_id in page if user_id not in changed]
            fold_again(transaction, projection, checkpoint, holding, catalogue=catalogue, raising=True)
            connection.execute(statement("checkpoint_raise_epoch"), checkpoint.key.parameters)
    return known


def _is_known(
    connection: psycopg.Connection[Any], catalogue: Catalogue, position: int, event_type: str, action: str
) -> bool:
    known = catalogue.find(event_type, action)
    found = events(connection, after=Position(position - 1), upto=Position(position), limit=1)
    if known is None or not found:
        return False
    try:
        known.decode(found[0])
    except NewerVersion:
        return False
    except UndecodableEvent:
        # its version is known now, and it is refused for another reason: that is what is to be shown
        return True
    return True
