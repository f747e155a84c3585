"""What is appended: the columns of the log that the world fills, checked.

JSON lines have the log's column names as keys. What an export adds (`id`, `recorded_at`, `processed_at`,
`retracted_at`) is not read back: the log assigns it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from pydantic_core import SchemaValidator, core_schema, from_json, to_json

from temple_ledger.domain.catalogue import Catalogue, EventType
from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.event import LONGEST_NAME, LONGEST_SOURCE, VERSION_KEY, Event
from temple_ledger.domain.instant import format_instant, in_utc, parse_instant
from temple_ledger.domain.position import START
from temple_ledger.domain.recorded import Recorded

NAMESPACE: Final = UUID("7a6b1d0e-5f0c-5c39-9d0e-3b1f6c1a52d4")
"""Of the event ids that are computed from a line."""

LENGTHS: Final = {"event_type": 50, "user_id": LONGEST_NAME, "action": 50, "source": LONGEST_SOURCE}
"""Required columns and how many characters they hold (source: the canon)."""

MAX_TARGET: Final = 100
SHORTEST_LIMIT: Final = min(*LENGTHS.values(), MAX_TARGET)
"""Characters: a text of so many fits into any of these columns."""
MOST_DIGITS: Final = 4_300
"""Of a number: with more, the parser that reads it back gives up."""

MAX_DEPTH: Final = 64
"""Levels of nesting in metadata: what every driver can read back."""

_READ: Final = frozenset({"event_id", "timestamp", "target", "metadata", *LENGTHS})
_OURS_TO_SAY: Final = frozenset({"id", "recorded_at", "processed_at", "retracted_at"})


class LogEntry(NamedTuple):
    """Ready to be appended. `metadata` is JSON text, or None."""

    event_id: UUID
    timestamp: datetime
    event_type: str
    user_id: str
    action: str
    target: str | None
    metadata: str | None
    source: str


def entry_of_line(line: str | bytes, catalogue: Catalogue) -> LogEntry:
    """Raises InvalidEvent with a reason that reads well after the number of the line."""
    return entry_of(columns_of_line(line), catalogue)


def columns_of_line(line: str | bytes) -> dict[str, Any]:
    """What the line says, not checked yet but for being one JSON object in which no key stands twice.

    Raises InvalidEvent as `entry_of_line` does.
    """
    value = require_json(line)
    if not isinstance(value, dict):
        raise InvalidEvent("not a JSON object")
    # the parser lets the last of two equal keys win; where there are as many keys as there look to be, no two are equal
    most = _most_keys(line if isinstance(line, bytes) else line.encode())
    metadata = value.get("metadata")
    # all the keys that there are, of nearly every line
    if most != len(value) + (len(metadata) if type(metadata) is dict else 0) and most != _keys_in(value):
        require_each_key_once(line)
    return value


def require_json(text: str | bytes) -> Any:
    """What the text says. Raises InvalidEvent where it is not one JSON value."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidEvent(_why_not_json(text, error)) from None


def is_exported(columns: Mapping[str, Any]) -> bool:
    """Whether the line came out of a ledger: what it says was in a log already, and is to stay as it was there."""
    return columns.get("id") is not None and columns.get("recorded_at") is not None


def entry_of(columns: Mapping[str, Any], catalogue: Catalogue) -> LogEntry:
    """The entry with these column values, as JSON gives them. Raises InvalidEvent."""
    if not columns.keys() <= _READ:
        unread = sorted(columns.keys() - _READ - _OURS_TO_SAY)
        if unread:
            raise InvalidEvent(f"unknown key {unread[0]!r}; the log has {', '.join(sorted(_READ))}")
        if columns.get("retracted_at") is not None:
            raise InvalidEvent("it was retracted in the ledger that exported it; to import it, remove retracted_at")
    event_type: Any = columns.get("event_type")
    user_id: Any = columns.get("user_id")
    action: Any = columns.get("action")
    source: Any = columns.get("source")
    target = columns.get("target")
    if not _are_plain(event_type, user_id, action, source, target):
        for name, length in LENGTHS.items():
            _check_text(name, columns.get(name), length)
        if target is not None:
            if not isinstance(target, str):
                raise InvalidEvent("target is not a string")
            _check_length("target", target, MAX_TARGET)
    if columns.get("timestamp") is None:
        raise InvalidEvent("timestamp is missing")
    metadata = columns.get("metadata")
    given = columns.get("event_id")
    entry = LogEntry(
        _NO_ID if given is None else _event_id(given),
        parse_instant(columns["timestamp"]),
        event_type,
        user_id,
        action,
        target,
        None if metadata is None else metadata_text(metadata),
        source,
    )
    _check_foldable(entry, metadata, catalogue)
    return entry if given is not None else entry._replace(event_id=_computed_id(entry, metadata))


