"""What one chunk of an import asks of the log, and writes into it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.parsed_chunk import ParsedChunk

Connection = psycopg.Connection[Any]


class Ends(NamedTuple):
    """Positions of the first and the last event that a chunk added; None where it added nothing."""

    first: Position | None = None
    last: Position | None = None


def copy_new(connection: Connection, chunk: ParsedChunk, new: Mapping[bytes, int]) -> None:
    """The entries of *chunk* that are *new*, by index, in their order."""
    if new:
        with connection.cursor().copy(statement("log_copy")) as copy:
            copy.write(chunk.copied(new.values()))


def record_range(connection: Connection, number: int, event_ids: Sequence[bytes]) -> Ends:
    """Writes down what import *number* has added: these events, in their order, in this transaction."""
    if not event_ids:
        return Ends()
    found = positions(connection, [event_ids[0], event_ids[-1]])
    first, last = found[event_ids[0]], found[event_ids[-1]]
    if last - first + 1 == len(event_ids):
        connection.execute(statement("import_put_range"), {"import": number, "first": first, "last": last})
    else:
        connection.execute(statement("import_put_ranges"), {"import": number, "event_ids": _array(event_ids)})
    return Ends(first, last)


def positions(connection: Connection, event_ids: Sequence[bytes]) -> dict[bytes, Position]:
    """Of those that are in the log. The array is written by hand: the driver takes its time over long lists."""
    rows = connection.execute(statement("log_known"), {"event_ids": _array(event_ids)}, binary=True)
    return {event_id.bytes: Position(position) for event_id, position in rows}


def _array(event_ids: Sequence[bytes]) -> str:
    return f"{{{','.join(event_id.hex() for event_id in event_ids)}}}"
