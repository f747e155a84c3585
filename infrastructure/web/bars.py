"""Weeks as stacked bars: plain geometry for an SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

WIDTH: Final = 1_000
HEIGHT: Final = 180
MOST_WEEKS: Final = 104
SORTS: Final = {"roles": "roles", "people": "joined and left", "payments": "payments", "other": "other"}
WEEK: Final = timedelta(days=7)


class Piece(NamedTuple):
    sort: str
    y: float
    height: float


class WeekBar(NamedTuple):
    week: date
    x: float
    width: float
    pieces: Sequence[Piece]
    total: int


class WeekTick(NamedTuple):
    x: float
    week: date


@dataclass(frozen=True)
class WeekChart:
    bars: Sequence[WeekBar]
    ticks: Sequence[WeekTick]
    highest: int
    table: Sequence[tuple[date, Mapping[str, int]]]
    """The last weeks, the newest first, for whoever reads numbers."""


def week_chart(weeks: Mapping[date, Mapping[str, int]], today: date) -> WeekChart | None:
    """Of the last two years that have anything; None where nothing happened. What is dated ahead hides none of it."""
    past = [week for week in weeks if week <= today]
    if not past:
        return None
    last = max(past)
    first = max(min(past), last - WEEK * (MOST_WEEKS - 1))
    shown = [first + WEEK * number for number in range((last - first) // WEEK + 1)]
    highest = max(sum(weeks.get(week, {}).values()) for week in shown)
    step = WIDTH / max(len(shown), 26)
    bars = [_bar(week, weeks.get(week, {}), number * step, step, highest) for number, week in enumerate(shown)]
    ticks = [WeekTick(bar.x, bar.week) for bar in bars if bar.week.day <= 7 and bar.week.month in _months(len(shown))]
    table = [(week, weeks.get(week, {})) for week in reversed(shown[-12:])]
    return WeekChart(bars, ticks, highest, table)


def _months(weeks: int) -> tuple[int, ...]:
    return (1, 4, 7, 10) if weeks > 40 else tuple(range(1, 13))


def _bar(week: date, counts: Mapping[str, int], x: float, step: float, highest: int) -> WeekBar:
    pieces, top = [], float(HEIGHT)
    for sort in SORTS:
        height = HEIGHT * counts.get(sort, 0) / max(1, highest)
        if height:
            top -= height
            pieces.append(Piece(sort, round(top, 1), round(height, 1)))
    return WeekBar(week, round(x, 1), round(step * 0.88, 1), pieces, sum(counts.values()))
