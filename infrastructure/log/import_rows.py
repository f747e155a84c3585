"""What one chunk of an import asks of the log, and writes into it."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from temple_ledger.domain.errors import UnsafeLog
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.parsed_chunk import ParsedChunk

Connection = psycopg.Connection[Any]


class Ends(NamedTuple):
    """Positions of the first and the last event that a chunk added; None where it added nothing."""

    first: Position | None = None
    last: Position | None = None


NOT_TAKEN: Final = (
    "the log did not store the events as they were sent: a trigger of webhook_audit_log that is not ours keeps them "
    "out or changes them; run: temple doctor"
)


def copy_new(connection: Connection, chunk: ParsedChunk, new: Mapping[bytes, int]) -> None:
    """The entries of *chunk* that are *new*, by index, in order. Raises UnsafeLog where some are not stored."""
    if not new:
        return
    cursor = connection.cursor()
    with cursor.copy(statement("log_copy")) as copy:
        copy.write(chunk.copied(new.values()))
    if cursor.rowcount != len(new):
        raise UnsafeLog(NOT_TAKEN)


def record_range(connection: Connection, number: int, event_ids: Sequence[bytes]) -> Ends:
    """Writes down what import *number* has added: these events, in their order, in this transaction."""
    if not event_ids:
        return Ends()
    found = positions(connection, [event_ids[0], event_ids[-1]])
    if not found.keys() >= {event_ids[0], event_ids[-1]}:
        raise UnsafeLog(NOT_TAKEN)
    first, last = found[event_ids[0]], found[event_ids[-1]]
    if last - first + 1 == len(event_ids):
        connection.execute(statement("import_put_range"), {"import": number, "first": first, "last": last})
    else:
        connection.execute(statement("import_put_ranges"), {"import": number, "event_ids": _array(event_ids)})
    return Ends(first, last)


def positions(connection: Connection, event_ids: Sequence[bytes]) -> dict[bytes, Position]:
    """Of those that are in the log."""
    rows = connection.execute(statement("log_known"), {"event_ids": _array(event_ids)}, binary=True)
    return {event_id.bytes: Position(position) for event_id, position in rows}


class _EventIds(NamedTuple):
    """PostgreSQL's uuid[], as it is sent in binary: the driver takes its time over long lists."""

    sent: bytes


class _EventIdsDumper(Dumper):
    format = Format.BINARY
    oid = psycopg.adapters.types["uuid"].array_oid

    def dump(self, obj: _EventIds) -> bytes:
        return obj.sent


psycopg.adapters.register_dumper(_EventIds, _EventIdsDumper)

_ARRAY: Final = struct.Struct(">iiIii")
"""One dimension, no nulls, of which type, how many, numbered from 1."""
_LENGTH: Final = struct.Struct(">i").pack(16)


def _array(event_ids: Sequence[bytes]) -> _EventIds:
    head = _ARRAY.pack(1, 0, psycopg.adapters.types["uuid"].oid, len(event_ids), 1)
    return _EventIds(head + _LENGTH.join((b"", *event_ids)))
