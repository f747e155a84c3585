"""The one parser and the one printer of timestamps.

PostgreSQL rounds a seventh digit of the seconds and shifts a time without an offset by the session's zone; Python
does neither. So no other place turns text into a time: what we store was parsed here.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from temple_ledger.domain.errors import FutureEvent, InvalidEvent

_DAY: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?!\d)", re.ASCII)
MOST_AHEAD: Final = timedelta(days=1)
"""How far a clock, or a zone that was forgotten, may be ahead."""


def parse_instant(text: object) -> datetime:
    """ISO 8601 with an offset, to microseconds (further digits are cut off), as UTC.

    Raises InvalidEvent for anything else, and for a time outside the years 1 to 9999.
    """
    if not isinstance(text, str):
        raise InvalidEvent("timestamp is not a string")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        if _names_no_day(text):
            raise InvalidEvent(f"timestamp {_short(text)}: there is no such day") from None
        raise InvalidEvent(f"timestamp {_short(text)} is not an ISO 8601 time between the years 1 and 9999") from None
    if instant.tzinfo is None:
        raise InvalidEvent(f"timestamp {_short(text)} has no offset; write +00:00 or Z for UTC")
    return in_utc(instant)


def in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is UTC:
        return instant
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise InvalidEvent(f"timestamp {instant.isoformat()} is outside the years 1 to 9999 in UTC") from None


def format_instant(instant: datetime) -> str:
    """UTC, always six digits: `2026-01-02T03:04:05.678000+00:00`."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def require_not_future(instant: datetime, now: datetime) -> None:
    """Raises FutureEvent for a time more than a day ahead: it would outlive every event that really comes after it."""
    if instant - now > MOST_AHEAD:
        raise FutureEvent(f"timestamp {format_instant(instant)} is in the future (more than a day ahead)")


def _names_no_day(text: str) -> bool:
    day = _DAY.match(text)
    if day is None or day[1] == "0000":
        return False
    try:
        date(*map(int, day.groups()))
    except ValueError:
        return True
    return False


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
