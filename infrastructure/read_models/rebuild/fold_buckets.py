"""The long part of a rebuild from an archive: the members of some buckets folded into the shadow tables, by a worker.

A range of buckets is put in one transaction with its mark, under the claim of whoever drives the rebuild. So a task
that runs twice puts each range once, and what a driver that is gone had ordered changes nothing of the next one's work.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.archive.bucket_events import Bounds, BucketEvents
from temple_ledger.infrastructure.archive.buckets import bucket_of
from temple_ledger.infrastructure.archive.shared import SharedArchive
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.engines.engine import Buckets
from temple_ledger.infrastructure.read_models.member_log.bucket_members import fold_bucket_members, projection_of
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_stream import MOST_EVENTS
from temple_ledger.infrastructure.read_models.rebuild.fold_ranges import FoldedChunk, put_counts
from temple_ledger.infrastructure.read_models.rebuild.progress import Range, ranges
from temple_ledger.projections.counting import TallyBatch, count_batch
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed_as
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import catalogue
from temple_ledger.projections.tally import Tally

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class FoldBuckets:
    """The task: what is left of the ranges that begin within some buckets. *claimed_by* is the database's process of
    the driver."""

    archive: SharedArchive
    key: ProjectionKey
    upto: Position
    claimed_by: int

    def __call__(self, database: Database, buckets: Buckets) -> int:
        """How many ranges this call has put. Raises Refused when another replay has taken over."""
        with database.connect(DatabaseRole.PROJECT, application="temple replay worker") as connection:
            # what a crash would lose, it would lose with the shadow tables
            set_for_session(connection, "synchronous_commit", "off")
            parts = [part for part in ranges(connection, self.key) if _begins_in(part, buckets) and not part.done]
            if not parts:
                return 0
            events = self.archive.events(database, Bounds(self.upto))
            # where rows are collected does not depend on which version readers see
            projection = placed_as(projection_of(self.key), active=True)
            worker = _Worker(connection, projection, events, self.claimed_by)
            return sum(worker.put(part, chunk) for part, chunk in worker.folded(parts))


class _Worker:
    def __init__(self, connection: Connection, projection: Projection, events: BucketEvents, claimed_by: int) -> None:
        self._connection = connection
        self._projection = projection
        self._events = events
        self._claimed_by = claimed_by
        self._left_out = read_exceptions(connection, projection.key).left_out

    def folded(self, parts: Sequence[Range]) -> Iterator[tuple[Range, FoldedChunk | TallyBatch]]:
        if isinstance(self._projection, Tally):
            for part in parts:
                yield part, self._counted(self._projection, part)
        else:
            yield from self._members(self._projection, parts)

    def put(self, part: Range, folded: FoldedChunk | TallyBatch) -> bool:
        """False where another worker has put it."""
        with self._connection.transaction():
            if not self._mark(part, folded):
                self._require_claim()
                return False
            if isinstance(self._projection, Tally) and isinstance(folded, TallyBatch):
                put_counts(self._connection, self._projection, folded)
            elif isinstance(self._projection, MemberProjection) and isinstance(folded, FoldedChunk):
                folded.put(self._connection, self._projection)
        return True

    def _members(
        self, projection: MemberProjection[Any], parts: Sequence[Range]
    ) -> Iterator[tuple[Range, FoldedChunk]]:
        """Each of the parts, with the members of its buckets, who come by bucket."""
        left = list(parts)
        chunk = FoldedChunk()
        fold = Fold(projection, catalogue())
        for user_id, folded, events in fold_bucket_members(
            self._events, fold, *_ends(parts), left_out=self._left_out, most_events=MOST_EVENTS
        ):
            bucket = bucket_of(user_id)
            while left and bucket > _last(left[0]):
                yield left.pop(0), chunk
                chunk = FoldedChunk()
            if left and bucket >= _ends(left)[0]:
                chunk.add(user_id, folded, events)
        for part in left:
            yield part, chunk
            chunk = FoldedChunk()

    def _counted(self, tally: Tally, part: Range) -> TallyBatch:
        total = TallyBatch()
        for events in self._events.every(*_ends([part])):
            total.add(count_batch(tally, events, self._left_out, catalogue()))
        return total

    def _mark(self, part: Range, folded: FoldedChunk | TallyBatch) -> bool:
        numbers = (
            {"members": 0, "events": folded.counted, "counted": folded.counted}
            if isinstance(folded, TallyBatch)
            else {"members": folded.members, "events": folded.events, "counted": folded.there}
        )
        values = {
            **self._projection.key.parameters,
            "claimed_by": self._claimed_by,
            "number": part.number,
            "before_user": None,
            "before_position": 0,
            "done_user": None,
            "done_position": 0,
            "done": True,
            **numbers,
        }
        return self._connection.execute(statement("rebuild_range_advance"), values).fetchone() is not None

    def _require_claim(self) -> None:
        values = {**self._projection.key.parameters, "claimed_by": self._claimed_by}
        row = self._connection.execute(statement("rebuild_claimed"), values).fetchone()
        if row is None or not row[0]:
            raise Refused(f"another replay of {self._projection.name} has taken over; this one ends")


def _begins_in(part: Range, buckets: Buckets) -> bool:
    """Also where an earlier run had another number of workers, each range is in one share."""
    return buckets.first <= _ends([part])[0] <= buckets.last


def _ends(parts: Sequence[Range]) -> tuple[int, int]:
    return parts[0].first_bucket or 0, _last(parts[-1])


def _last(part: Range) -> int:
    return part.last_bucket or 0
