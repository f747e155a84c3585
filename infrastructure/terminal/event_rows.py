"""Events as people and programs read them."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic_core import from_json

from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.queries.attribution import AttributedEvent
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory
from temple_ledger.infrastructure.terminal.session import print_json, print_rows

ROLE_CHANGE: Final = "discord_role_change"
ROLE_EVENTS: Final = frozenset({ROLE_CHANGE, "discord_role"})
"""Their target is a role."""

COLUMNS: Final = ("position", "timestamp", "event", "user_id", "target")


def event_data(event: Recorded) -> dict[str, Any]:
    """By the log's column names, as JSON has it; what was not asked for is left out."""
    data = {
        "id": event.position,
        "event_id": event.event_id,
        "timestamp": event.occurred_at,
        "event_type": event.event_type,
        "user_id": event.user_id,
        "action": event.action,
        "target": event.target,
        "metadata": _metadata(event.metadata_text),
        "source": event.source,
        "recorded_at": event.recorded_at,
    }
    unasked = {name for name in ("event_id", "recorded_at") if data[name] is None}
    return {name: value for name, value in data.items() if name not in unasked}


def attributed_data(fact: AttributedEvent) -> dict[str, Any]:
    """With the later event that says who did it, where there is one."""
    data = event_data(fact.event)
    return data if fact.attribution is None else {**data, "attribution": event_data(fact.attribution)}


def event_json(event: Recorded, *, retracted: bool) -> str:
    """The event as an object on a line of its own."""
    return json.dumps({**event_data(event), "retracted": retracted}, default=_plain, ensure_ascii=False)


def event_row(event: Recorded, directory: RoleDirectory) -> dict[str, Any]:
    """For people: roles by their names."""
    return {
        "position": str(event.position),
        "timestamp": event.occurred_at,
        "event": event_name(event),
        "user_id": event.user_id,
        "target": target_label(event, directory),
        "source": event.source,
    }


def print_events(
    events: Iterable[Recorded],
    directory: RoleDirectory,
    attributed: Mapping[Position, Position],
    retracted: PositionSet,
    *,
    as_json: bool,
) -> None:
    """*attributed*: of an attribution the position of the event that it says something about."""
    if as_json:
        print_json([{**event_data(event), "retracted": event.position in retracted} for event in events])
        return
    rows = [{**event_row(event, directory), "note": _note(event, attributed, retracted)} for event in events]
    columns = (*COLUMNS, *(["note"] if any(row["note"] for row in rows) else []))
    print_rows(rows, columns, as_json=False)


def attribution_note(event: Recorded, attributed: Mapping[Position, Position]) -> str | None:
    first = attributed.get(event.position)
    return None if first is None else f"who did {first}"


def _note(event: Recorded, attributed: Mapping[Position, Position], retracted: PositionSet) -> str | None:
    notes = [attribution_note(event, attributed), "retracted" if event.position in retracted else None]
    return ", ".join(note for note in notes if note is not None) or None


def event_name(event: Recorded) -> str:
    return f"{event.event_type}/{event.action}"


def target_label(event: Recorded, directory: RoleDirectory) -> str | None:
    return directory.label(event.target) if event.target and event.event_type in ROLE_EVENTS else event.target


def _metadata(text: str | None) -> Any:
    """The payload; as text where JSON's readers would not take it: 5,000 digits, 1,000 levels, 1e400."""
    if text is None:
        return None
    try:
        value = from_json(text)
        json.dumps(value, allow_nan=False)
    except ValueError:
        return text
    return value


def _plain(value: object) -> str:
    return format_instant(value) if isinstance(value, datetime) else str(value)
