"""The long part of a rebuild: the log folded into the shadow tables, a range of members at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.infrastructure.read_models.gc_tuning import rare_collections
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_log.fold_members import before_parked, fold_long
from temple_ledger.infrastructure.read_models.member_stream import MOST_EVENTS, member_stream
from temple_ledger.infrastructure.read_models.rebuild.folded_chunk import FoldedChunk
from temple_ledger.infrastructure.read_models.rebuild.given_up import (
    GivenUp,
    fold_given_up,
    positions_of,
    read_given_up,
)
from temple_ledger.infrastructure.read_models.rebuild.piece_writer import PieceWriter, Reached, ShadowWriter
from temple_ledger.infrastructure.read_models.rebuild.progress import Range
from temple_ledger.projections.batch import without
from temple_ledger.projections.counting import TallyBatch, count_batch
from temple_ledger.projections.fold import Fold, Folded
from temple_ledger.projections.member_projection import MemberProjection, State
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tally import Tally
from temple_ledger.projections.watch import NOBODY_WATCHES, FoldWatch

MEMBERS_AT_A_TIME: Final = 5_000
EVENTS_AT_A_TIME: Final = 50_000

Progress = Callable[[int, int], None]
"""Called with how many members and events were folded since the last call."""


@contextmanager
def range_folder(
    database: Database,
    projection: Projection,
    catalogue: Catalogue,
    upto: Position,
    progress: Progress,
    watch: FoldWatch = NOBODY_WATCHES,
    *,
    writer: AbstractContextManager[PieceWriter],
    beside_others: bool = False,
) -> Iterator["RangeFolder"]:
    """*beside_others*: more workers read at the same time."""
    with (
        database.connect(DatabaseRole.READ, application="temple replay") as reading,
        writer as opened,
    ):
        set_for_session(reading, "work_mem", "128MB")
        if beside_others:
            # each of them has a process of the server already: more would only sort what the index has in order. One
            # alone is better off with them, where the log is so long that it is sorted
            set_for_session(reading, "max_parallel_workers_per_gather", "0")
        left_out = read_exceptions(reading, projection.key).left_out
        given_up = read_given_up(reading, projection.key)
        yield RangeFolder(database, reading, opened, projection, catalogue, upto, progress, left_out, given_up, watch)


@contextmanager
def shadow_writer(database: Database, projection: Projection, claimed_by: int) -> Iterator[ShadowWriter]:
    with database.connect(DatabaseRole.PROJECT, application="temple replay") as writing:
        # what a crash would lose, it would lose with the shadow tables
        set_for_session(writing, "synchronous_commit", "off")
        yield ShadowWriter(writing, projection, claimed_by)


@dataclass(frozen=True)
class RangeFolder:
    """Folds ranges, one after the other, over the same connections: opening them is a part of a short range."""

    database: Database
    reading: psycopg.Connection[Any]
    writer: PieceWriter
    projection: Projection
    catalogue: Catalogue
    upto: Position
    progress: Progress
    left_out: PositionSet
    given_up: GivenUp
    watch: FoldWatch

    def fold(self, part: Range) -> None:
        """Folds what is left of a range. Raises Refused when another process has taken over."""
        if isinstance(self.projection, Tally):
            self._count(self.projection, part)
        else:
            self._fold(self.projection, part)

    def _fold(self, projection: MemberProjection[Any], part: Range) -> None:
        fold = Fold(projection, self.catalogue)
        piece, user_id = FoldedChunk(), part.done_user

        def put(piece: FoldedChunk, user_id: str | None, done: bool) -> None:
            self.writer.put(part, piece, Reached(done, piece.events, user=user_id))
            self.progress(piece.members, piece.events)

        after = part.done_user if part.done_user is not None else part.after_user
        stream = member_stream(self.reading, fold, upto=self.upto, after_user=after, upto_user=part.upto_user)
        with closing(stream) as members, _one_behind(put) as put_behind, rare_collections():
            for user_id, found in members:
                if found is None:
                    # page by page, for as long as it takes
                    self.watch.clear()
                    piece.add(user_id, self._fold_long(fold, user_id), MOST_EVENTS)
                else:
                    piece.add(user_id, self._fold_member(fold, user_id, without(self.left_out, found)), len(found))
                if piece.members >= MEMBERS_AT_A_TIME or piece.events >= EVENTS_AT_A_TIME:
                    put_behind(piece, user_id, False)
                    piece = FoldedChunk()
            self.watch.clear()
            put_behind(piece, user_id, True)

    def _fold_member(self, fold: Fold[State], user_id: str, known: Sequence[Recorded]) -> Folded[State]:
        failure = self.given_up.get(user_id)
        before = known if failure is None else before_parked(known, failure.position)
        if before:
            self.watch.set(self.projection.name, user_id, before)
        return fold.whole_of_known(known) if failure is None else fold_given_up(fold, failure, known)

    def _fold_long(self, fold: Fold[Any], user_id: str) -> Folded[Any]:
        """Over a connection of its own: the others are at work. Up to a settled position all snapshots see the same."""
        with self.database.connect(DatabaseRole.READ, application="temple replay") as connection:
            return fold_long(connection, fold, user_id, self.upto, left_out=self.left_out)

    def _count(self, tally: Tally, part: Range) -> None:
        after = part.done_position
        while page := events(self.reading, after=after, upto=self.upto, limit=EVENTS_AT_A_TIME):
            left_out = self.left_out | positions_of(self.given_up)
            batch = count_batch(tally, page, left_out, self.catalogue, self.watch)
            after = page[-1].position
            self.writer.put(part, batch, Reached(False, len(page), position=after))
            self.progress(0, len(page))
        self.writer.put(part, TallyBatch(), Reached(True, 0))


@contextmanager
def _one_behind(
    put: Callable[[FoldedChunk, str | None, bool], None],
) -> Iterator[Callable[[FoldedChunk, str | None, bool], None]]:
    """Puts a piece while the next one is folded: the database writes beside our work. Never more than one waits.

    What putting raises comes out of the next call, or of the end of the block.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="replay-put") as thread:
        waiting: list[Future[None]] = []

        def settle() -> None:
            while waiting:
                waiting.pop().result()

        def put_behind(piece: FoldedChunk, user_id: str | None, done: bool) -> None:
            settle()
            waiting.append(thread.submit(put, piece, user_id, done))

        yield put_behind
        settle()
