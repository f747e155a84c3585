"""One step of a projection: read, fold, write and move the checkpoint, in one transaction."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final, Generic, Protocol

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.event import Event
from temple_ledger.domain.position import START, Position
from temple_ledger.projections.batch import Exceptions, Failure, MemberBatch, fold_batch, known_events, known_of
from temple_ledger.projections.brake import Brake, Notes
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.counting import Counting
from temple_ledger.projections.difference import EMPTY
from temple_ledger.projections.effects import EffectFollower, InstalledEffect, follower_of
from temple_ledger.projections.feed import FeedFollower
from temple_ledger.projections.fingerprint import reads_of
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.gathering import gathered
from temple_ledger.projections.grouped import ByMember
from temple_ledger.projections.lanes import without_effects
from temple_ledger.projections.lanes_step import fold_lanes
from temple_ledger.projections.member_projection import MemberProjection, State
from temple_ledger.projections.members_at_a_time import MembersAtATime
from temple_ledger.projections.placing import placed
from temple_ledger.projections.projecting import OpenTransaction, ProjectingTransaction, Wanted
from temple_ledger.projections.remembered import MOST_BYTES, Remembered
from temple_ledger.projections.standing import may_fold
from temple_ledger.projections.step import (
    CAUGHT_UP,
    MOST_COUNTED,
    MOST_FILLED,
    FoldedPart,
    InTime,
    Share,
    Step,
    TooWide,
    in_time_only,
)
from temple_ledger.projections.tally import Tally
from temple_ledger.projections.tally_share import TallyShare
from temple_ledger.projections.watch import NOBODY_WATCHES, FoldWatch

Projection = MemberProjection[Any] | Tally
MOST_REMEMBERED: Final = 1_000
"""Events of a step whose members are remembered. A wider one has members from everywhere: whoever comes next is hardly
among them, and memory would be full of them for nothing."""


class Processor(Protocol):
    """One projection, ready to take steps."""

    @property
    def projection(self) -> Projection: ...

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def wanted(self) -> Wanted:
        """What it folds."""

    notes: Notes

    def fills(self, transaction: ProjectingTransaction, checkpoint: Checkpoint) -> bool:
        """Whether a wide step would be the first one of all, into empty tables: then nothing is looked up, and each
        member is written once, however many events there are, up to *most_filled* of the step."""

    def begin(self, transaction: ProjectingTransaction, checkpoint: Checkpoint, *, wide: bool = False) -> Share: ...

    def step(self, *, upto: Position, limit: int) -> Step:
        """Folds at most *limit* events that are not above *upto*, all of which must be settled.

        Raises NotLeader, StaleCheckpoint, and what the transaction raises; then nothing is committed.
        """

    def lanes_step(self, lanes: Collection[int], *, upto: Position, limit: int, in_time: InTime | None = None) -> Step:
        """Of those of these lanes that stand least far; wide with *in_time*. Lanes that meet are one step from there.

        Raises besides LockNotAvailable, as the database does, where somebody holds all of the projection.
        """

    def wide_step(self, *, upto: Position, limit: int, in_time: InTime, most_filled: int = MOST_FILLED) -> Step:
        """The same for a projection that is far behind, with a *limit* that no memory would hold.

        Each member is read and written once for all of its events: a batch by position does both for a few of them.
        Raises TooWide besides, OutOfTime once *in_time* is false.
        """


def processor_of(
    projection: Projection,
    transaction: OpenTransaction,
    *,
    catalogue: Catalogue,
    most_bytes: int = MOST_BYTES,
    watch: FoldWatch = NOBODY_WATCHES,
) -> Processor:
    """*most_bytes*: of the members that are remembered between steps, to spare reading their rows again."""
    if isinstance(projection, Tally):
        return TallyProcessor(projection, transaction, catalogue, watch)
    return MemberProcessor(projection, transaction, catalogue, most_bytes, watch)


class _Stepping(ABC):
    """Steps of one projection alone."""

    projection: Projection
    catalogue: Catalogue
    reads_payloads = True

    def __init__(self, transaction: OpenTransaction, watch: FoldWatch) -> None:
        self.reads = reads_of(self.projection, self.catalogue)
        self._transaction = transaction
        self.watch = watch
        self.brake = Brake(self.projection.name)
        self.notes: Notes = self.brake
        """What counts who met what; other than the brake where another process judges."""
        self.exceptions = Exceptions()
        self._seen: tuple[object, ...] | None = None

    @property
    @abstractmethod
    def wanted(self) -> Wanted: ...

    @abstractmethod
    def begin(self, transaction: ProjectingTransaction, checkpoint: Checkpoint, *, wide: bool = False) -> Share: ...

    @abstractmethod
    def fills(self, transaction: ProjectingTransaction, checkpoint: Checkpoint) -> bool: ...

    @abstractmethod
    def forget(self) -> None:
        """What is remembered of members."""

    def step(self, *, upto: Position, limit: int) -> Step:
        with self._transaction() as transaction:
            checkpoint, reason = self._held(transaction)
            if reason is not None:
                return Step(checkpoint.position, idle=reason)
            events = transaction.events(after=checkpoint.position, upto=upto, limit=limit, payloads=self.reads_payloads)
            if not events:
                return Step(checkpoint.position, idle=CAUGHT_UP)
            share = self.begin(transaction, checkpoint)
            share.fold(ByMember.of(events), events[-1].position)
            share.finish(events[-1].position, len(events))
        return share.committed()

    def wide_step(self, *, upto: Position, limit: int, in_time: InTime, most_filled: int = MOST_FILLED) -> Step:
        with self._transaction() as transaction:
            checkpoint, reason = self._held(transaction)
            if reason is not None:
                return Step(checkpoint.position, idle=reason)
            if self.fills(transaction, checkpoint):
                transaction.fill()
                limit = most_filled
            passed, position = transaction.passed(after=checkpoint.position, upto=upto, limit=limit)
            if not passed:
                return Step(checkpoint.position, idle=CAUGHT_UP)
            share = self.begin(transaction, checkpoint, wide=True)
            with transaction.by_member(self.wanted, after=checkpoint.position, upto=position) as pieces:
                for piece in in_time_only(pieces, in_time):
                    share.fold(piece, position)
            share.finish(position, passed)
        return share.committed()

    def lanes_step(self, lanes: Collection[int], *, upto: Position, limit: int, in_time: InTime | None = None) -> Step:
        with self._transaction() as transaction:
            done = fold_lanes(transaction, self, lanes, upto=upto, limit=limit, in_time=in_time)
        return done if isinstance(done, Step) else done.committed()

    def _held(self, transaction: ProjectingTransaction) -> tuple[Checkpoint, str | None]:
        """The checkpoint, with all lanes at one position; and why nothing may be folded there."""
        checkpoint = transaction.lock_checkpoint(self.projection.key, apart=True)
        reason = may_fold(self.projection, checkpoint, self.catalogue)
        return (checkpoint, reason) if reason is not None else (gathered(transaction, self, checkpoint), None)

    def remember_only_if(self, transaction: ProjectingTransaction, checkpoint: Checkpoint) -> bool:
        """Keeps what is remembered only where nobody else moved the projection since our last commit; true where it
        was forgotten, and read anew."""
        moved = self._seen != checkpoint.standing
        if moved:
            self.forget()
            self.exceptions = transaction.exceptions(self.projection.key)
        # until the commit is certain, nothing that was remembered can be relied on: a rule may have changed it
        self._seen = None
        return moved

    def remember(self, before: Checkpoint, position: Position, failures: Sequence[Failure]) -> None:
        """It is certain."""
        self._seen = replace(before, position=position).standing
        if failures:
            self.exceptions = self.exceptions.also_parked(failures)


class MemberProcessor(_Stepping, Generic[State]):
    def __init__(
        self,
        projection: MemberProjection[State],
        transaction: OpenTransaction,
        catalogue: Catalogue,
        most_bytes: int,
        watch: FoldWatch,
    ) -> None:
        self.projection: MemberProjection[State] = projection
        self.catalogue = catalogue
        self.fold = Fold(projection, catalogue)
        self.members: Remembered[State] = Remembered(projection.tables, most_bytes)
        self.at_a_time = MembersAtATime()
        self.effects: Sequence[InstalledEffect] = ()
        self.is_followed = False
        super().__init__(transaction, watch)

    @property
    def wanted(self) -> Wanted:
        payloads = None if self.projection.effects else self.fold.reading_metadata
        return Wanted(frozenset(self.fold.names), payloads)

    def begin(
        self, transaction: ProjectingTransaction, checkpoint: Checkpoint, *, wide: bool = False
    ) -> "_MemberShare[State]":
        """Of a wide step nothing is remembered: its members may be more than memory is to hold."""
        if self.remember_only_if(transaction, checkpoint):
            self.effects = self._installed_effects(transaction)
            self.is_followed = transaction.is_followed(self.projection.key)
        if checkpoint.unit and self.effects:
            # split by a process that has other code: what its lanes folded, this one's effects would pass over
            raise Refused(without_effects(checkpoint.label))
        if wide:
            self.forget()
        return _MemberShare(self, transaction, checkpoint, remembering=not wide)

    def _installed_effects(self, transaction: ProjectingTransaction) -> Sequence[InstalledEffect]:
        if not self.projection.effects:
            return ()
        starts = transaction.effect_starts(self.projection.key)
        return [InstalledEffect(each, starts[name]) for name, each in self.projection.effects.items() if name in starts]

    def fills(self, transaction: ProjectingTransaction, checkpoint: Checkpoint) -> bool:
        # rules of somebody else may take any time
        ours, projection = self.projection.reads_fields_alone, placed(self.projection, checkpoint)
        return ours and checkpoint.position == START and transaction.holds_nothing(projection)

    def forget(self) -> None:
        self.members.clear()


class _MemberShare(Generic[State]):
    def __init__(
        self,
        processor: MemberProcessor[State],
        transaction: ProjectingTransaction,
        checkpoint: Checkpoint,
        *,
        remembering: bool,
    ) -> None:
        self._processor = processor
        self._projection = placed(processor.projection, checkpoint)
        self._transaction = transaction
        self._checkpoint = checkpoint
        self._remembering = remembering
        self._effects: EffectFollower | None = None
        self._feed: FeedFollower | None = None
        self._failures: list[Failure] = []
        self._position = checkpoint.position
        self._events = self._rows = self._refolded = 0

    def fold(self, events: ByMember, upto: Position) -> None:
        processor, before = self._processor, len(self._failures)
        grouped = known_events(processor.fold, events, processor.exceptions)
        self._follow(grouped, upto)
        others_too = sum(map(len, events.values())) <= MOST_REMEMBERED
        for some in processor.at_a_time.of(grouped):
            self._fold_some(some, upto, events.decoded, others_too=others_too)
        if not self._checkpoint.parks_freely:
            processor.notes.count(grouped, events.met, self._failures[before:], epoch=self._checkpoint.epoch)

    def _fold_some(
        self, grouped: ByMember, upto: Position, decoded: dict[Position, Event] | None, *, others_too: bool
    ) -> None:
        transaction, key = self._transaction, self._projection.key
        batch = self._batch(grouped, upto, decoded)
        transaction.write(self._projection.tables, batch.changes)
        transaction.move_frontiers(key, {user_id: each.frontier for user_id, each in batch.members.items()})
        transaction.park(key, batch.failures)
        if self._remembering:
            # not for certain before the commit: until then all of it is forgotten at the next step
            self._processor.members.put(batch.members, others_too=others_too)
        self._failures += batch.failures
        self._rows += batch.changes.count()
        self._refolded += batch.refolded

    def _follow(self, grouped: ByMember, upto: Position) -> None:
        processor = self._processor
        effects, followed = processor.effects, processor.is_followed
        if not self._remembering and (followed or any(each.start < upto for each in effects)):
            # of a wide step members come one after the other; changes are followed by position
            raise TooWide
        if effects and self._effects is None:
            special, after = self._transaction.special_events, self._checkpoint.position
            self._effects = follower_of(processor.fold, effects, special, after=after, upto=upto)
        if followed and self._feed is None:
            self._feed = FeedFollower(processor.fold, self._effects)
        if self._effects is not None:
            self._effects.count_held_back(chain.from_iterable(grouped.values()))

    def add(self, part: FoldedPart) -> None:
        if part.noted is not None and not self._checkpoint.parks_freely:
            self._processor.brake.add(part.noted, epoch=self._checkpoint.epoch)
        if part.written is not None:
            self._transaction.put(self._projection, part.written)
        self._failures += part.failures
        self._rows += part.rows
        self._refolded += part.refolded

    def part(self) -> FoldedPart:
        part = FoldedPart(self._failures, self._rows, self._refolded, noted=self._processor.notes.taken())
        self._failures, self._rows, self._refolded = [], 0, 0
        return part

    def finish(self, to: Position, passed: int) -> None:
        transaction, projection = self._transaction, self._projection
        if self._effects is not None:
            transaction.send(projection.key, self._effects)
        if self._feed is not None:
            transaction.store_changes(projection.key, self._feed.changes)
            transaction.reset(projection, sorted(self._feed.missed), to)
        transaction.advance(self._checkpoint, to=to, passed=passed, reads=self._processor.reads)
        self._position, self._events = to, passed

    def committed(self) -> Step:
        self._processor.remember(self._checkpoint, self._position, self._failures)
        return Step(self._position, self._events, self._rows, self._refolded, tuple(self._failures))

    def _batch(self, grouped: ByMember, upto: Position, decoded: dict[Position, Event] | None) -> MemberBatch[State]:
        processor, transaction, fold = self._processor, self._transaction, self._processor.fold
        known = {user_id: processor.members.get(user_id) for user_id in grouped}
        unread = [user_id for user_id, remembered in known.items() if remembered is None]
        stored = transaction.stored(self._projection, unread) if unread else {}
        processor.at_a_time.read(len(grouped), (processor.members.size_of(each.rows) for each in stored.values()))
        for user_id in unread:
            processor.watch.set(self._projection.name, user_id, grouped[user_id])
            known[user_id] = known_of(fold, stored[user_id])
        return fold_batch(
            fold,
            grouped,
            known,
            lambda user_id: stored[user_id].rows if user_id in stored else EMPTY,
            lambda user_ids: transaction.histories(fold, user_ids, upto),
            processor.watch,
            transaction,
            self._feed or self._effects,
            decoded,
        )


class TallyProcessor(_Stepping):
    def __init__(self, projection: Tally, transaction: OpenTransaction, catalogue: Catalogue, watch: FoldWatch) -> None:
        self.projection: Tally = projection
        self.catalogue = catalogue
        self.reads_payloads = projection.reads_metadata
        super().__init__(transaction, watch)

    @property
    def wanted(self) -> Wanted:
        return Wanted(None, None if self.reads_payloads else frozenset())

    def begin(self, transaction: ProjectingTransaction, checkpoint: Checkpoint, *, wide: bool = False) -> "TallyShare":
        self.remember_only_if(transaction, checkpoint)
        return TallyShare(self, transaction, checkpoint)

    def counting(self) -> Counting:
        return Counting(self.projection, self.exceptions.uncounted, self.catalogue, self.watch)

    def fills(self, transaction: ProjectingTransaction, checkpoint: Checkpoint) -> bool:
        return checkpoint.position == START

    def forget(self) -> None:
        pass

    def wide_step(self, *, upto: Position, limit: int, in_time: InTime, most_filled: int = MOST_FILLED) -> Step:
        """A step as any other: counting reads no members, and a page of the log is what memory holds."""
        return self.step(upto=upto, limit=min(limit, MOST_COUNTED))


__all__ = ["CAUGHT_UP", "Processor", "Projection", "Share", "Step", "TooWide", "processor_of"]
