"""Frontiers as COPY takes them in text."""

from collections.abc import Mapping
from typing import Final

from temple_ledger.infrastructure.database.copying import as_text
from temple_ledger.infrastructure.database.tables import USER_ID
from temple_ledger.projections.fold import Frontier
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.tables import Column
from temple_ledger.projections.values import ColumnType

FRONTIER: Final = (
    Column("projection", ColumnType.TEXT),
    Column("version", ColumnType.INTEGER),
    USER_ID,
    Column("occurred_at", ColumnType.TIMESTAMPTZ),
    Column("position", ColumnType.BIGINT),
)


def frontiers_as_text(key: ProjectionKey, frontiers: Mapping[str, Frontier]) -> str:
    """In the order of the index."""
    rows = [(*key, user_id, *frontier) for user_id, frontier in sorted(frontiers.items())]
    return as_text(FRONTIER, rows) if rows else ""
