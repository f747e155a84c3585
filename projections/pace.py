"""How many events a step folds: more while there is a backlog, few when live, never so many that a step drags."""

from dataclasses import dataclass


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

    One that takes longer than *most_seconds* is void: others wait for its checkpoint, and its lease has to be renewed.
    """

    limit: int = 0
    least: int = 5_000
    first: int = 100_000
    most: int = 500_000
    far: int = 20_000
    aim_seconds: float = 2.0
    most_seconds: float = 3.0
    batches_between: int = 20
    _batches_left: int = 0

    def is_worth_it(self, behind: int, before: BatchPace, *, from_nothing: bool = False) -> bool:
        """For so many events, where there was a batch *before*: its rate says how wide the first one may be. One into
        empty tables has no such width, and needs none."""
        rate = before.seconds_an_event
        if from_nothing and self.limit == 0:
            self.limit = self.least
        if self.limit == 0 and rate is not None:
            self.limit = max(self.least, min(self.first, int(self.most_seconds / max(rate, 1e-6))))
        return behind > self.far and self.limit > 0 and self._batches_left == 0

    def after(self, events: int, seconds: float) -> None:
        """A wide step of *events* took *seconds*."""
        factor = min(5.0, self.aim_seconds / max(seconds, 0.001))
        self.limit = int(max(self.least, min(self.most, events * factor)))

    def after_batch(self) -> None:
        self._batches_left = max(0, self._batches_left - 1)

    def failed(self) -> None:
        """A wide step was void: the next is narrower; after the narrowest, some batches come first."""
        if self.limit <= self.least:
            self.rest()
        self.limit = max(self.least, self.limit // 3)

    def rest(self) -> None:
        """Some batches come first."""
        self._batches_left = self.batches_between
