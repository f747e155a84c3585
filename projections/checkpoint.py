"""How far a projection is, and what may be done to it."""

from dataclasses import dataclass
from enum import StrEnum

from temple_ledger.domain.position import Position
from temple_ledger.projections.key import ProjectionKey


class ProjectionState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    REBUILDING = "rebuilding"
    FAILED = "failed"
    TRIGGER = "trigger"
    """Not folded by a runner, but by a trigger of the database, in the transaction of each append."""
    NEEDS_REPLAY = "needs replay"
    """A version whose tables are not filled from the log yet."""


@dataclass(frozen=True)
class Checkpoint:
    """`passed` events stand at or before `position`; of a tally, `counted` of them were counted.

    In the state TRIGGER everything that can be seen is folded: `position` is the head of the log, and `passed` is of
    the time before.

    `parks_freely`: somebody resumed it with --park, and the brake does not stop it.

    `epoch` is raised by whoever else changes rows or position: what was computed under another one is void.
    """

    projection: str
    version: int
    position: Position
    epoch: int
    passed: int
    counted: int
    state: ProjectionState
    reason: str | None = None
    parks_freely: bool = False
    active: bool = True
    """Its tables have the declared names: it is the version that readers see."""
    reads: str | None = None
    """The event types that its rows were made of (`fingerprint`); None until a process has stepped it."""
    split: bool = False
    """Runners step it by lanes, which may stand apart."""
    lanes: tuple[Position, ...] = ()
    """Of one that is split, where each of them stands, as far as that was read; `position` is at most the least."""
    unit: tuple[int, ...] = ()
    """The lanes that a step is of, which stand at `position`; none: all that there is."""

    @property
    def key(self) -> ProjectionKey:
        return ProjectionKey(self.projection, self.version)

    @property
    def furthest(self) -> Position:
        """Where its first lane stands."""
        return max((self.position, *self.lanes))

    @property
    def is_apart(self) -> bool:
        """Whether some members' rows stand further than its position says."""
        return self.furthest > self.position

    @property
    def standing(self) -> tuple[object, ...]:
        """What does not change as long as nobody else moves it."""
        return (self.epoch, self.unit, self.position)

    @property
    def label(self) -> str:
        """For people: its name alone where it is the version that readers see."""
        return self.projection if self.active else str(self.key)
