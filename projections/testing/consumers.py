"""A consumer of the feed, given the changes of a test's log in every way in which they may come."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, Literal, Self, TypeVar

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.change import Beginning, Change, Complete, Reset
from temple_ledger.projections.effects import changes_of_log
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import State

Held = TypeVar("Held")
Item = Change[Any] | Reset[Any] | Beginning | Complete

CAME_AGAIN: Final = 3
"""So many items come again after the process has ended, at most."""


class GivenChanges:
    """What a test gives a consumer in a ledger's place: `changes`, as `Ledger` has it."""

    def __init__(self, projection: str, items: Sequence[Item]) -> None:
        self._projection = projection
        self._items = items

    def changes(
        self, projection: str, *, consumer: str, start: Literal["rows", "now"] = "rows", follow: bool = True
    ) -> "GivenFeed":
        """Raises AssertionError for another projection, and for a consumer that does not begin with the rows."""
        if projection != self._projection:
            raise AssertionError(f"{consumer} reads the changes of {projection}; this test is of {self._projection}")
        if start != "rows":
            raise AssertionError(f"{consumer} begins with what comes: what it holds depends on when it began")
        return GivenFeed(self._items)


class GivenFeed:
    """An iterator and a context manager, as the feed of a ledger."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = iter(items)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        return next(self._items)

    def commit(self, item: Item, connection: object) -> None:
        """There is no position to move."""


class Consumed(Generic[Held]):
    """What the consumer held in the end, and how the changes had come."""

    def __init__(self, way: str, held: Held) -> None:
        self.way = way
        self.held = held


def consumed(
    fold: Fold[State],
    log: Sequence[Recorded],
    follow: Callable[[Any, Held], object],
    new: Callable[[], Held],
) -> Iterator[Consumed[Held]]:
    """Each way once; *follow* is called again with what it held where its process ended in between."""
    for way, parts in _ways(fold, log):
        held = new()
        for items in parts:
            follow(GivenChanges(fold.projection.name, items), held)
        yield Consumed(way, held)


def _ways(fold: Fold[State], log: Sequence[Recorded]) -> Iterator[tuple[str, Sequence[Sequence[Item]]]]:
    changes: list[Item] = list(changes_of_log(fold, log, 0))
    yield "with the rows, after everything", [_snapshot(fold, log)]
    yield "before everything, then each change", [[*_snapshot(fold, ()), *changes]]
    half = len(log) // 2
    later = [each for each in changes if isinstance(each, Change) and each.position > half]
    yield "with the rows in the middle, then each change", [[*_snapshot(fold, log[:half]), *later]]
    for ended in sorted({len(changes) // 3, 2 * len(changes) // 3, len(changes)}):
        again = max(0, ended - CAME_AGAIN)
        what = f"before everything; it ended after {ended} changes, of which {ended - again} came again"
        yield what, [[*_snapshot(fold, ()), *changes[:ended]], changes[again:]]


def _snapshot(fold: Fold[State], log: Iterable[Recorded]) -> list[Item]:
    events = [recorded for recorded in log if fold.knows(recorded)]
    name, version = fold.projection.key
    at = Position(max((recorded.position for recorded in events), default=0))
    items: list[Item] = [Beginning(name, version, at, "it is new")]
    for user_id in sorted({recorded.user_id for recorded in events}):
        folded = fold.whole_of_known([each for each in events if each.user_id == user_id])
        if any(folded.rows.values()):
            items.append(Reset(name, version, user_id, at, None, folded.state))
    return [*items, Complete(name, version, at)]
