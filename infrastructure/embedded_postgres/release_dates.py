"""When the minor releases of the binaries came out, and how many rounds of fixes came since.

PostgreSQL's project releases on the second Thursday of February, May, August and November; in between only where
something cannot wait.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Final

RELEASED: Final[Mapping[str, date]] = {
    "16.14": date(2026, 5, 14),
    "18.4": date(2026, 5, 14),
}
"""Of the versions that the wheel has had; a newer wheel adds its own."""

_MONTHS: Final = (2, 5, 8, 11)
_THURSDAY: Final = 3


def rounds_since(released: date, today: date) -> list[date]:
    """The days of the rounds after *released*, until *today*."""
    return [day for day in _rounds(released.year, today.year) if released < day <= today]


def _rounds(first_year: int, last_year: int) -> Iterator[date]:
    for year in range(first_year, last_year + 1):
        for month in _MONTHS:
            first = date(year, month, 1)
            yield first + timedelta(days=(_THURSDAY - first.weekday()) % 7 + 7)
