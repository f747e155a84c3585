"""The port of a step: what it does to the database, within one transaction."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Final, NamedTuple, Protocol

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.batch import Exceptions, Failure, SealedLog, StoredRows
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.difference import Changes
from temple_ledger.projections.effects import EffectFollower, Special
from temple_ledger.projections.feed import StoredChange
from temple_ledger.projections.fold import Fold, Frontier
from temple_ledger.projections.grouped import ByMember
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.tables import Table
from temple_ledger.projections.tally import Key

Names = frozenset[tuple[str, str]] | None
"""Of (event_type, action); None is every one."""


class Wanted(NamedTuple):
    """Events under these names, with the payloads of those in *reading_metadata*."""

    names: Names
    reading_metadata: Names

    def __or__(self, other: object) -> "Wanted":
        """What either wants."""
        if not isinstance(other, Wanted):
            return NotImplemented
        return Wanted(_either(self.names, other.names), _either(self.reading_metadata, other.reading_metadata))


def _either(names: Names, others: Names) -> Names:
    return None if names is None or others is None else names | others


class Among(NamedTuple):
    """The members in (after, upto], by user_id; None is no end."""

    after: str | None
    upto: str | None


EVERYBODY: Final = Among(None, None)

PassedOf = tuple[int, Position, int]
"""Events of some lanes, the position of the last event of all, and how many there are of all."""


class Sums(Protocol):
    """By key, as a mapping has them."""

    def __len__(self) -> int: ...

    def items(self) -> Iterable[tuple[Key, int]]: ...


class ProjectingTransaction(SealedLog, Protocol):
    """What a step does to the database; all of it is committed, or nothing."""

    def lock_checkpoint(self, key: ProjectionKey, *, apart: bool = False) -> Checkpoint:
        """The checkpoint, held until the transaction ends; of a split projection its lanes too.

        Raises NotLeader when another runner holds the projection's lease, UnknownName when there is no such row, and
        unless *apart* LanesApart where its lanes do not stand together.
        """

    def lock_lanes(self, key: ProjectionKey, lanes: Collection[int]) -> tuple[Checkpoint, Position | None]:
        """Those of these lanes that stand least far, held, as the unit of a step; and where the next one stands.

        Raises NotLeader where none of them is led by this runner, and what a database raises that does not wait where
        an operation holds the projection.
        """

    def gather(self, checkpoint: Checkpoint, passed: int) -> Checkpoint:
        """All lanes stand where the first one did, after so many events that the others had not passed."""

    def lock_free(self, keys: Sequence[ProjectionKey]) -> Mapping[ProjectionKey, Checkpoint]:
        """The checkpoints of these projections that nobody else holds, and whose lease is ours; waits for none."""

    def part(self) -> AbstractContextManager[None]:
        """What is done within is undone alone where the block raises."""

    def exceptions(self, key: ProjectionKey) -> Exceptions: ...

    def events(
        self,
        *,
        after: Position,
        upto: Position,
        limit: int,
        lanes: Sequence[int] = (),
        payloads: bool = True,
    ) -> Sequence[Recorded]:
        """By position; with *lanes* those of their members. Where no *payloads* are wanted, they may be left out."""

    def passed(self, *, after: Position, upto: Position, limit: int) -> tuple[int, Position]:
        """How many events stand in (after, upto], of at most so many, and the position of the last of these."""

    def passed_of(
        self, lanes: Sequence[int], *, after: Position, upto: Position, limit: int, without: Names = frozenset()
    ) -> PassedOf:
        """The same; but first how many of them are of members of the lanes and not under the names *without*, which
        whoever reads these events can count, and last how many there are."""

    def by_member(
        self,
        wanted: Wanted,
        *,
        after: Position,
        upto: Position,
        lanes: Sequence[int] = (),
        among: Iterable[Among] = (EVERYBODY,),
    ) -> AbstractContextManager[Iterator[ByMember]]:
        """The events in (after, upto] that are *wanted*, all of a member's together, some members at a time; of the
        members *among*, each of which is asked for when the one before is done.

        Raises TooWide where a member has more of them than memory is to hold.
        """

    def divided(self, parts: int, *, after: Position, upto: Position) -> Sequence[Among]:
        """The members with events in (after, upto], in about so many parts of about as many events each."""

    def holds_nothing(self, projection: MemberProjection[Any]) -> bool:
        """Whether no rows and no frontiers are stored of it."""

    def fill(self) -> None:
        """No rows and no frontiers are stored of the members whose rows follow: nothing has to be looked up."""

    def stored(self, projection: MemberProjection[Any], user_ids: Sequence[str]) -> Mapping[str, StoredRows]:
        """Of each of these members, also of those that have no rows."""

    def histories(
        self, fold: Fold[Any], user_ids: Sequence[str], upto: Position
    ) -> Iterable[tuple[str, Sequence[Recorded] | None]]:
        """All events of each of these members that *fold* knows, in any order, without positions left out.

        None for a history that is too long to be held in memory, or to be folded in a step.
        """

    def put(self, projection: MemberProjection[Any], written: Any) -> None:
        """Writes what was written for this step in another process, which handed it over."""

    def write(self, tables: Sequence[Table], changes: Changes) -> None:
        """Raises TooWide where a wide step finds a row that it has not read."""

    def move_frontiers(self, key: ProjectionKey, frontiers: Mapping[str, Frontier | None]) -> None: ...

    def add(self, table: Table, increments: Sums) -> None: ...

    def park(self, key: ProjectionKey, failures: Sequence[Failure]) -> None: ...

    def effect_starts(self, key: ProjectionKey) -> Mapping[str, Position]:
        """Of the effects that are installed, by name."""

    def special_events(
        self, *, after: Position, upto: Position, older_than: timedelta, positions: Sequence[Position] | None = None
    ) -> Mapping[Position, Special]:
        """Those that were imported, or came of a snapshot, or were recorded so late; or those of *positions*."""

    def send(self, key: ProjectionKey, follower: EffectFollower) -> None:
        """Puts the messages into the outbox, and counts what was held back."""

    def is_followed(self, key: ProjectionKey) -> bool:
        """Whether anybody reads its feed."""

    def store_changes(self, key: ProjectionKey, changes: Sequence[StoredChange]) -> None:
        """For the consumers of the feed."""

    def reset(self, projection: MemberProjection[Any], user_ids: Sequence[str], at: Position) -> None:
        """Notes for the consumers of the feed, where there are any, that these members are as they are stored now."""

    def advance(
        self, before: Checkpoint, *, to: Position, passed: int, counted: int = 0, reads: str | None = None
    ) -> None:
        """*reads* is stored where the checkpoint has none yet.

        Raises StaleCheckpoint when position or epoch are not those of *before*.
        """


OpenTransaction = Callable[[], AbstractContextManager[ProjectingTransaction]]
