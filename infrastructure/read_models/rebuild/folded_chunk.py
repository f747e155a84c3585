"""Members that are folded and not written yet: as rows, and as text that one process makes and another one copies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

import psycopg

from temple_ledger.infrastructure.database.copying import as_text, copy_text
from temple_ledger.infrastructure.database.shadow_tables import shadow_of
from temple_ledger.infrastructure.database.tables import USER_ID, place_name
from temple_ledger.infrastructure.read_models.rebuild.shadow_rows import put_failures
from temple_ledger.projections.batch import Failure, failure_of
from temple_ledger.projections.fold import Folded, Frontier
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.tables import Column, ColumnType, Row

Connection = psycopg.Connection[Any]

_user_id: Final = itemgetter(0)

_FRONTIER: Final = (
    Column("projection", ColumnType.TEXT),
    Column("version", ColumnType.INTEGER),
    USER_ID,
    Column("occurred_at", ColumnType.TIMESTAMPTZ),
    Column("position", ColumnType.BIGINT),
)


@dataclass
class FoldedChunk:
    rows: dict[str, list[Row]] = field(default_factory=dict)
    frontiers: dict[str, Frontier] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    members: int = 0
    there: int = 0
    """Those of `members` who have rows."""
    events: int = 0

    def add(self, user_id: str, folded: Folded[Any], events: int) -> None:
        for table, rows in folded.rows.items():
            self.rows.setdefault(table, []).extend([(user_id, *row) for row in rows])
        if folded.frontier is not None:
            self.frontiers[user_id] = folded.frontier
        failure = failure_of(user_id, folded)
        if failure is not None:
            self.failures.append(failure)
        self.members += 1
        self.there += any(folded.rows.values())
        self.events += events

    def put(self, connection: Connection, projection: MemberProjection[Any]) -> None:
        self.as_text(projection).put(connection, projection)

    def as_text(self, projection: MemberProjection[Any]) -> "ChunkText":
        # in the order of the indexes: members of buckets come in another one
        rows = {
            table.name: as_text((USER_ID, *table.columns), sorted(self.rows[table.name], key=_user_id))
            for table in projection.tables
            if self.rows.get(table.name)
        }
        frontiers = _frontiers_as_text(projection.key, self.frontiers)
        return ChunkText(rows, frontiers, self.failures, self.members, self.there, self.events)


@dataclass(frozen=True)
class ChunkText:
    """`rows` by the declared name of their table."""

    rows: Mapping[str, str]
    frontiers: str
    failures: Sequence[Failure]
    members: int
    there: int
    events: int

    def put(self, connection: Connection, projection: MemberProjection[Any], *, live: bool = False) -> None:
        """Beside the tables that are read, or with *live* into them; they must have no rows of these members yet."""
        for table in projection.tables:
            text = self.rows.get(table.name)
            if text is not None:
                place = place_name(table if live else shadow_of(table))
                copy_text(connection, place, (USER_ID, *table.columns), text)
        if self.frontiers:
            place = "projection_frontier" if live else "projection_rebuild_frontier"
            copy_text(connection, place, _FRONTIER, self.frontiers)
        put_failures(connection, projection.key, self.failures)


def _frontiers_as_text(key: ProjectionKey, frontiers: Mapping[str, Frontier]) -> str:
    rows = [(*key, user_id, *frontier) for user_id, frontier in sorted(frontiers.items())]
    return as_text(_FRONTIER, rows) if rows else ""
