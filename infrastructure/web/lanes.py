"""The lanes of a member: a bar from grant to end for each role, under what they paid for. Plain geometry for an SVG."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from temple_ledger.infrastructure.queries.periods import HeldPeriod, HeldThings

WIDTH: Final = 1_000
"""Of the time line, in units of the drawing."""
ROW: Final = 24
BAR: Final = 18
LEAST: Final = 2.5
"""A bar is never narrower, or nobody would see it."""
MOST_LANES: Final = 40


class Giver(StrEnum):
    PLATFORM = "platform"
    MODERATOR = "moderator"
    BOT = "bot"
    THEMSELVES = "themselves"
    UNKNOWN = "unknown"
    TIER = "tier"


class Bar(NamedTuple):
    """`x` and `width` are in units of the time line. `future` lies behind the time that is looked at."""

    x: float
    width: float
    giver: Giver
    future: bool
    period: HeldPeriod


class Lane(NamedTuple):
    """`held`: at the time that is looked at."""

    what: str
    is_tier: bool
    held: bool
    y: int
    bars: Sequence[Bar]


class Tick(NamedTuple):
    x: float
    at: datetime


@dataclass(frozen=True)
class Lanes:
    """`marker` is the place of the time that is looked at; `hidden` is how many lanes there is no room for."""

    rows: Sequence[Lane]
    height: int
    marker: float
    ticks: Sequence[Tick]
    givers: Sequence[Giver]
    hidden: int


@dataclass(frozen=True)
class Givers:
    """Who is what: *platforms* are the bots of sources, *is_bot* says whether somebody is another one."""

    user_id: str
    platforms: Collection[str]
    is_bot: Callable[[str], bool]

    def of(self, period: HeldPeriod) -> Giver:
        if period.by is None:
            return Giver.UNKNOWN
        if period.by in self.platforms:
            return Giver.PLATFORM
        if period.by == self.user_id:
            return Giver.THEMSELVES
        return Giver.BOT if self.is_bot(period.by) else Giver.MODERATOR


def draw(held: HeldThings, givers: Givers, *, since: datetime, until: datetime, at: datetime) -> Lanes:
    """From *since* to *until*, as it was *at* some time between."""
    line = _Line(since, max(until, since + timedelta(hours=1)))
    lanes = [("", True, held.tiers)] if held.tiers else []
    roles = dict.fromkeys(period.what for period in held.roles)
    lanes += [(role, False, [each for each in held.roles if each.what == role]) for role in roles]
    rows = [
        _lane(line, givers, what, periods, at, is_tier=is_tier, y=number * ROW)
        for number, (what, is_tier, periods) in enumerate(lanes[:MOST_LANES])
    ]
    seen = {bar.giver for row in rows for bar in row.bars}
    return Lanes(
        rows=rows,
        height=len(rows) * ROW,
        marker=line.place(at),
        ticks=line.ticks(),
        givers=[giver for giver in Giver if giver in seen],
        hidden=max(0, len(lanes) - MOST_LANES),
    )


class _Line(NamedTuple):
    since: datetime
    until: datetime

    def place(self, at: datetime) -> float:
        share = (at - self.since) / (self.until - self.since)
        return round(WIDTH * min(1.0, max(0.0, share)), 1)

    def ticks(self) -> list[Tick]:
        """Beginnings of months or years, five or so."""
        months = max(1, round((self.until - self.since).days / 30 / 5))
        step = next((each for each in (1, 2, 3, 6, 12, 24, 60, 120) if each >= months), 240)
        first = self.since.year * 12 + self.since.month
        starts = (datetime(each // 12, each % 12 + 1, 1, tzinfo=UTC) for each in range(first, first + 12 * 400))
        found: list[Tick] = []
        for start in starts:
            if start >= self.until or len(found) > 12:
                break
            if (start.year * 12 + start.month - 1) % step == 0:
                found.append(Tick(self.place(start), start))
        return found


def _lane(
    line: _Line, givers: Givers, what: str, periods: Sequence[HeldPeriod], at: datetime, *, is_tier: bool, y: int
) -> Lane:
    bars = [bar for period in periods for bar in _bars(line, period, Giver.TIER if is_tier else givers.of(period), at)]
    held = any(period.since <= at and (period.until is None or period.until > at) for period in periods)
    return Lane(what, is_tier, held, y, bars)


def _bars(line: _Line, period: HeldPeriod, giver: Giver, at: datetime) -> list[Bar]:
    """One, or two where the time that is looked at lies within."""
    until = line.until if period.until is None else period.until
    cuts = [period.since, *([at] if period.since < at < until else []), until]
    return [
        Bar(line.place(begin), max(LEAST, line.place(end) - line.place(begin)), giver, begin >= at, period)
        for begin, end in pairwise(cuts)
    ]
