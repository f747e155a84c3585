"""What was so at some time, and what was known of it at another."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from temple_ledger.domain.instant import format_instant, parse_instant

_STEP: Final = timedelta(microseconds=1)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class AsOf:
    """What occurred by `as_of`, as far as it was recorded by `known_at`; None sets no limit."""

    as_of: datetime | None = None
    known_at: datetime | None = None

    def __post_init__(self) -> None:
        """Raises TypeError, ValueError for what is no instant."""
        _require_instant("as_of", self.as_of)
        _require_instant("known_at", self.known_at)

    @property
    def is_now(self) -> bool:
        return self.as_of is None and self.known_at is None

    def __str__(self) -> str:
        parts = []
        if self.as_of is not None:
            parts.append(f"as of {format_instant(self.as_of)}")
        if self.known_at is not None:
            parts.append(f"as known at {format_instant(self.known_at)}")
        return ", ".join(parts) or "now"


def _require_instant(name: str, given: object) -> None:
    if given is None:
        return
    if not isinstance(given, datetime):
        raise TypeError(f"{name} is a {type(given).__name__}; give it a datetime with an offset")
    if given.tzinfo is None:
        raise ValueError(f"{name} has no offset ({given}): which instant is meant? Write tzinfo=UTC, or another zone")


def still_to_come(as_of: datetime | None, now: datetime) -> list[str]:
    """That an answer as of then is one as of now. A day counts as a whole, so today has come. What is said to happen
    later may be in the log all the same."""
    if as_of is None or as_of.astimezone(UTC).date() <= now.astimezone(UTC).date():
        return []
    return [f"{to_the_minute(as_of)} has not come yet: this is what is known now"]


def to_the_minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def before(moment: datetime, known_at: datetime | None = None) -> AsOf:
    """What occurred earlier than *moment*."""
    return AsOf(max(moment, _FIRST + _STEP) - _STEP, known_at)


def beginning(text: str) -> datetime:
    """An instant; of a plain date its first microsecond in UTC. Raises InvalidEvent."""
    return parse_instant(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)


def end(text: str) -> datetime:
    """An instant; of a plain date its last microsecond in UTC: the whole day counts. Raises InvalidEvent."""
    return parse_instant(f"{text}T23:59:59.999999Z" if _DATE.fullmatch(text) else text)
