"""Rows of the log in COPY's binary format."""

import struct
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from temple_ledger.domain.log_entry import LogEntry

COPY_BEGINS: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_ENDS: Final = b"\xff\xff"
NO_TEXT: Final = b"\xff\xff\xff\xff"
_COLUMNS: Final = 8
_HEAD: Final = struct.Struct(">hi16siq")
_LENGTH: Final = struct.Struct(">i")
_LENGTH_OF_JSONB: Final = struct.Struct(">iB")
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
_SECONDS_OF_A_DAY: Final = 86_400
_MICROSECONDS: Final = 1_000_000
_JSONB_VERSION: Final = 1


def copy_row(entry: LogEntry) -> bytes:
    """The entry in COPY's binary format, its columns in the order of `log_copy.sql`."""
    event_id, timestamp, event_type, user_id, action, target, metadata, source = entry
    return packed_row(
        event_id.bytes,
        microseconds_of(timestamp),
        kind_columns(event_type, action, source),
        user_id.encode(),
        NO_TEXT if target is None else text_column(target),
        None if metadata is None else metadata.encode(),
    )


def packed_row(
    event_id: bytes, microseconds: int, kind: bytes, user_id: bytes, target: bytes, metadata: bytes | None
) -> bytes:
    """The row of these columns, of which *kind* and *target* are packed already."""
    head = _HEAD.pack(_COLUMNS, 16, event_id, 8, microseconds)
    user = _LENGTH.pack(len(user_id))
    if metadata is None:
        return b"".join((head, kind, user, user_id, target, NO_TEXT))
    return b"".join(
        (head, kind, user, user_id, target, _LENGTH_OF_JSONB.pack(len(metadata) + 1, _JSONB_VERSION), metadata)
    )


def microseconds_of(timestamp: datetime) -> int:
    """As PostgreSQL counts them."""
    since = timestamp - _BEGINNING
    return (since.days * _SECONDS_OF_A_DAY + since.seconds) * _MICROSECONDS + since.microseconds


@lru_cache(maxsize=1_024)
def kind_columns(event_type: str, action: str, source: str) -> bytes:
    return text_column(event_type) + text_column(action) + text_column(source)


@lru_cache(maxsize=1_024)
def text_column(text: str) -> bytes:
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded
