"""One step of a projection: read, fold, write and move the checkpoint, in one transaction."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, Protocol

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.batch import (
    Exceptions,
    Failure,
    KnownMember,
    MemberBatch,
    SealedLog,
    StoredRows,
    by_member,
    count_batch,
    fold_batch,
    known_of,
    without_exceptions,
)
from temple_ledger.projections.brake import Brake
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.difference import EMPTY, Changes
from temple_ledger.projections.fold import Fold, Frontier
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection, State
from temple_ledger.projections.tables import Table
from temple_ledger.projections.tally import Key, Tally
from temple_ledger.projections.watch import NOBODY_WATCHES, FoldWatch

Projection = MemberProjection[Any] | Tally


class ProjectingTransaction(SealedLog, Protocol):
    """What a step does to the database; all of it is committed, or nothing."""

    def lock_checkpoint(self, key: ProjectionKey) -> Checkpoint:
        """The checkpoint, held until the transaction ends.

        Raises NotLeader when another runner holds the projection's lease, UnknownName when there is no such row.
        """

    def exceptions(self, key: ProjectionKey) -> Exceptions: ...

    def events(self, *, after: Position, upto: Position, limit: int) -> Sequence[Recorded]:
        """By position."""

    def passed(self, *, after: Position, upto: Position, limit: int) -> tuple[int, Position]:
        """How many events stand in (after, upto], of at most so many, and the position of the last of these."""

    def by_member(
        self, fold: Fold[Any], *, after: Position, upto: Position
    ) -> AbstractContextManager[Iterator[Mapping[str, Sequence[Recorded]]]]:
        """The events in (after, upto] that *fold* knows, all of a member's together, some members at a time.

        Raises TooWide where a member has more of them than memory is to hold.
        """

    def stored(self, projection: MemberProjection[Any], user_ids: Sequence[str]) -> Mapping[str, StoredRows]:
        """Of each of these members, also of those that have no rows."""

    def histories(
        self, fold: Fold[Any], user_ids: Sequence[str], upto: Position
    ) -> Iterable[tuple[str, Sequence[Recorded] | None]]:
        """All events of each of these members that *fold* knows, in any order, without positions left out.

        None for a history that is too long to be held in memory, or to be folded in a step.
        """

    def write(self, tables: Sequence[Table], changes: Changes) -> None: ...

    def move_frontiers(self, key: ProjectionKey, frontiers: Mapping[str, Frontier | None]) -> None: ...

    def add(self, table: Table, increments: Mapping[Key, int]) -> None: ...

    def park(self, key: ProjectionKey, failures: Sequence[Failure]) -> None: ...

    def advance(self, before: Checkpoint, *, to: Position, passed: int, counted: int = 0) -> None:
        """Raises StaleCheckpoint when position or epoch are not those of *before*."""


OpenTransaction = Callable[[], AbstractContextManager[ProjectingTransaction]]


@dataclass(frozen=True)
class Step:
    """What a step did. `idle` names why it did nothing: the state, `version`, or `caught up`."""

    position: Position
    events: int = 0
    rows: int = 0
    refolded: int = 0
    failures: tuple[Failure, ...] = ()
    idle: str | None = None


MOST_COUNTED: Final = 20_000
CAUGHT_UP: Final = "caught up"
NEEDS_REPLAY: Final = "needs replay"


class TooWide(LedgerError):
    """A wide step that was not done in time, or would need too much memory: what it did is not committed."""


class Processor(Protocol):
    """One projection, ready to take steps."""

    @property
    def projection(self) -> Projection: ...

    def step(self, *, upto: Position, limit: int) -> Step:
        """Folds at most *limit* events that are not above *upto*, all of which must be settled.

        Raises NotLeader, StaleCheckpoint, and what the transaction raises; then nothing is committed.
        """

    def wide_step(self, *, upto: Position, limit: int, in_time: Callable[[], bool]) -> Step:
        """The same for a projection that is far behind, with a *limit* that no memory would hold.

        Raises TooWide besides, also once *in_time* is false.
        """


def processor_of(
    projection: Projection,
    transaction: OpenTransaction,
    *,
    catalogue: Catalogue,
    members_kept: int = 50_000,
    watch: FoldWatch = NOBODY_WATCHES,
) -> Processor:
    """*members_kept*: how many members are remembered between steps, to spare reading their rows again."""
    if isinstance(projection, Tally):
        return TallyProcessor(projection, transaction, catalogue, watch)
    return MemberProcessor(projection, transaction, catalogue, members_kept, watch)


def may_fold(projection: Projection, checkpoint: Checkpoint) -> str | None:
    """Why this code may not go on with this checkpoint; None when it may."""
    if checkpoint.state is not ProjectionState.RUNNING:
        return checkpoint.state.value
    return NEEDS_REPLAY if checkpoint.version != projection.version else None


class MemberProcessor(Generic[State]):
    def __init__(
        self,
        projection: MemberProjection[State],
        transaction: OpenTransaction,
        catalogue: Catalogue,
        members_kept: int,
        watch: FoldWatch,
    ) -> None:
        self.projection = projection
        self.fold = Fold(projection, catalogue)
        self._transaction = transaction
        self._members_kept = members_kept
        self._watch = watch
        self._brake = Brake(projection.name)
        self._members: dict[str, KnownMember[State]] = {}
        self._exceptions = Exceptions()
        self._seen: tuple[int, Position] | None = None

    def step(self, *, upto: Position, limit: int) -> Step:
        key = self.projection.key
        with self._transaction() as transaction:
            checkpoint = transaction.lock_checkpoint(key)
            reason = may_fold(self.projection, checkpoint)
            if reason is not None:
                return Step(checkpoint.position, idle=reason)
            events = transaction.events(after=checkpoint.position, upto=upto, limit=limit)
            if not events:
                return Step(checkpoint.position, idle=CAUGHT_UP)
            self._remember_only_if(transaction, checkpoint)
            # until the commit is certain, nothing that was remembered can be relied on: a rule may have changed it
            seen, self._seen = self._seen, None
            position = events[-1].position
            grouped = by_member(self.fold, events, self._exceptions)
            batch = self._fold(transaction, grouped, position, braked=not checkpoint.parks_freely)
            self._write(transaction, batch)
            transaction.advance(checkpoint, to=position, passed=len(events))
        self._seen = None if seen is None else (seen[0], position)
        self._keep(batch)
        return Step(position, len(events), batch.changes.count(), batch.refolded, tuple(batch.failures))

    def wide_step(self, *, upto: Position, limit: int, in_time: Callable[[], bool]) -> Step:
        """Each member is read and written once for all of its events: a batch by position does both for a few of them.

        Nothing is remembered of the members, who may be more than memory is to hold.
        """
        events = rows = refolded = 0
        failures: list[Failure] = []
        with self._transaction() as transaction:
            checkpoint = transaction.lock_checkpoint(self.projection.key)
            reason = may_fold(self.projection, checkpoint)
            if reason is not None:
                return Step(checkpoint.position, idle=reason)
            events, position = transaction.passed(after=checkpoint.position, upto=upto, limit=limit)
            if not events:
                return Step(checkpoint.position, idle=CAUGHT_UP)
            self._members, self._seen = {}, None
            self._exceptions = transaction.exceptions(self.projection.key)
            with transaction.by_member(self.fold, after=checkpoint.position, upto=position) as pieces:
                for piece in pieces:
                    if not in_time():
                        raise TooWide
                    grouped = without_exceptions(piece, self._exceptions)
                    batch = self._fold(transaction, grouped, position, braked=not checkpoint.parks_freely)
                    self._write(transaction, batch)
                    rows += batch.changes.count()
                    refolded += batch.refolded
                    failures += batch.failures
            transaction.advance(checkpoint, to=position, passed=events)
        return Step(position, events, rows, refolded, tuple(failures))

    def _write(self, transaction: ProjectingTransaction, batch: MemberBatch[State]) -> None:
        transaction.write(self.projection.tables, batch.changes)
        transaction.move_frontiers(
            self.projection.key, {user_id: each.frontier for user_id, each in batch.members.items()}
        )
        transaction.park(self.projection.key, batch.failures)

    def _fold(
        self,
        transaction: ProjectingTransaction,
        grouped: Mapping[str, Sequence[Recorded]],
        upto: Position,
        *,
        braked: bool,
    ) -> MemberBatch[State]:
        known: dict[str, KnownMember[State] | None] = {}
        unread: list[str] = []
        for user_id in grouped:
            remembered = self._members.get(user_id)
            if remembered is None:
                unread.append(user_id)
            else:
                known[user_id] = remembered
        stored = transaction.stored(self.projection, unread) if unread else {}
        for user_id in unread:
            self._watch.set(self.projection.name, user_id, grouped[user_id])
            known[user_id] = known_of(self.fold, stored[user_id])
        batch = fold_batch(
            self.fold,
            grouped,
            known,
            lambda user_id: stored[user_id].rows if user_id in stored else EMPTY,
            lambda user_ids: transaction.histories(self.fold, user_ids, upto),
            self._watch,
            transaction,
        )
        if braked:
            self._brake.count(grouped, batch.failures)
        return batch

    def _remember_only_if(self, transaction: ProjectingTransaction, checkpoint: Checkpoint) -> None:
        """Keeps what is remembered only where nobody else moved the projection since our last commit."""
        if self._seen != (checkpoint.epoch, checkpoint.position):
            self._members = {}
            self._exceptions = transaction.exceptions(self.projection.key)
            self._seen = (checkpoint.epoch, checkpoint.position)

    def _keep(self, batch: MemberBatch[State]) -> None:
        for user_id, member in batch.members.items():
            self._members.pop(user_id, None)
            self._members[user_id] = member
        too_many = max(0, len(self._members) - self._members_kept)
        for user_id in list(islice(self._members, too_many)):
            del self._members[user_id]
        if batch.failures:
            self._exceptions = self._exceptions.also_parked(batch.failures)


class TallyProcessor:
    def __init__(self, projection: Tally, transaction: OpenTransaction, catalogue: Catalogue, watch: FoldWatch) -> None:
        self.projection = projection
        self._catalogue = catalogue
        self._transaction = transaction
        self._watch = watch
        self._brake = Brake(projection.name)

    def step(self, *, upto: Position, limit: int) -> Step:
        key = self.projection.key
        with self._transaction() as transaction:
            checkpoint = transaction.lock_checkpoint(key)
            reason = may_fold(self.projection, checkpoint)
            if reason is not None:
                return Step(checkpoint.position, idle=reason)
            events = transaction.events(after=checkpoint.position, upto=upto, limit=limit)
            if not events:
                return Step(checkpoint.position, idle=CAUGHT_UP)
            exceptions = transaction.exceptions(key)
            left_out = exceptions.left_out | PositionSet.of(exceptions.parked_positions)
            batch = count_batch(self.projection, events, left_out, self._catalogue, self._watch)
            if not checkpoint.parks_freely:
                self._brake.count(_by_user(events), batch.failures)
            transaction.add(self.projection.table, batch.increments)
            transaction.park(key, batch.failures)
            position = events[-1].position
            transaction.advance(checkpoint, to=position, passed=len(events), counted=batch.counted)
        return Step(position, len(events), len(batch.increments), 0, tuple(batch.failures))

    def wide_step(self, *, upto: Position, limit: int, in_time: Callable[[], bool]) -> Step:
        """A step as any other: counting reads no members, and a page of the log is what memory holds."""
        return self.step(upto=upto, limit=min(limit, MOST_COUNTED))


def _by_user(events: Iterable[Recorded]) -> Mapping[str, Sequence[Recorded]]:
    found: dict[str, list[Recorded]] = {}
    for recorded in events:
        found.setdefault(recorded.user_id, []).append(recorded)
    return found