def entry_of_event(
    event: Event,
    *,
    event_id: UUID,
    notes: Mapping[str, Any] | None = None,
    catalogue: Catalogue,
) -> LogEntry:
    """The row that stores *event*; *notes* are further keys of its metadata, which no fold reads.

    Raises EventMisdeclared for a class that names no type and is in no catalogue; InvalidEvent for notes or values
    that the log does not accept, or that would not read back equal.
    """
    given: object = event
    if not isinstance(given, Event):
        raise TypeError(f"an event is to be stored, and this is {_what(given)}")
    if not isinstance(event_id, UUID):
        raise InvalidEvent(f"event_id is not a UUID, but {event_id!r}")
    known = catalogue.type_of(type(event))
    model = known.model
    metadata = dict(notes or {})
    taken = sorted(metadata.keys() & {VERSION_KEY, *model.metadata_fields})
    if taken:
        raise InvalidEvent(f"notes may not use {taken[0]!r}, which {known.name} has itself")
    metadata.update(_payload(known, event))
    if known.version > 1:
        metadata[VERSION_KEY] = known.version
    entry = LogEntry(
        event_id=event_id,
        timestamp=in_utc(event.occurred_at),
        event_type=known.event_type,
        user_id=event.user_id,
        action=known.action,
        target=None if model.target_field is None else getattr(event, model.target_field),
        metadata=metadata_text(metadata) if metadata else None,
        source=event.source,
    )
    for name in LENGTHS:
        _check_text(name, getattr(entry, name), LENGTHS[name])
    if entry.target is not None:
        _check_length("target", entry.target, MAX_TARGET)
    _require_offsets(known, event)
    if not known.surely_decodes(entry.target, metadata):
        _check_reads_back(known, event, entry)
    return entry


def _what(given: object) -> str:
    if isinstance(given, type):
        return f"the class {given.__name__}: call it, with the fields of the event"
    return "None" if given is None else f"a {type(given).__name__}"


def _payload(known: EventType, event: Event) -> Mapping[str, Any]:
    try:
        return known.payload_of(event)
    except (ValueError, TypeError) as error:
        raise InvalidEvent(f"{known.name} has a value that JSON cannot hold: {error}") from None


def _check_reads_back(known: EventType, event: Event, entry: LogEntry) -> None:
    found = known.decode(recorded_of(entry))
    for name in (known.model.target_field, *known.model.metadata_fields):
        if name is not None and getattr(found, name) != getattr(event, name):
            raise InvalidEvent(
                f"{known.name}: {name} would read back as {getattr(found, name)!r}, and is {getattr(event, name)!r}"
            )


def metadata_text(value: object) -> str:
    """*value* as the JSON text that is stored. Raises InvalidEvent for what could not be read back."""
    try:
        text = to_json(value).decode()
        if "Infinity" in text or "NaN" in text:
            json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise InvalidEvent("metadata has a number out of range, or something that JSON cannot express") from None
    if "\\u0000" in text and _has_nul(value):
        raise InvalidEvent("metadata has a NUL character in a string; PostgreSQL cannot store it")
    if len(text) > MOST_DIGITS:
        try:
            from_json(text)
        except ValueError:
            raise InvalidEvent(f"metadata has a number of more than {MOST_DIGITS:,} digits") from None
    # each level takes two characters at least
    if len(text) > 2 * MAX_DEPTH and text.count("{") + text.count("[") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise InvalidEvent(f"metadata is nested deeper than {MAX_DEPTH} levels")
    return text


_NESTING: Final = (dict, list)
"""Not their union, which would be made again for each value."""

_KEY: Final = re.compile(rb'"\s*:')


def _most_keys(line: bytes) -> int:
    """How many keys the text of an object has, or more: what looks like a key may stand within a text."""
    line = line.strip()
    if b"\t" in line or b"\n" in line or b"\r" in line:
        return len(_KEY.findall(line))
    # several times faster than the expression, and at least as many: a key ends with one of the two
    return line.count(b'":') + line.count(b'" ')


def _keys_in(value: dict[str, Any] | list[Any]) -> int:
    keys = 0
    if isinstance(value, dict):
        keys, value = len(value), list(value.values())
    for each in value:
        if isinstance(each, _NESTING):
            keys += _keys_in(each)
    return keys


