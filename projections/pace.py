"""How many events a batch holds: more while there is a backlog, few when live, never so many that a batch drags."""

from dataclasses import dataclass


@dataclass
class BatchPace:
    """Doubles while full batches are quicker than *aim_seconds*, halves when one lasts more than twice that."""

    limit: int = 500
    least: int = 100
    most: int = 20_000
    aim_seconds: float = 0.5

    def failed(self) -> None:
        """A step was not done in time: try with far less, down to a single event."""
        self.limit = max(1, self.limit // 4)

    def after(self, events: int, seconds: float) -> None:
        """A step of *events* took *seconds*."""
        if seconds > 2 * self.aim_seconds:
            self.limit = max(min(self.least, self.limit), self.limit // 2)
        elif events >= self.limit and seconds < self.aim_seconds:
            self.limit = min(self.most, self.limit * 2)
