"""A second process that folds a part of the members of a wide step.

The step is one transaction, and this process's: it holds the checkpoints, and stores what both have folded. The other
one reads and calculates, and hands over what is to be written. It holds nothing, so whatever becomes of it, the step is
void at most, and the next one is folded here alone.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Final, NamedTuple, Protocol

from temple_ledger.domain.position import Position
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.projecting import EVERYBODY, Among
from temple_ledger.projections.step import FoldedPart

FAR: Final = 50_000
"""Events. A process needs as long to begin as half of them take to fold: with fewer, nothing would be gained."""
PARTS: Final = 2
"""Of the members of a step. For each of them the events of all are walked again, but for a step from the beginning."""
FILL_PARTS: Final = 16

Folded = Sequence[FoldedPart]
"""Of each projection of the step, in their order."""


READY: Final = "ready"
DONE: Final = "done"
"""What a second process reports, besides what it has folded: that it has begun, and that a part is done."""


class NotFolded(NamedTuple):
    """Or why a part is not done. One that is too wide is so for everybody."""

    why: str
    too_wide: bool


class WideStep(NamedTuple):
    """A step as it is to be folded, from where these checkpoints stand."""

    checkpoints: Sequence[Checkpoint]
    upto: Position
    fills: bool
    """Nothing is stored yet."""


class Shared:
    """The members of a step, in parts, each of which is given to whoever asks next."""

    def __init__(self, parts: Sequence[Among]) -> None:
        self._left = deque(parts)
        self._lock = Lock()

    def __iter__(self) -> Iterator[Among]:
        while (part := self.take()) is not None:
            yield part

    def take(self) -> Among | None:
        with self._lock:
            return self._left.popleft() if self._left else None


class Others(Protocol):
    """What is folded elsewhere of one step. Both raise PartLost where the other process cannot go on with it."""

    def folded(self) -> Iterator[Folded]:
        """What has come by now."""

    def rest(self) -> Iterator[Folded | None]:
        """All that is still to come, when nobody takes any more parts; None now and then, while nothing comes."""


class Beside(Protocol):
    """Where a second process is had from."""

    def begin(self) -> None:
        """Begins one, unless it is there already or there can be none; waits for nothing."""

    def end(self) -> None:
        """It is not needed for now."""

    @property
    def is_there(self) -> bool: ...

    def folding(self, step: WideStep, parts: Shared) -> AbstractContextManager[Others]:
        """For a block, in which the process takes parts; where the block is left early, what it folded is void."""


class _Nobody:
    is_there = False

    def begin(self) -> None:
        pass

    def end(self) -> None:
        pass

    @contextmanager
    def folding(self, step: WideStep, parts: Shared) -> Iterator[Others]:
        yield _Nothing()


class _Nothing:
    def folded(self) -> Iterator[Folded]:
        return iter(())

    def rest(self) -> Iterator[Folded | None]:
        return iter(())


ALONE: Final[Beside] = _Nobody()
ALL: Final = (EVERYBODY,)