def require_each_key_once(line: str | bytes) -> None:
    """Raises InvalidEvent for JSON in which an object has a key twice."""

    def pairs(found: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in found:
            if key in seen:
                raise InvalidEvent(f"the key {key!r} stands twice in one object")
            seen.add(key)

    try:
        json.loads(line, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        # what this parser does not read, the checks of each column judge
        return


_NO_ID: Final = UUID(int=0)
_UUID: Final = SchemaValidator(core_schema.uuid_schema())


def _why_not_json(line: str | bytes, error: ValueError) -> str:
    if isinstance(line, bytes):
        if line.startswith(b"\xef\xbb\xbf"):
            return "starts with a byte order mark; save the file as UTF-8 without one"
        try:
            line.decode()
        except UnicodeDecodeError as undecodable:
            return f"not UTF-8 (byte {undecodable.start + 1})"
    # the parser counts lines within the one that it was given
    why = str(error).replace(" at line 1 column", " at column")
    if "hex escape" in why:
        why = f"half of a character (a lone surrogate){why[why.rfind(' at ') :]}"
    return f"not JSON that the log can keep: {why}"


def _are_plain(event_type: Any, user_id: Any, action: Any, source: Any, target: Any) -> bool:
    """True of nearly every line: its texts then need no closer look, one by one."""
    if not (event_type and user_id and action and source):
        return False
    try:
        joined = "".join((event_type, user_id, action, source, "" if target is None else target))
    except TypeError:
        return False
    return (
        joined.isascii()
        and "\x00" not in joined
        and len(event_type) <= SHORTEST_LIMIT
        and len(user_id) <= SHORTEST_LIMIT
        and len(action) <= SHORTEST_LIMIT
        and len(source) <= SHORTEST_LIMIT
        and (target is None or len(target) <= SHORTEST_LIMIT)
    )


def _check_text(name: str, value: object, length: int) -> None:
    if not isinstance(value, str):
        raise InvalidEvent(f"{name} is missing" if value is None else f"{name} is not a string")
    if not value:
        raise InvalidEvent(f"{name} is empty")
    _check_length(name, value, length)


def _check_length(name: str, value: str, length: int) -> None:
    if len(value) > length:
        raise InvalidEvent(f"{name} has {len(value)} characters, at most {length} fit")
    if "\x00" in value:
        raise InvalidEvent(f"{name} has a NUL character; PostgreSQL cannot store it")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidEvent(f"{name} has half of a character (a lone surrogate)")


def _event_id(value: object) -> UUID:
    if isinstance(value, str):
        try:
            found: UUID = _UUID.validate_python(value)
        except ValueError:
            pass
        else:
            return found
    raise InvalidEvent("event_id is not a UUID")


def _check_foldable(entry: LogEntry, metadata: object, catalogue: Catalogue) -> None:
    """A known event type is checked by decoding it: there is no second list of rules."""
    known = catalogue.find(entry.event_type, entry.action)
    if known is not None and not known.surely_decodes(entry.target, metadata):
        _require_offsets(known, known.decode(recorded_of(entry)))


def _require_offsets(known: EventType, event: Event) -> None:
    for name in known.model.instant_fields:
        for instant in _instants_in(getattr(event, name)):
            if instant.tzinfo is None:
                raise InvalidEvent(
                    f"{known.name}: {name} has no offset ({instant}): write +00:00 or Z, in Python tzinfo=UTC; "
                    "a time of no zone is annotated NaiveDatetime"
                )


def _instants_in(value: object) -> Iterator[datetime]:
    if isinstance(value, datetime):
        yield value
    elif isinstance(value, Mapping):
        for each in value.items():
            yield from _instants_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _instants_in(each)


def recorded_of(entry: LogEntry) -> Recorded:
    """The entry as it will be read back, before it has a position."""
    return Recorded(
        START,
        entry.timestamp,
        entry.event_type,
        entry.user_id,
        entry.action,
        entry.target,
        entry.metadata,
        entry.source,
    )


def _computed_id(entry: LogEntry, metadata: object) -> UUID:
    """UUIDv5 of the line as canonical JSON: the same fact has the same id wherever its line stands."""
    line = {**entry._asdict(), "timestamp": format_instant(entry.timestamp), "metadata": metadata}
    del line["event_id"]
    return uuid5(NAMESPACE, json.dumps(line, sort_keys=True, separators=(",", ":")))


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, Mapping):
        return any(_has_nul(key) or _has_nul(each) for key, each in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


def _deeper_than(value: object, levels: int) -> bool:
    """Without recursion: the value may be as deep as its parser allowed."""
    level: list[object] = [value]
    for _ in range(levels):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
