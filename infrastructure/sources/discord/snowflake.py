"""Discord's ids: when they were drawn, and their order."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

EPOCH: Final = datetime(2015, 1, 1, tzinfo=UTC)
LONGEST: Final = 20


def is_snowflake(value: Any) -> bool:
    """Ids are strings in JSON: they do not fit a double."""
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= LONGEST


def drawn_at(snowflake: str) -> datetime:
    """To the millisecond."""
    return EPOCH + timedelta(milliseconds=int(snowflake) >> 22)


def first_of(moment: datetime) -> str:
    """The smallest id that can be drawn at that moment."""
    return str(max(0, (moment - EPOCH) // timedelta(milliseconds=1)) << 22)


def by_number(snowflake: str) -> tuple[int, str]:
    """A key that sorts ids as numbers, as the database does too."""
    return len(snowflake), snowflake
