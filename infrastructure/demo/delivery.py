"""How a history reaches the ledger: most of it in order, some of it late, some of it twice."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from temple_ledger.infrastructure.demo.clock import HOUR, SECOND, Moment
from temple_ledger.infrastructure.demo.event_writer import WrittenEvent
from temple_ledger.infrastructure.demo.randomness import Chance


class DemoDelivery:
    """Holds each line until it is due; takes no more of them than there are to be."""

    def __init__(self, chance: Chance, *, lines: int, late_share: float, duplicate_share: float) -> None:
        self._chance = chance
        self._draw = chance.draw
        self._lines = lines
        self._again = duplicate_share
        self._late_per_event = late_share / (1 - duplicate_share)
        self._late_owed = 0.0
        self._held: list[tuple[int, int, str]] = []
        self.taken = 0

    @property
    def room(self) -> int:
        return self._lines - self.taken

    def take(self, entries: Sequence[WrittenEvent]) -> None:
        if len(entries) > self.room:
            entries = entries[: self.room]
        spare = self.room - len(entries)
        late = self._late_one(entries)
        for place, entry in enumerate(entries):
            due = entries[-1].at + self._chance.overdue() if place == late else entry.at
            self._hold(due, entry.line)
            while spare and self._draw() < self._again:
                spare -= 1
                due += self._until_repeated()
                self._hold(due, entry.line)

    def due(self, now: Moment) -> Iterator[str]:
        held = self._held
        while held and held[0][0] <= now:
            yield heappop(held)[2]

    def rest(self) -> Iterator[str]:
        while self._held:
            yield heappop(self._held)[2]

    def _late_one(self, entries: Sequence[WrittenEvent]) -> int | None:
        """Which entry is to stand behind the last, which is of the same member: late beyond doubt."""
        if not entries or entries[0].user_id != entries[-1].user_id:
            return None
        self._late_owed += self._late_per_event * len(entries)
        if len(entries) == 1 or self._draw() >= self._late_owed:
            return None
        self._late_owed -= 1
        return self._chance.between(0, len(entries) - 1)

    def _hold(self, due: int, line: str) -> None:
        # The count keeps lines due at the same moment in the order in which they were taken.
        heappush(self._held, (due, self.taken, line))
        self.taken += 1

    def _until_repeated(self) -> int:
        """A retry after seconds, mostly; else the next run of something that was down."""
        return self._chance.between(SECOND, 30 * SECOND if self._chance.likely(0.7) else 20 * HOUR)
