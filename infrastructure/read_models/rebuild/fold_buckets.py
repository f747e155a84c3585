"""The long part of a rebuild from an archive: the members of some buckets folded into the shadow tables, by a worker.

A range of buckets is put in one transaction with its mark, under the claim of whoever drives the rebuild. So a task
that runs twice puts each range once, and what a driver that is gone had ordered changes nothing of the next one's work.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import START, Position, PositionSet
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
from temple_ledger.infrastructure.read_models.rebuild.folded_chunk import ChunkText, FoldedChunk
from temple_ledger.infrastructure.read_models.rebuild.piece_writer import put_counts
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
        with range_writer(database, self) as writer:
            parts = left_of(writer.connection, self.key, buckets)
            if not parts:
                return 0
            left_out = read_exceptions(writer.connection, self.key).left_out
            events = self.archive.events(database, Bounds(self.upto))
            found = fold_parts(events, projection_of(self.key), parts, left_out)
            return sum(writer.put(part, folded) for part, folded in found)

    def alone(self, left_out: PositionSet) -> "FoldAlone":
        return FoldAlone(self.archive, self.key, self.upto, left_out)


@dataclass(frozen=True)
class FoldAlone:
    """The task of a worker that writes nothing: the members of a range of buckets, folded and brought back."""

    archive: SharedArchive
    key: ProjectionKey
    upto: Position
    left_out: PositionSet

    def __call__(self, database: Database, buckets: Buckets) -> ChunkText | TallyBatch:
        events = self.archive.events(database, Bounds(self.upto))
        projection = projection_of(self.key)
        part = Range(0, None, None, None, START, False, 0, 0, *buckets)
        if isinstance(projection, Tally):
            return _counted(events, projection, part, self.left_out)
        ((_, chunk),) = _members(events, projection, [part], self.left_out)
        return chunk.as_text(projection)


@contextmanager
def range_writer(database: Database, task: FoldBuckets) -> Iterator["RangeWriter"]:
    with database.connect(DatabaseRole.PROJECT, application="temple replay worker") as connection:
        # what a crash would lose, it would lose with the shadow tables
        set_for_session(connection, "synchronous_commit", "off")
        # where rows are collected does not depend on which version readers see
        yield RangeWriter(connection, placed_as(projection_of(task.key), active=True), task.claimed_by)


class RangeWriter:
    """Puts folded ranges, each with its mark."""

    def __init__(self, connection: Connection, projection: Projection, claimed_by: int) -> None:
        self.connection = connection
        self._projection = projection
        self._claimed_by = claimed_by

    def put(self, part: Range, folded: FoldedChunk | TallyBatch) -> bool:
        """False where it was put already. Raises Refused when another replay has taken over."""
        with self.connection.transaction():
            if not self._mark(part, folded):
                self._require_claim()
                return False
            if isinstance(self._projection, Tally) and isinstance(folded, TallyBatch):
                put_counts(self.connection, self._projection, folded)
            elif isinstance(self._projection, MemberProjection) and isinstance(folded, FoldedChunk):
                folded.put(self.connection, self._projection)
        return True

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
        return self.connection.execute(statement("rebuild_range_advance"), values).fetchone() is not None

    def _require_claim(self) -> None:
        values = {**self._projection.key.parameters, "claimed_by": self._claimed_by}
        row = self.connection.execute(statement("rebuild_claimed"), values).fetchone()
        if row is None or not row[0]:
            raise Refused(f"another replay of {self._projection.name} has taken over; this one ends")


def fold_parts(
    events: BucketEvents, projection: Projection, parts: Sequence[Range], left_out: PositionSet
) -> Iterator[tuple[Range, FoldedChunk | TallyBatch]]:
    """Each of the parts, which are in order; no database is asked, unless *events* do."""
    if isinstance(projection, Tally):
        for part in parts:
            yield part, _counted(events, projection, part, left_out)
    else:
        yield from _members(events, projection, parts, left_out)


def _members(
    events: BucketEvents, projection: MemberProjection[Any], parts: Sequence[Range], left_out: PositionSet
) -> Iterator[tuple[Range, FoldedChunk]]:
    """With the members of their buckets, who come by bucket."""
    left = list(parts)
    chunk = FoldedChunk()
    fold = Fold(projection, catalogue())
    for user_id, folded, number in fold_bucket_members(
        events, fold, *ends(parts), left_out=left_out, most_events=MOST_EVENTS
    ):
        bucket = bucket_of(user_id)
        while left and bucket > _last(left[0]):
            yield left.pop(0), chunk
            chunk = FoldedChunk()
        if left and bucket >= ends(left)[0]:
            chunk.add(user_id, folded, number)
    for part in left:
        yield part, chunk
        chunk = FoldedChunk()


def _counted(events: BucketEvents, tally: Tally, part: Range, left_out: PositionSet) -> TallyBatch:
    total = TallyBatch()
    for page in events.every(*ends([part])):
        total.add(count_batch(tally, page, left_out, catalogue()))
    return total


def left_of(connection: Connection, key: ProjectionKey, buckets: Buckets) -> list[Range]:
    """The ranges that begin within these buckets and are not done."""
    return [part for part in ranges(connection, key) if _begins_in(part, buckets) and not part.done]


def _begins_in(part: Range, buckets: Buckets) -> bool:
    """Also where an earlier run had another number of workers, each range is in one share."""
    return buckets.first <= ends([part])[0] <= buckets.last


def ends(parts: Sequence[Range]) -> tuple[int, int]:
    return parts[0].first_bucket or 0, _last(parts[-1])


def _last(part: Range) -> int:
    return part.last_bucket or 0
