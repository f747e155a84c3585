"""How many events a step folds: more while there is a backlog, few when live, never so many that a step drags."""

from dataclasses import dataclass

from temple_ledger.projections.step import MOST_FILLED


@dataclass
class BatchPace:
    """Doubles while full batches are quicker than *aim_seconds*, halves when one lasts more than twice that."""

    limit: int = 500
    least: int = 100
    most: int = 20_000
    aim_seconds: float = 0.5
    seconds_an_event: float | None = None
    """Of the last one."""

    def failed(self) -> None:
        """A step was not done in time: try with far less, down to a single event."""
        self.limit = max(1, self.limit // 4)

    def after(self, events: int, seconds: float) -> None:
        """A step of *events* took *seconds*."""
        self.seconds_an_event = seconds / max(1, events)
        if seconds > 2 * self.aim_seconds:
            self.limit = max(min(self.least, self.limit), self.limit // 2)
        elif events >= self.limit and seconds < self.aim_seconds:
            self.limit = min(self.most, self.limit * 2)


@dataclass
class WidePace:
    """How many events a wide step folds: so many as take *aim_seconds* at the rate of the one before.

    Where those are less than *enough*, so many more as take *slow_aim_seconds*: a narrow step finds each member anew
    for few events, so on a slow or busy machine narrower steps would be slower ones, and narrower still. One that takes
    longer than *most_seconds* is void: others wait for its checkpoint.
    """

    limit: int = 0
    filling: int = MOST_FILLED
    """The same of a first step, into empty tables, for which there is no rate."""
    least: int = 5_000
    enough: int = 200_000
    most: int = 500_000
    far: int = 20_000
    aim_seconds: float = 2.0
    slow_aim_seconds: float = 20.0
    most_seconds: float = 50.0
    batches_between: int = 20
    _batches_left: int = 0

    def is_worth_it(self, behind: int, before: BatchPace, *, from_nothing: bool = False) -> bool:
        """For so many events, where there was a batch *before*: its rate says how wide the first one may be. One into
        empty tables has no such width, and needs none."""
        rate = before.seconds_an_event
        if from_nothing and self.limit == 0:
            self.limit = self.least
        if self.limit == 0 and rate is not None:
            # read by member, they take less than half of that
            self.limit = max(self.least, min(self.enough, int(2 * self.slow_aim_seconds / max(rate, 1e-6))))
        return behind > self.far and self.limit > 0 and self._batches_left == 0

    def after(self, events: int, seconds: float) -> None:
        """A wide step of *events* took *seconds*."""
        in_a_second = events / max(seconds, 0.001)
        aimed_at = max(self.aim_seconds * in_a_second, min(self.enough, self.slow_aim_seconds * in_a_second))
        self.limit = int(max(self.least, min(self.most, 5 * events, aimed_at)))

    def after_batch(self) -> None:
        self._batches_left = max(0, self._batches_left - 1)

    def failed(self, filling: int = 0) -> None:
        """A wide step was void: the next is narrower; after the narrowest, some batches come first. *filling*: it was a
        first one, over at most so many events, and not done in time, or cut off."""
        tried = min(self.filling, filling)
        if tried > 3 * self.far:
            self.filling = tried // 3
        elif self.limit <= self.least:
            self.rest()
        self.limit = max(self.least, self.limit // 3)

    def rest(self) -> None:
        """Some batches come first."""
        self._batches_left = self.batches_between
