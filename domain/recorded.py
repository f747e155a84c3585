"""An event as the log holds it."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import from_json

from temple_ledger.domain.errors import UndecodableEvent
from temple_ledger.domain.position import Position


class Recorded(NamedTuple):
    """A row of `webhook_audit_log`, its payload not parsed yet.

    `occurred_at` is None when the stored time is outside the years 1 to 9999. `event_id` and `recorded_at` are
    only there when they were asked for.
    """

    position: Position
    occurred_at: datetime | None
    event_type: str
    user_id: str
    action: str
    target: str | None
    metadata_text: str | None
    source: str
    event_id: UUID | None = None
    recorded_at: datetime | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """The payload; {} for null and for anything that is not an object.

        Raises UndecodableEvent for what jsonb holds and Python does not: more than 4,300 digits, more than 200
        levels. The limits are the parser's own, the same on every machine and call depth.
        """
        return decode_metadata(self.metadata_text)


def decode_metadata(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        # values hardly come twice: remembering them as well took half as long again
        value = from_json(text, cache_strings="keys")
    except ValueError as error:
        raise UndecodableEvent(f"metadata cannot be decoded: {error}") from None
    return value if isinstance(value, dict) else {}
