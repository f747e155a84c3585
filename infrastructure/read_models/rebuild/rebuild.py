"""A replay from beginning to end: claim, fold, compare, apply. Killed anywhere, the next one goes on from there."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.session_settings import set_for_transaction
from temple_ledger.infrastructure.database.shadow_tables import require_both_tables
from temple_ledger.infrastructure.engines.engine import SHARES_A_WORKER, Engine, shares_of
from temple_ledger.infrastructure.read_models.rebuild import progress as notes
from temple_ledger.infrastructure.read_models.rebuild.apply import (
    USUAL,
    AppliedRebuild,
    Limit,
    apply_counts,
    apply_members,
)
from temple_ledger.infrastructure.read_models.rebuild.beside_runner import how_far, let_the_runner_catch_up
from temple_ledger.infrastructure.read_models.rebuild.brake import require_few_parked
from temple_ledger.infrastructure.read_models.rebuild.by_lanes import InPlace, apply_by_lanes, goes_by_lanes
from temple_ledger.infrastructure.read_models.rebuild.compare import (
    Each,
    ShownDifference,
    compare_counts,
    compare_members,
)
from temple_ledger.infrastructure.read_models.rebuild.fold_ranges import (
    EVENTS_AT_A_TIME,
    Progress,
    RangeFolder,
    range_folder,
    shadow_writer,
)
from temple_ledger.infrastructure.read_models.rebuild.in_processes import A_PIECE_SECONDS, Send, fold_in_processes
from temple_ledger.infrastructure.read_models.rebuild.one_writer import BucketTask, Claimed, handed_over
from temple_ledger.infrastructure.read_models.rebuild.piece_writer import HandedOver, HandingOver, PieceWriter
from temple_ledger.infrastructure.read_models.rebuild.shadow_rows import clear
from temple_ledger.infrastructure.read_models.rebuild.straight_fill import StraightFill, begun_straight
from temple_ledger.infrastructure.read_models.runner.transaction import missing_checkpoint, read_checkpoints
from temple_ledger.infrastructure.read_models.shortened_log import is_beyond_log, raise_sequence
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.endless_folds import FOLD_SECONDS
from temple_ledger.projections.fingerprint import reads_of
from temple_ledger.projections.placing import placed
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tally import Tally
from temple_ledger.projections.watch import NOBODY_WATCHES, FoldWatch

RANGES_A_WORKER: Final = 12


@dataclass(frozen=True)
class Folding:
    """What the long part did in this run; what an earlier one did before it was killed is not in it."""

    members: int
    events: int
    seconds: float


class Rebuild:
    """One projection's rebuild. Leaving the block neither applies nor clears: a killed one can go on.

    Raises Refused at once when somebody else is at it, SchemaMismatch where the tables are not as they are declared.
    """

    def __init__(
        self,
        database: Database,
        projection: Projection,
        *,
        catalogue: Catalogue,
        cut: notes.Cut = notes.Cut.MEMBERS,
        fold_seconds: float | None = None,
        most: Position | None = None,
        to_be_applied: bool = False,
    ) -> None:
        """*fold_seconds*: how long the fold of a member may take; None is no limit for a projection of ours, and
        FOLD_SECONDS for any other one. *to_be_applied*: nobody is to look at the difference first, so that tables
        which are empty may be filled straight."""
        watched = fold_seconds is not None or projection not in BUILT_IN
        self._fold_seconds = (fold_seconds or FOLD_SECONDS) if watched else None
        self._database = database
        self._projection: Projection = projection
        self._catalogue = catalogue
        self._connection = database.connect(DatabaseRole.PROJECT, application="temple replay")
        self._backend_pid = self._connection.info.backend_pid
        self._to_be_applied = to_be_applied
        self._straight: StraightFill | None = None
        try:
            there = self._checkpoint(self._connection)
            self._projection = placed(projection, there)
            require_both_tables(self._connection, self._projection)
            most = how_far(self._connection, self._projection, there, catalogue, most)
            claimed = notes.claim(self._connection, self._projection, reads_of(projection, catalogue), cut, most)
        except BaseException:
            self._connection.close()
            raise
        self.position = claimed.position
        self.label = there.label
        self.beside = not there.active
        self.resumed = claimed.resumed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._straight is not None:
            # nothing of it can be gone on with
            with suppress(psycopg.Error):
                self.clear()
        self._connection.close()

    @property
    def goes_on(self) -> bool:
        """Whether what an earlier one folded is used: of empty tables that were filled straight nothing is left."""
        return self.resumed and self._done() != (0, 0)

    @property
    def is_open(self) -> bool:
        """Whether rows stand in a transaction that holds the checkpoint until they are applied: nobody is to be waited
        for by then."""
        return self._straight is not None

    def fold(self, *, workers: int = 1, progress: Progress = lambda members, events: None) -> Folding:
        """Fills the shadow tables, or straight those that are read; with more than one worker, by that many
        processes."""
        started = time.perf_counter()
        parts = 1 if isinstance(self._projection, Tally) or workers <= 1 else workers * RANGES_A_WORKER
        notes.split(self._connection, self._projection.key, parts)
        self._begin_straight()
        before = self._done()
        while left := [part for part in self._ranges() if not part.done]:
            if self._fold_seconds is not None or (len(left) > 1 and workers > 1):
                # whoever takes too long is noted, and its range is left
                self._fold_in_processes(left, max(1, workers), progress)
            else:
                self._fold_here(left, progress)
        after = self._done()
        return Folding(after[0] - before[0], after[1] - before[1], time.perf_counter() - started)

    def fold_buckets(
        self,
        task: Callable[[Claimed], BucketTask],
        engine: Engine,
        *,
        workers: int,
        one_writer: bool = False,
        progress: Progress = lambda members, events: None,
    ) -> Folding:
        """The same by an engine, for a rebuild that is cut by buckets. *task* makes one of the claim. *one_writer*:
        workers reach no database, so what they fold is written here, as it is where tables are filled straight."""
        started = time.perf_counter()
        key = self._projection.key
        notes.split_by_buckets(self._connection, key, shares_of(self._pieces(workers)))
        self._begin_straight()
        order, before = task(Claimed(key, self.position, self._backend_pid)), self._done()
        reported = before

        def report() -> None:
            nonlocal reported
            done = self._done()
            progress(done[0] - reported[0], done[1] - reported[1])
            reported = done

        if one_writer or self._straight is not None:
            self._put_here(order, engine, report)
        else:
            for _ in engine.run(order, shares_of(workers * SHARES_A_WORKER)):
                report()
        if any(not part.done for part in self._ranges()):
            goes_on = "" if self.is_open else ", it goes on from where it was"
            raise DatabaseUnavailable(f"some buckets were not folded; run it again{goes_on}")
        return Folding(reported[0] - before[0], reported[1] - before[1], time.perf_counter() - started)

    def _put_here(self, order: BucketTask, engine: Engine, report: Callable[[], None]) -> None:
        """What workers of the engine have folded, written by this process."""
        within = None if self._straight is None else A_PIECE_SECONDS
        with self._awake(), self._writer(self._receive) as writer:
            for part, folded, reached in handed_over(self._connection, order, engine, within=within):
                writer.put(part, folded, reached)
                report()

    def _pieces(self, workers: int) -> int:
        """So that each has some 50,000 events, and lies within one share."""
        shares = workers * SHARES_A_WORKER
        return shares * max(1, self.position // EVENTS_AT_A_TIME // shares)

    def compare(self, each: Each = lambda drift: None) -> ShownDifference:
        """The difference to the tables that are read; *each* is given every row of it."""
        if self._straight is not None:
            return self._straight.shown()
        let_the_runner_catch_up(
            lambda: self._checkpoint(self._connection),
            self._connection,
            self._projection,
            self._catalogue,
            self.position,
        )
        with self._database.connect(DatabaseRole.READ, application="temple replay", autocommit=False) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            set_for_transaction(connection, "work_mem", "64MB")
            checkpoint = self._checkpoint(connection)
            if isinstance(self._projection, Tally):
                return compare_counts(connection, self._projection, self._catalogue, checkpoint, self.position, each)
            return compare_members(connection, self._projection, self._catalogue, checkpoint, self.position, each)

    def apply(
        self,
        shown: ShownDifference,
        *,
        by: str,
        limit: Limit = USUAL,
        reason: str | None = None,
        in_place: InPlace = lambda lanes: None,
    ) -> AppliedRebuild:
        """Puts it in place, and clears up. Raises Refused when *limit* or the brake does not allow it; nothing is
        changed then. Very many rows change lane by lane, of which *in_place* is given how many have."""
        if not self._checkpoint(self._connection).parks_freely:
            require_few_parked(self._noted(), self._projection.key, self.position)
        if self._straight is not None:
            applied = self._straight.apply(by=by, reason=reason)
            self._end_straight()
            return applied
        # asked before the sequence is raised: what comes from then on stands above the checkpoint
        checkpoint = self._checkpoint(self._connection)
        beyond = is_beyond_log(self._connection, checkpoint)
        raise_sequence(self._database)
        connection, projection, catalogue = self._connection, self._projection, self._catalogue
        if isinstance(projection, Tally):
            applied = apply_counts(connection, projection, catalogue, self.position, shown, by, reason, beyond=beyond)
        elif not beyond and goes_by_lanes(projection, catalogue, checkpoint, self.position, shown):
            applied = apply_by_lanes(
                connection, projection, catalogue, self.position, shown, limit, by, reason, in_place
            )
        else:
            applied = apply_members(
                connection, projection, catalogue, self.position, shown, limit, by, reason, beyond=beyond
            )
        self.clear()
        return applied

    def clear(self) -> None:
        """Drops what was rebuilt."""
        self._end_straight()
        with self._connection.transaction():
            clear(self._connection, self._projection)

    def _begin_straight(self) -> None:
        projection, taken = self._projection, self._straight is not None or self._fold_seconds is not None
        if self._to_be_applied and not taken and not isinstance(projection, Tally):
            there = self._checkpoint(self._connection)
            self._straight = begun_straight(
                self._database, self._connection, projection, self._catalogue, there, self.position
            )

    def _fold_in_processes(self, left: Sequence[notes.Range], workers: int, progress: Progress) -> None:
        fold_in_processes(
            self._connection,
            self._projection.key,
            left,
            lambda watch, send: self._folder(lambda *_: None, watch, send=send, beside_others=workers > 1),
            workers=workers,
            done=self._done,
            progress=progress,
            fold_seconds=self._fold_seconds,
            receive=None if self._straight is None else self._straight.receive,
        )

    def _end_straight(self) -> None:
        if self._straight is not None:
            self._straight.close()
            self._straight = None

    def _fold_here(self, left: Sequence[notes.Range], progress: Progress) -> None:
        with self._awake(), self._folder(progress, send=self._receive) as folder:
            for part in left:
                folder.fold(part)

    def _awake(self) -> AbstractContextManager[None]:
        return nullcontext() if self._straight is None else self._straight.awake()

    def _receive(self, piece: HandedOver) -> None:
        if self._straight is None:
            raise RuntimeError("who writes by himself handed something over")
        self._straight.receive(piece)

    def _folder(
        self, progress: Progress, watch: FoldWatch = NOBODY_WATCHES, *, send: Send, beside_others: bool = False
    ) -> AbstractContextManager[RangeFolder]:
        return range_folder(
            self._database,
            self._projection,
            self._catalogue,
            self.position,
            progress,
            watch,
            writer=self._writer(send),
            beside_others=beside_others,
        )

    def _writer(self, send: Send) -> AbstractContextManager[PieceWriter]:
        projection = self._projection
        if self._straight is not None and not isinstance(projection, Tally):
            return nullcontext(HandingOver(send, projection))
        return shadow_writer(self._database, projection, self._backend_pid)

    def _noted(self) -> psycopg.Connection[Any]:
        """Where it is seen how far the ranges are."""
        return self._connection if self._straight is None else self._straight.connection

    def _ranges(self) -> Sequence[notes.Range]:
        return notes.ranges(self._noted(), self._projection.key)

    def _done(self) -> tuple[int, int]:
        return notes.done(self._noted(), self._projection.key)

    def _checkpoint(self, connection: psycopg.Connection[Any]) -> Checkpoint:
        checkpoint = read_checkpoints(connection).get(self._projection.key)
        if checkpoint is None:
            raise missing_checkpoint(connection, self._projection.key)
        return checkpoint


def rebuild(
    database: Database,
    projection: Projection,
    *,
    by: str,
    catalogue: Catalogue,
    workers: int = 1,
    limit: Limit = USUAL,
    reason: str | None = None,
    each: Each = lambda drift: None,
    agreed: Callable[[ShownDifference], bool] | None = None,
) -> AppliedRebuild | None:
    """All of it; None when *agreed*, shown the difference, is false."""
    with Rebuild(database, projection, catalogue=catalogue, to_be_applied=agreed is None) as replay:
        replay.fold(workers=workers)
        shown = replay.compare(each)
        if agreed is not None and not agreed(shown):
            replay.clear()
            return None
        return replay.apply(shown, by=by, limit=limit, reason=reason)
