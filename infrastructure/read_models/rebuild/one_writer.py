"""The long part of a rebuild from an archive where workers fold and whoever drives writes: what they hand over.

So it is where they reach no database, and where the tables are filled straight. Where they reach none, everything that
they read is in the archive, so what is rebuilt ends where that does; members with newer events are folded again by the
driver, as those are that come during any rebuild.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import psycopg

from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.engines.engine import Buckets, Engine, Task
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.rebuild.folded_chunk import ChunkText
from temple_ledger.infrastructure.read_models.rebuild.piece_writer import Reached
from temple_ledger.infrastructure.read_models.rebuild.progress import Range, ranges
from temple_ledger.projections.counting import TallyBatch
from temple_ledger.projections.key import ProjectionKey


class Claimed(NamedTuple):
    """What workers elsewhere have to be given: what is rebuilt, up to where, and the driver's process in the
    database."""

    key: ProjectionKey
    position: Position
    claimed_by: int


class BucketTask(Task[int], Protocol):
    """Folds some buckets and puts them, in a worker."""

    @property
    def key(self) -> ProjectionKey: ...

    def alone(self, left_out: PositionSet) -> Task[ChunkText | TallyBatch]:
        """The same, brought back instead."""
        ...


class BroughtBack(NamedTuple):
    part: Range
    folded: ChunkText | TallyBatch
    reached: Reached


def handed_over(
    connection: psycopg.Connection[Any], task: BucketTask, engine: Engine, *, within: float | None
) -> Iterator[BroughtBack]:
    """Each of the ranges that are left, once. Raises EngineFailed where none comes *within* so many seconds."""
    left = {
        Buckets(part.first_bucket or 0, part.last_bucket or 0): part
        for part in ranges(connection, task.key)
        if not part.done
    }
    left_out = read_exceptions(connection, task.key).left_out
    for buckets, folded in engine.run(task.alone(left_out), list(left), within=within):
        part = left.pop(buckets, None)
        if part is not None:
            events = folded.counted if isinstance(folded, TallyBatch) else folded.events
            yield BroughtBack(part, folded, Reached(True, events))
