"""Chunks of an import, each put into the log in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from temple_ledger.domain.errors import DatabaseUnavailable, EventConflict, InvalidEvent
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.comparison import LoggedEvent, compare
from temple_ledger.infrastructure.log.import_chunk import Chunk
from temple_ledger.infrastructure.log.refusal import REFUSALS, refusal
from temple_ledger.infrastructure.log.rejects import Reject

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class StoredChunk:
    """What became of a chunk's entries; `first` and `last` are positions of what was added."""

    added: int = 0
    duplicates: int = 0
    conflicts: tuple[Reject, ...] = ()
    refused: tuple[Reject, ...] = ()
    first: Position | None = None
    last: Position | None = None

    def __add__(self, later: "StoredChunk") -> "StoredChunk":
        return StoredChunk(
            self.added + later.added,
            self.duplicates + later.duplicates,
            self.conflicts + later.conflicts,
            self.refused + later.refused,
            later.first if self.first is None else self.first,
            self.last if later.last is None else later.last,
        )


class ChunkStore:
    """Chunks into the log, one after the other.

    Which events are there is asked before a chunk is copied, so that duplicates draw no positions. Asking costs an
    eighth of copying: while chunks prove to be new it is left out, and begins again for good when the unique index
    refuses one. So an import draws positions in vain for one chunk at most.
    """

    def __init__(self, connection: RetryingConnection) -> None:
        self._connection = connection
        self._asks = True
        self._was_refused = False

    def store(self, chunk: Chunk) -> StoredChunk:
        """Appends what is new, in order; what only the database refuses is found by halves.

        Raises DatabaseUnavailable.
        """
        if not chunk.numbers:
            return StoredChunk()
        try:
            stored = self._connection.run(
                "importing",
                lambda opened: self._in_one_transaction(opened, chunk),
                again=(psycopg.errors.UniqueViolation,),
            )
        except InvalidEvent as error:
            if len(chunk.numbers) == 1:
                return StoredChunk(refused=(Reject(chunk.numbers[0], error.reason, chunk.texts[0]),))
            before, after = chunk.halves()
            return self.store(before) + self.store(after)
        self._asks = self._was_refused or stored.added < len(chunk.numbers)
        return stored

    def _in_one_transaction(self, connection: Connection, chunk: Chunk) -> StoredChunk:
        try:
            with connection.transaction():
                new = chunk.new(_positions(connection, chunk.event_ids) if self._asks else ())
                if new:
                    with connection.cursor().copy(statement("log_copy")) as copy:
                        copy.write(chunk.copied(new.values()))
                added = frozenset(new.values())
                rest = [index for index in range(len(chunk.numbers)) if index not in added]
                entries = [chunk.entry(index) for index in rest]
                found = compare(connection, entries)
                first, last = _ends(connection, list(new))
        except psycopg.errors.UniqueViolation:
            # one of the events is there, or was appended since we asked
            self._asks = self._was_refused = True
            raise
        except REFUSALS as error:
            raise refusal(error) from None
        conflicts = tuple(_conflicts(chunk, rest, entries, found))
        return StoredChunk(len(new), len(rest) - len(conflicts), conflicts, (), first, last)


def _conflicts(
    chunk: Chunk, indexes: Sequence[int], entries: Sequence[LogEntry], found: Mapping[int, LoggedEvent]
) -> Iterator[Reject]:
    if len(found) < len(entries):
        raise DatabaseUnavailable("importing: an event that was in the log is not there any more; run: temple doctor")
    for place, (index, entry) in enumerate(zip(indexes, entries, strict=True)):
        if not found[place].same:
            conflict = EventConflict(str(entry.event_id), found[place].position)
            yield Reject(chunk.numbers[index], str(conflict), chunk.texts[index])


def _ends(connection: Connection, event_ids: Sequence[str]) -> tuple[Position | None, Position | None]:
    if not event_ids:
        return None, None
    positions = _positions(connection, [event_ids[0], event_ids[-1]])
    return positions[event_ids[0]], positions[event_ids[-1]]


def _positions(connection: Connection, event_ids: Sequence[str]) -> dict[str, Position]:
    """Of those that are in the log. The array is written by hand: the driver takes its time over long lists."""
    listed = {"event_ids": f"{{{','.join(event_ids)}}}"}
    rows = connection.execute(statement("log_known"), listed, binary=True)
    return {event_id.hex: Position(position) for event_id, position in rows}
