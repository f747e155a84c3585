"""The long part of a rebuild from an archive where workers reach no database: they fold, and whoever drives writes.

Everything that they read is in the archive, so what is rebuilt ends where that does; members with newer events are
folded again by the driver, as those are that come during any rebuild.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.archive.bucket_events import Bounds
from temple_ledger.infrastructure.archive.shared import SharedArchive
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.engines.engine import Buckets, Engine, Task
from temple_ledger.infrastructure.read_models.member_log.bucket_members import projection_of
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.rebuild.fold_buckets import (
    FoldBuckets,
    RangeWriter,
    ends,
    fold_parts,
    left_of,
    range_writer,
)
from temple_ledger.infrastructure.read_models.rebuild.folded_chunk import FoldedChunk
from temple_ledger.infrastructure.read_models.rebuild.progress import Range
from temple_ledger.projections.counting import TallyBatch
from temple_ledger.projections.key import ProjectionKey

Returned = TypeVar("Returned")


@dataclass(frozen=True)
class OneWriter:
    """An engine over another one. *database* is this process's."""

    engine: Engine
    database: Database

    def run(self, task: Task[Returned], shares: Sequence[Buckets]) -> Iterator[tuple[Buckets, Returned]]:
        """Of a task that puts ranges: how many of each were put, here."""
        if not isinstance(task, FoldBuckets):
            raise Refused("workers reach no database (TEMPLE_WORKERS_WITHOUT_DATABASE), and this takes one")
        with range_writer(self.database, task) as writer:
            for part, put in self._put_all(task, shares, writer):
                result: Any = put
                yield Buckets(*ends([part])), result

    def _put_all(
        self, task: FoldBuckets, shares: Sequence[Buckets], writer: RangeWriter
    ) -> Iterator[tuple[Range, bool]]:
        parts = {Buckets(*ends([part])): part for each in shares for part in left_of(writer.connection, task.key, each)}
        left_out = read_exceptions(writer.connection, task.key).left_out
        folds = FoldAlone(task.archive, task.key, task.upto, left_out)
        for buckets, folded in self.engine.run(folds, list(parts)):
            yield parts[buckets], writer.put(parts[buckets], folded)


@dataclass(frozen=True)
class FoldAlone:
    """The task of a worker: the members of a range of buckets, folded and brought back."""

    archive: SharedArchive
    key: ProjectionKey
    upto: Position
    left_out: PositionSet

    def __call__(self, database: Database, buckets: Buckets) -> FoldedChunk | TallyBatch:
        events = self.archive.events(database, Bounds(self.upto))
        part = Range(0, None, None, None, Position(0), False, 0, 0, *buckets)
        ((_, folded),) = fold_parts(events, projection_of(self.key), [part], self.left_out)
        return folded
