"""What a benchmark found: figures of named contenders, and goals that they meet or miss."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Series:
    """One figure, once a round; what counts is the median, and the spread says how far to trust it."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        return min(self.values), max(self.values)

    def over(self, peer: "Series", name: str) -> "Series":
        """The ratio, round by round: what slowed a whole round down slowed both."""
        return Series(name, "×", tuple(ours / theirs for ours, theirs in zip(self.values, peer.values, strict=True)))


def best_of(name: str, *series: Series) -> Series:
    """In each round the greatest value of any of them."""
    return Series(name, series[0].unit, tuple(map(max, zip(*[each.values for each in series], strict=True))))


@dataclass(frozen=True)
class Goal:
    """A figure with the target it must reach and, where there is one, the aim beyond it.

    *key* names it in JSON for good: what is measured is said in the series' name, which may be worded better one day.
    """

    key: str
    series: Series
    target: float
    aim: float | None = None
    at_least: bool = True

    @property
    def met(self) -> bool:
        return self._reaches(self.target)

    @property
    def verdict(self) -> str:
        if not self.met:
            return "**missed**"
        return "met, and the aim" if self.aim is not None and self._reaches(self.aim) else "met"

    def _reaches(self, wanted: float) -> bool:
        return self.series.median >= wanted if self.at_least else self.series.median <= wanted


@dataclass(frozen=True)
class Findings:
    """*how* and *notes* are Markdown; *load* is the machine's load average before each round.

    *rounds*: how many there were, where it does not matter how many were asked for.
    """

    bench: str
    title: str
    how: str
    series: Sequence[Series]
    goals: Sequence[Goal]
    notes: Sequence[str] = ()
    load: Sequence[float] = field(default_factory=tuple)
    rounds: int | None = None
