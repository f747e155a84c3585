"""What a step is, and did."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.position import Position
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.brake import Noted
from temple_ledger.projections.counting import Counted
from temple_ledger.projections.grouped import ByMember


@dataclass(frozen=True)
class Step:
    """What a step did. `idle` names why it did nothing: the state, `version`, or `caught up`."""

    position: Position
    events: int = 0
    rows: int = 0
    refolded: int = 0
    failures: tuple[Failure, ...] = ()
    idle: str | None = None
    apart: bool = False
    """Of a step of some lanes: whether others that are led together with them stand further."""
    read: int | None = None
    """Of a step of some lanes: how many events of the log it went over, whosoever they were. A limit is of these."""

    @property
    def gone_over(self) -> int:
        return self.events if self.read is None else self.read


MOST_COUNTED: Final = 20_000
MOST_FILLED: Final = 2_000_000
"""Events of a wide step into empty tables: for so long others wait for the checkpoint, some fifteen seconds."""
CAUGHT_UP: Final = "caught up"


class TooWide(LedgerError):
    """A wide step that was not done in time, or would need too much memory: what it did is not committed."""


class OutOfTime(TooWide):
    """It was not done in time."""


Item = TypeVar("Item")
InTime = Callable[[], bool]


def in_time_only(items: Iterable[Item], in_time: InTime) -> Iterator[Item]:
    """Raises OutOfTime before the next item once *in_time* is false."""
    for item in items:
        if not in_time():
            raise OutOfTime
        yield item


@dataclass(frozen=True)
class FoldedPart:
    """What another process folded of a step, of one projection."""

    failures: Sequence[Failure] = ()
    rows: int = 0
    refolded: int = 0
    counted: Counted | None = None
    """Of a tally."""
    noted: Noted | None = None
    """For the brake."""
    written: Any = None
    """Of members: what the transaction of that process was to write, for the one of the step."""


class PartLost(TooWide):
    """The process that folded a part of a wide step cannot go on with it: the step is taken again without."""


class Share(Protocol):
    """What one projection does in a step, within the transaction that holds its checkpoint."""

    def fold(self, events: ByMember, upto: Position) -> None:
        """Folds and writes events that stand at or below *upto*. Called again with further members, or once."""

    def add(self, part: FoldedPart) -> None:
        """What was folded of other members elsewhere is stored here."""

    def part(self) -> FoldedPart:
        """In the place of `finish`: what was folded since this was last asked, for the share that stores it."""

    def finish(self, to: Position, passed: int) -> None:
        """Moves the checkpoint over so many events. Raises StaleCheckpoint."""

    def committed(self) -> Step:
        """What was done, now that it is certain."""
