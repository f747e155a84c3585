"""The changes and resets of a projection, as they are stored for the consumers of its feed."""

from collections.abc import Sequence
from typing import Any, Final

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.feed import StoredChange
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.row_json import rows_to_json

Connection = psycopg.Connection[Any]

MEMBERS_AT_A_TIME: Final = 1_000


def is_followed(connection: Connection, key: ProjectionKey) -> bool:
    return connection.execute(statement("feed_followed"), key.parameters).fetchone() is not None


def store_changes(connection: Connection, key: ProjectionKey, changes: Sequence[StoredChange]) -> None:
    if changes:
        positions, user_ids, before, after = (list(column) for column in zip(*changes, strict=True))
        values = {"positions": positions, "user_ids": user_ids, "before": before, "after": after}
        connection.execute(statement("feed_put"), {**key.parameters, **values})


def reset(connection: Connection, projection: MemberProjection[Any], user_ids: Sequence[str], at: Position) -> None:
    """As the rows are in this transaction; nothing where nobody reads the feed."""
    if not user_ids or not is_followed(connection, projection.key):
        return
    for page in in_pages(sorted(set(user_ids)), MEMBERS_AT_A_TIME):
        rows = tables.rows_of_members(connection, projection.tables, page)
        after = [rows_to_json(projection.tables, rows[user_id]) for user_id in page]
        values = {"position": at, "user_ids": page, "after": after}
        connection.execute(statement("feed_reset"), {**projection.key.parameters, **values})


def prune(connection: Connection, days: float) -> None:
    """Deletes what every consumer has read, and what is so old."""
    connection.execute(statement("feed_prune"), {"days": days})
