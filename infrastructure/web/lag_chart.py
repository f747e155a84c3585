"""Lag as bars, one for each minute: plain geometry for an SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from temple_ledger.infrastructure.queries.lag_trend import LagAt

WIDTH: Final = 300.0
HEIGHT: Final = 40.0
LEAST_SECONDS: Final = 1.0
"""Less than this is drawn against it, so that milliseconds do not look like trouble."""
LEAST_BAR: Final = 1.0


class LagBar(NamedTuple):
    at: LagAt
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class LagChart:
    bars: Sequence[LagBar]
    highest: float
    first: datetime
    last: datetime


def lag_chart(trend: Sequence[LagAt]) -> LagChart | None:
    """None where nothing was folded."""
    if not trend:
        return None
    highest = max(each.seconds for each in trend)
    scale = HEIGHT / max(highest, LEAST_SECONDS)
    step = WIDTH / max(len(trend), 20)
    bars = []
    for place, each in enumerate(trend):
        height = max(LEAST_BAR, each.seconds * scale)
        bars.append(
            LagBar(each, round(place * step, 1), round(HEIGHT - height, 1), round(step * 0.8, 1), round(height, 1))
        )
    return LagChart(bars, highest, trend[0].minute, trend[-1].minute)
