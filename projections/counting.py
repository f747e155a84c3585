"""Counting: what a tally adds for events, some at a time."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import ProjectionMisdeclared, UndecodableEvent
from temple_ledger.domain.position import PositionSet
from temple_ledger.domain.raised import describe_error
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.batch import Failure, without
from temple_ledger.projections.frames import frames_as_text
from temple_ledger.projections.projecting import Sums
from temple_ledger.projections.tally import Brief, Briefs, BuiltInTally, Key, Tally
from temple_ledger.projections.watch import NOBODY_WATCHES, FoldWatch


@dataclass
class TallyBatch:
    """`counted` is the sum of all increments: what the sum of the table must grow by."""

    increments: dict[Key, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    counted: int = 0

    def add(self, other: "TallyBatch") -> None:
        for key, number in other.increments.items():
            self.increments[key] = self.increments.get(key, 0) + number
        self.failures += other.failures
        self.counted += other.counted


class _Keyed:
    def __init__(self, keys: Callable[[Iterable[Brief]], Iterator[Key]], numbers: Mapping[Brief, int]) -> None:
        self._keys = keys
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def items(self) -> Iterator[tuple[Key, int]]:
        in_order = sorted(self._numbers)
        return zip(self._keys(in_order), map(self._numbers.__getitem__, in_order), strict=True)


class Counted(NamedTuple):
    """What one counting hands over to another. In dictionaries, the counts would be five times as large."""

    briefs: "array[int]"
    numbers: "array[int]"
    """Of each brief."""
    names: Sequence[Any]
    others: TallyBatch


def count_batch(
    tally: Tally,
    events: Iterable[Recorded],
    left_out: PositionSet,
    catalogue: Catalogue,
    watch: FoldWatch = NOBODY_WATCHES,
) -> TallyBatch:
    counting = Counting(tally, left_out, catalogue, watch)
    counting.count(list(events))
    return counting.total()


_OFTEN: Final = 2**31
"""Of one key at once: nobody counts that much."""


class Counting:
    """An event that cannot be counted is parked alone: for a tally, members do not matter."""

    def __init__(
        self, tally: Tally, left_out: PositionSet, catalogue: Catalogue, watch: FoldWatch = NOBODY_WATCHES
    ) -> None:
        self._tally = tally
        self._left_out = left_out
        self._count = tally.counter(catalogue)
        self._watch = watch
        self._batch = TallyBatch()
        self._coder = tally.briefs() if isinstance(tally, BuiltInTally) else None
        self._briefs: Counter[Brief] = Counter()

    def count(self, events: Sequence[Recorded]) -> Sequence[Failure]:
        """The failures among these."""
        events, failures = without(self._left_out, events), self._batch.failures
        before = len(failures)
        if self._coder is None or not self._count_together(self._coder, events):
            self._count_each(events)
        return failures[before:]

    def add(self, counted: Counted) -> None:
        """What was counted elsewhere."""
        if self._coder is not None:
            briefs = self._briefs
            for brief, number in zip(
                self._coder.translated(counted.briefs, counted.names), counted.numbers, strict=True
            ):
                briefs[brief] += number
        self._batch.add(counted.others)

    def counted(self) -> Counted:
        """What was counted here, for another one of the same tally."""
        briefs, names = self._briefs, () if self._coder is None else self._coder.names
        return Counted(array("q", briefs), array("q", briefs.values()), names, self._batch)

    @property
    def failures(self) -> Sequence[Failure]:
        return self._batch.failures

    @property
    def number(self) -> int:
        """The sum of all counts."""
        return self._briefs.total() + self._batch.counted

    def sums(self) -> Sums:
        """All counts by key; those that were counted together in the order of their briefs, and each key is made when
        it is its turn."""
        if self._coder is not None and not self._batch.increments:
            return _Keyed(self._coder.keys, self._briefs)
        return self.total().increments

    def total(self) -> TallyBatch:
        """Of all that were counted."""
        total = TallyBatch(counted=self._briefs.total())
        if self._coder is not None:
            total.increments = dict(_Keyed(self._coder.keys, self._briefs).items())
        total.add(self._batch)
        return total

    def _count_together(self, coder: Briefs, events: Sequence[Recorded]) -> bool:
        """False, and nothing is counted, where one of them may have to be parked."""
        briefs, there = self._briefs, len(self._briefs)
        try:
            found = coder.of(events)
        except UndecodableEvent:
            return False
        briefs.update(found)
        # a dictionary has what is new at its end
        new = list(islice(reversed(briefs), len(briefs) - there))
        if new and not self._tally.table.certainly_takes([(*key, 1) for key in coder.keys(new)]):
            briefs.subtract(found)
            for brief in new:
                del briefs[brief]
            return False
        return True

    def _count_each(self, events: Iterable[Recorded]) -> None:
        tally, batch, watch, count = self._tally, self._batch, self._watch, self._count
        increments, counted = batch.increments, 0
        watched = watch is not NOBODY_WATCHES
        for recorded in events:
            if watched:
                watch.set(tally.name, recorded.user_id, (recorded,))
            try:
                added = count(recorded)
                for key, number in added.items():
                    if key not in increments or type(number) is not int or abs(number) > _OFTEN:
                        _require_countable(tally, key, number)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code: whatever it raises parks the event
                batch.failures.append(
                    Failure(recorded.position, recorded.user_id, describe_error(error), frames=frames_as_text(error))
                )
                continue
            for key, number in added.items():
                increments[key] = increments.get(key, 0) + number
                counted += number
        batch.counted += counted
        watch.clear()


def _require_countable(tally: Tally, key: Key, number: int) -> None:
    reason = tally.table.refuses((*key, number))
    if reason is not None:
        raise ProjectionMisdeclared(reason)
