"""Draws of all kinds, out of random() and getrandbits() alone.

These give the same numbers on every version of Python. Logarithms and powers are left out as well: the last
digit of theirs depends on the machine's mathematical library.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from temple_ledger.infrastructure.demo.clock import DAY, HOUR, MINUTE, SECOND

T = TypeVar("T")

# The smaller, the more a few stand out. With this one the hottest member has about 65 times the average of
# sessions: enough for staff, and still a history that a person could have lived through.
_FLATNESS = 0.08
_OFFSET = _FLATNESS * _FLATNESS * _FLATNESS
_WIDTH = (1 + _FLATNESS) * (1 + _FLATNESS) * (1 + _FLATNESS) - _OFFSET


class Chance:
    def __init__(self, rng: Random) -> None:
        self.draw = rng.random
        self.bits = rng.getrandbits

    def likely(self, share: float) -> bool:
        return self.draw() < share

    def between(self, low: int, high: int) -> int:
        """From *low* up to, but not with, *high*."""
        return low + int(self.draw() * (high - low))

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.draw() * len(choices))]

    def skewed(self, size: int) -> int:
        """An index below *size*, the low ones far more often, much as Zipf found it."""
        x = self.draw() + _FLATNESS
        return int((x * x * x - _OFFSET) / _WIDTH * size)

    def shortly(self) -> int:
        """What a bot takes: from a second to some minutes."""
        return self.between(SECOND, 5 * SECOND if self.draw() < 0.6 else 8 * MINUTE)

    def by_and_by(self) -> int:
        """What a person takes: from half a minute to some hours."""
        return self.between(30 * SECOND, 20 * MINUTE if self.draw() < 0.7 else 4 * HOUR)

    def overdue(self) -> int:
        """How long a delivery stays away: from a minute to three days."""
        draw = self.draw()
        return self.between(MINUTE, HOUR if draw < 0.5 else DAY if draw < 0.9 else 3 * DAY)
