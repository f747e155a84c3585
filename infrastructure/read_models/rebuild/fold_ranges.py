"""The long part of a rebuild: the log folded into the shadow tables, a range of members at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.database.shadow_tables import shadow_of
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.infrastructure.read_models.gc_tuning import rare_collections
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_log.fold_members import before_parked, fold_long
from temple_ledger.infrastructure.read_models.member_stream import MOST_EVENTS, member_stream
from temple_ledger.infrastructure.read_models.rebuild.given_up import (
    GivenUp,
    fold_given_up,
    positions_of,
    read_given_up,
)
from temple_ledger.infrastructure.read_models.rebuild.progress import Range
from temple_ledger.infrastructure.read_models.rebuild.shadow_rows import put_failures, put_frontiers, put_rows
from temple_ledger.projections.batch import Failure, failure_of, without
from temple_ledger.projections.counting import TallyBatch, count_batch
from temple_ledger.projections.fold import Fold, Folded, Frontier
from temple_ledger.projections.member_projection import MemberProjection, State
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tables import Row
from temple_ledger.projections.tally import Tally
from temple_ledger.projections.watch import NOBODY_WATCHES, FoldWatch

MEMBERS_AT_A_TIME: Final = 5_000
EVENTS_AT_A_TIME: Final = 50_000

Progress = Callable[[int, int], None]
"""Called with how many members and events were folded since the last call."""


@dataclass
class FoldedChunk:
    """Members that are folded and not written yet."""

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

    def put(self, connection: psycopg.Connection[Any], projection: MemberProjection[Any]) -> None:
        # in the order of the indexes: members of buckets come in another one
        for table in projection.tables:
            if self.rows.get(table.name):
                put_rows(connection, table, sorted(self.rows[table.name], key=_user_id))
        put_frontiers(connection, projection.key, dict(sorted(self.frontiers.items())))
        put_failures(connection, projection.key, self.failures)


_user_id: Final = itemgetter(0)


@contextmanager
def range_folder(
    database: Database,
    projection: Projection,
    catalogue: Catalogue,
    upto: Position,
    progress: Progress,
    claimed_by: int,
    watch: FoldWatch = NOBODY_WATCHES,
) -> Iterator["RangeFolder"]:
    """*claimed_by* is the database's process that holds the claim."""
    with (
        database.connect(DatabaseRole.READ, application="temple replay") as reading,
        database.connect(DatabaseRole.PROJECT, application="temple replay") as writing,
    ):
        set_for_session(reading, "work_mem", "128MB")
        # what a crash would lose, it would lose with the shadow tables
        set_for_session(writing, "synchronous_commit", "off")
        left_out = read_exceptions(reading, projection.key).left_out
        given_up = read_given_up(writing, projection.key)
        yield RangeFolder(
            database,
            reading,
            writing,
            projection,
            catalogue,
            upto,
            progress,
            claimed_by,
            left_out,
            given_up,
            watch,
        )


@dataclass(frozen=True)
class RangeFolder:
    """Folds ranges, one after the other, over the same two connections: opening them is a part of a short range."""

    database: Database
    reading: psycopg.Connection[Any]
    writing: psycopg.Connection[Any]
    projection: Projection
    catalogue: Catalogue
    upto: Position
    progress: Progress
    claimed_by: int
    left_out: PositionSet
    given_up: GivenUp
    watch: FoldWatch

    def fold(self, part: Range) -> None:
        """Folds what is left of a range; rows and how far it is move in one transaction, so it may end anywhere.

        Raises Refused when another process has taken over.
        """
        mark = _Mark(self.writing, self.projection, part, self.claimed_by)
        if isinstance(self.projection, Tally):
            self._count(self.projection, part, mark)
        else:
            self._fold(self.projection, part, mark)

    def _fold(self, projection: MemberProjection[Any], part: Range, mark: "_Mark") -> None:
        fold = Fold(projection, self.catalogue)
        piece, user_id = FoldedChunk(), part.done_user

        def put(piece: FoldedChunk, user_id: str | None, done: bool) -> None:
            with self.writing.transaction():
                piece.put(self.writing, projection)
                mark.move(done=done, members=piece.members, events=piece.events, user=user_id, counted=piece.there)
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

    def _count(self, tally: Tally, part: Range, mark: "_Mark") -> None:
        after = part.done_position
        while page := events(self.reading, after=after, upto=self.upto, limit=EVENTS_AT_A_TIME):
            left_out = self.left_out | positions_of(self.given_up)
            batch = count_batch(tally, page, left_out, self.catalogue, self.watch)
            after = page[-1].position
            with self.writing.transaction():
                put_counts(self.writing, tally, batch)
                mark.move(done=False, events=len(page), position=after, counted=batch.counted)
            self.progress(0, len(page))
        mark.move(done=True)


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


def put_counts(connection: psycopg.Connection[Any], tally: Tally, batch: TallyBatch) -> None:
    tables.add(connection, shadow_of(tally.table), batch.increments)
    put_failures(connection, tally.key, batch.failures)


class _Mark:
    """How far this worker has brought a range. Whoever moves it from elsewhere has taken over, and this one ends."""

    def __init__(
        self, connection: psycopg.Connection[Any], projection: Projection, part: Range, claimed_by: int
    ) -> None:
        self._connection = connection
        self._claimed_by = claimed_by
        self._projection = projection
        self._number = part.number
        self._user = part.done_user
        self._position = part.done_position

    def move(
        self,
        *,
        done: bool,
        members: int = 0,
        events: int = 0,
        user: str | None = None,
        position: Position | None = None,
        counted: int = 0,
    ) -> None:
        """Raises Refused when another worker has moved it."""
        user = self._user if user is None else user
        position = self._position if position is None else position
        moved = self._connection.execute(
            statement("rebuild_range_advance"),
            {
                **self._projection.key.parameters,
                "claimed_by": self._claimed_by,
                "number": self._number,
                "before_user": self._user,
                "before_position": self._position,
                "done_user": user,
                "done_position": position,
                "done": done,
                "members": members,
                "events": events,
                "counted": counted,
            },
        ).fetchone()
        if moved is None:
            raise Refused(f"another replay of {self._projection.name} has taken over; this one ends")
        self._user, self._position = user, position
