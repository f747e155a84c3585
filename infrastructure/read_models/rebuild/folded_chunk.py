"""Members that are folded and not written yet: as rows, and as text that one process makes and another one copies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

import psycopg

from temple_ledger.infrastructure.database.copying import columns_as_text, copy_text
from temple_ledger.infrastructure.database.frontier_text import FRONTIER, frontiers_as_text
from temple_ledger.infrastructure.database.shadow_tables import shadow_of
from temple_ledger.infrastructure.database.tables import USER_ID, place_name
from temple_ledger.infrastructure.read_models.rebuild.shadow_rows import put_failures
from temple_ledger.projections.batch import Failure, failure_of
from temple_ledger.projections.fold import Folded, Frontier
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.tables import Row, Table

Connection = psycopg.Connection[Any]

_user_id: Final = itemgetter(0)


@dataclass
class FoldedChunk:
    rows: dict[str, list[tuple[str, Sequence[Row]]]] = field(default_factory=dict)
    """By the declared name of their table, of each member that has some there."""
    frontiers: dict[str, Frontier] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    members: int = 0
    there: int = 0
    """Those of `members` who have rows."""
    events: int = 0

    def add(self, user_id: str, folded: Folded[Any], events: int) -> None:
        there = False
        for table, rows in folded.rows.items():
            if rows:
                there = True
                self.rows.setdefault(table, []).append((user_id, rows))
        if folded.frontier is not None:
            self.frontiers[user_id] = folded.frontier
        failure = failure_of(user_id, folded)
        if failure is not None:
            self.failures.append(failure)
        self.members += 1
        self.there += there
        self.events += events

    def put(self, connection: Connection, projection: MemberProjection[Any]) -> None:
        self.as_text(projection).put(connection, projection)

    def as_text(self, projection: MemberProjection[Any]) -> "ChunkText":
        rows = {
            table.name: _rows_as_text(table, self.rows[table.name])
            for table in projection.tables
            if table.name in self.rows
        }
        frontiers = frontiers_as_text(projection.key, self.frontiers)
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
            copy_text(connection, place, FRONTIER, self.frontiers)
        put_failures(connection, projection.key, self.failures)


def _rows_as_text(table: Table, of_members: Sequence[tuple[str, Sequence[Row]]]) -> str:
    # in the order of the indexes: members of buckets come in another one
    in_order = sorted(of_members, key=_user_id)
    user_ids = [user_id for user_id, rows in in_order for _ in rows]
    values = zip(*[row for _, rows in in_order for row in rows], strict=True)
    return columns_as_text((USER_ID, *table.columns), [user_ids, *values])
