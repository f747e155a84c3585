"""Rows of the log as the library's stored events, and back.

| the library's | ours |
|---|---|
| `originator_id` | user_id |
| `originator_version`, `Notification.id` | position; 0 is: not in the log yet |
| `topic` | `event_type/action`, such as `discord_role_change/added` |
| `state` | the row as a JSON line: the columns that the world fills, keys sorted |

The payload stands in the state as the log wrote it and is not parsed on the way, so a row that Python can
not decode is a notification like any other. What the recorder reads also carries the row itself, so that it
is decoded exactly as the runner decodes it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, Notification, ProgrammingError, StoredEvent
from pydantic_core import from_json

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import EventMisdeclared, InvalidEvent, UndecodableEvent
from temple_ledger.domain.event import Event
from temple_ledger.domain.instant import format_instant, parse_instant
from temple_ledger.domain.log_entry import LogEntry, entry_of, entry_of_event
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded


@dataclass(frozen=True)
class UndecodableRow:
    """What a subscription yields for a row of a known type that cannot be decoded: one bad row stops nobody.

    Our runner parks the member for it. A projection of the library decides itself: record the tracking and go
    on, or raise.
    """

    user_id: str
    position: Position
    topic: str
    reason: str

    @property
    def originator_id(self) -> str:
        return self.user_id

    @property
    def originator_version(self) -> int:
        return self.position


@dataclass(frozen=True)
class RowNotification(Notification):
    row: Recorded = field(repr=False)


class EventMapper(Mapper[str]):
    """Between StoredEvent and the events of the catalogue; no cipher and no compressor, the log is plain."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(transcoder=JSONTranscoder())
        self.catalogue = catalogue

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """The id is computed from the content, as for a line without one: the same fact is kept once.

        Raises ProgrammingError for what is not in the catalogue.
        """
        entry = self._entry(domain_event)
        return StoredEvent(
            originator_id=entry.user_id,
            originator_version=domain_event.originator_version,
            topic=topic_of(entry.event_type, entry.action),
            state=_state(entry, entry.event_id, entry.timestamp, entry.metadata),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """UnknownEvent for what the catalogue does not know, UndecodableRow for what it cannot read."""
        try:
            row = stored_event.row if isinstance(stored_event, RowNotification) else _row_of(stored_event)
            return self.catalogue.decode(row)
        except InvalidEvent as error:
            return UndecodableRow(
                user_id=str(stored_event.originator_id),
                position=Position(stored_event.originator_version),
                topic=stored_event.topic,
                reason=error.reason,
            )

    def _entry(self, domain_event: DomainEventProtocol[str]) -> LogEntry:
        if isinstance(domain_event, Event):
            try:
                entry = entry_of_event(domain_event, event_id=_ANY_ID, catalogue=self.catalogue)
                return entry_of(_columns(entry), self.catalogue)
            except EventMisdeclared:
                pass
        raise ProgrammingError(f"{type(domain_event).__name__} is not in the catalogue of the log")


RETRACTED: Final = "retracted"


def topic_of(event_type: str, action: str) -> str:
    return f"{event_type}/{action}"


def notification_of(row: Recorded, *, retracted: bool = False) -> RowNotification:
    """What was retracted stands in its place, under a topic that no projection has a rule for; the state stays."""
    event_type = RETRACTED if retracted else row.event_type
    return RowNotification(
        originator_id=row.user_id,
        originator_version=row.position,
        topic=topic_of(event_type, row.action),
        state=_state(row, row.event_id, row.occurred_at, row.metadata_text),
        id=row.position,
        row=row._replace(event_type=event_type),
    )


def _state(row: LogEntry | Recorded, event_id: UUID | None, instant: datetime | None, metadata: str | None) -> bytes:
    """What JSON cannot say, a time outside the years 1 to 9999, is null."""
    members = {
        "action": _JSON(row.action),
        "event_id": _JSON(None if event_id is None else str(event_id)),
        "event_type": _JSON(row.event_type),
        "metadata": "null" if metadata is None else metadata,
        "source": _JSON(row.source),
        "target": _JSON(row.target),
        "timestamp": _JSON(None if instant is None else format_instant(instant)),
        "user_id": _JSON(row.user_id),
    }
    return ("{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}").encode()


_JSON: Final = json.JSONEncoder(ensure_ascii=False).encode
_ANY_ID: Final = UUID(int=0)


def _columns(entry: LogEntry) -> Mapping[str, Any]:
    """Without an id, so that one is computed."""
    columns = {**entry._asdict(), "timestamp": format_instant(entry.timestamp)}
    columns["metadata"] = None if entry.metadata is None else json.loads(entry.metadata)
    del columns["event_id"]
    return columns


def _row_of(stored: StoredEvent) -> Recorded:
    """Of a stored event that was made by somebody else than our recorder. Raises InvalidEvent."""
    try:
        row = from_json(stored.state)
        metadata = row["metadata"]
        return Recorded(
            position=Position(stored.originator_version),
            occurred_at=None if row["timestamp"] is None else parse_instant(row["timestamp"]),
            event_type=row["event_type"],
            user_id=row["user_id"],
            action=row["action"],
            target=row["target"],
            metadata_text=None if metadata is None else json.dumps(metadata),
            source=row["source"],
        )
    except (KeyError, TypeError):
        raise UndecodableEvent("the state is not a row of the log") from None
    except ValueError as error:
        raise UndecodableEvent(f"the row cannot be decoded: {error}") from None
