"""When things happen: in the evening, at weekends, on the first of a month, and more of it every year."""

from functools import cache
from itertools import accumulate

from temple_ledger.infrastructure.demo.clock import DAY, HOUR, Moment, day_of

# Times are UTC and the members sit around the Atlantic: quiet at 8, busiest at 20.
BY_HOUR = (5, 4, 4, 3, 2, 2, 1, 1, 1, 2, 3, 4, 5, 5, 6, 6, 7, 8, 9, 10, 10, 9, 8, 6)
WEEKEND, BILLING_DAY, PLAIN_DAY = 14, 18, 10


class Rhythm:
    """Gives each line of a history its moment; asked for lines in order, it never goes back in time."""

    def __init__(self, *, begin: Moment, end: Moment, lines: int) -> None:
        self._begin = begin
        self._weights = _weights(begin, (end - begin) // HOUR)
        self._ends = list(accumulate(self._weights))
        self._scale = self._ends[-1] / (lines + 1)
        self._hour = 0

    def at(self, line: float) -> Moment:
        reached = line * self._scale
        while self._ends[self._hour] < reached:
            self._hour += 1
        left = (self._ends[self._hour] - reached) / self._weights[self._hour]
        return Moment(self._begin + (self._hour + 1) * HOUR - int(left * HOUR))


def _weights(begin: Moment, hours: int) -> list[int]:
    """Of each hour. Whole numbers, so that their sums are the same everywhere."""
    weights: list[int] = []
    for hour in range(hours):
        days, of_day = divmod(begin + hour * HOUR, DAY)
        growth = 2 * hours + 3 * hour
        weights.append(BY_HOUR[of_day // HOUR] * _of_day(days) * growth)
    return weights


@cache
def _of_day(days: int) -> int:
    when = day_of(days)
    if when.day == 1:
        return BILLING_DAY
    return WEEKEND if when.weekday() >= 5 else PLAIN_DAY
