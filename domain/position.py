"""Where an event stands in the log."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, NewType

Position = NewType("Position", int)
"""The `id` of an event in `webhook_audit_log`: unique, increasing, may skip numbers."""

START = Position(0)
"""Before the first event."""


class PositionSet:
    """Positions as ranges, so that a million of them next to each other cost as much as one.

    Immutable. Ranges include both ends; those that touch or overlap become one.
    """

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(ranges):
            if self._lasts and first <= self._lasts[-1] + 1:
                self._lasts[-1] = max(self._lasts[-1], last)
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    @classmethod
    def of(cls, positions: Iterable[int]) -> "PositionSet":
        return cls((position, position) for position in positions)

    @property
    def ranges(self) -> tuple[tuple[Position, Position], ...]:
        """By position, with a gap between each two."""
        return tuple((Position(first), Position(last)) for first, last in zip(self._firsts, self._lasts, strict=True))

    def first(self, number: int) -> "PositionSet":
        """The smallest of them, so many."""
        some: list[tuple[int, int]] = []
        for first, last in self.ranges:
            if number <= 0:
                break
            some.append((first, min(last, first + number - 1)))
            number -= last - first + 1
        return PositionSet(some)

    def __contains__(self, position: object) -> bool:
        if not isinstance(position, int):
            return False
        place = bisect_right(self._firsts, position) - 1
        return place >= 0 and position <= self._lasts[place]

    def __iter__(self) -> Iterator[Position]:
        for first, last in self.ranges:
            yield from map(Position, range(first, last + 1))

    def __len__(self) -> int:
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __or__(self, other: "PositionSet") -> "PositionSet":
        return PositionSet([*self.ranges, *other.ranges])

    def __sub__(self, other: "PositionSet") -> "PositionSet":
        return PositionSet(self._without(other))

    def _without(self, other: "PositionSet") -> Iterator[tuple[int, int]]:
        for first, last in self.ranges:
            start: int = first
            place = max(0, bisect_right(other._firsts, start) - 1)
            for index in range(place, len(other._firsts)):
                left, right = other._firsts[index], other._lasts[index]
                if left > last:
                    break
                if right < start:
                    continue
                if left > start:
                    yield start, left - 1
                start = right + 1
            if start <= last:
                yield start, last

    def __and__(self, other: "PositionSet") -> "PositionSet":
        return self - (self - other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PositionSet) and self.ranges == other.ranges

    def __hash__(self) -> int:
        return hash(self.ranges)

    def __str__(self) -> str:
        """`3-7,9`: the same for equal sets."""
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ranges)


NO_POSITIONS: Final = PositionSet()
