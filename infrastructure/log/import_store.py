"""Chunks of an import, each put into the log in one transaction."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import DatabaseUnavailable, EventConflict, InvalidEvent, Refused
from temple_ledger.domain.position import NO_POSITIONS, Position, PositionSet
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.comparison import LoggedEvent, compare
from temple_ledger.infrastructure.log.parsed_chunk import Doubtful, ParsedChunk
from temple_ledger.infrastructure.log.refusal import REFUSALS, refusal
from temple_ledger.infrastructure.log.rejects import Reject
from temple_ledger.infrastructure.log.remarks import Remark

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class StoredChunk:
    """What became of a chunk's entries; `first` and `last` are positions of what was added.

    `duplicates` are the lines that the log has already; `retracted` are the positions of those that are retracted.
    """

    added: int = 0
    duplicates: int = 0
    retracted: PositionSet = NO_POSITIONS
    conflicts: tuple[Reject, ...] = ()
    refused: tuple[Reject, ...] = ()
    first: Position | None = None
    last: Position | None = None
    remarks: Mapping[Remark, int] = field(default_factory=dict)

    def __add__(self, later: "StoredChunk") -> "StoredChunk":
        return StoredChunk(
            self.added + later.added,
            self.duplicates + later.duplicates,
            self.retracted | later.retracted,
            self.conflicts + later.conflicts,
            self.refused + later.refused,
            later.first if self.first is None else self.first,
            self.last if later.last is None else later.last,
            Counter(self.remarks) + Counter(later.remarks),
        )


class ChunkStore:
    """Chunks into the log, one after the other.

    Which events are there is asked before a chunk is copied, so that duplicates draw no positions. Asking costs an
    eighth of copying: while chunks prove to be new it is left out, and begins again for good when the unique index
    refuses one. So an import draws positions in vain for one chunk at most.

    What each chunk adds is written down as positions of the import *number*, in the chunk's own transaction.
    """

    def __init__(self, connection: RetryingConnection, number: int, catalogue: Catalogue) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._number = number
        self._asks = True
        self._was_refused = False

    def store(self, chunk: ParsedChunk) -> StoredChunk:
        """Appends what is new, in order; what only the database refuses is found by halves.

        Raises DatabaseUnavailable, and Refused when the import was retracted meanwhile.
        """
        doubtful = self._doubtful(chunk.doubtful) if chunk.doubtful else StoredChunk()
        return doubtful + self._admitted(chunk)

    def _admitted(self, chunk: ParsedChunk) -> StoredChunk:
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
            return self._admitted(before) + self._admitted(after)
        self._asks = self._was_refused or stored.added < len(chunk.numbers)
        return stored

    def _doubtful(self, doubtful: Sequence[Doubtful]) -> StoredChunk:
        """They add nothing either way: what the log has is no mistake of this import."""
        entries = [each.entry for each in doubtful]
        found = self._connection.run("importing", lambda connection: compare(connection, entries))
        refused = [each.reject for place, each in enumerate(doubtful) if not _is_same(found.get(place))]
        there = [found[place] for place in range(len(doubtful)) if _is_same(found.get(place))]
        retracted = PositionSet.of(each.position for each in there if each.retracted)
        return StoredChunk(duplicates=len(there), retracted=retracted, refused=tuple(refused))

    def _in_one_transaction(self, connection: Connection, chunk: ParsedChunk) -> StoredChunk:
        try:
            with connection.transaction():
                self._hold(connection)
                new = chunk.new(_positions(connection, chunk.event_ids) if self._asks else ())
                if new:
                    with connection.cursor().copy(statement("log_copy")) as copy:
                        copy.write(chunk.copied(new.values()))
                added = frozenset(new.values())
                rest = [index for index in range(len(chunk.numbers)) if index not in added]
                found = self._compare(connection, chunk, rest)
                first, last = _ends(connection, list(new))
                self._record(connection, list(new), first, last)
        except psycopg.errors.UniqueViolation:
            # one of the events is there, or was appended since we asked
            self._asks = self._was_refused = True
            raise
        except REFUSALS as error:
            raise refusal(error) from None
        conflicts = tuple(self._conflicts(chunk, rest, found))
        retracted = PositionSet.of(each.position for each in found.values() if each.same and each.retracted)
        return StoredChunk(
            len(new), len(rest) - len(conflicts), retracted, conflicts, (), first, last, chunk.remarks_on(added)
        )

    def _hold(self, connection: Connection) -> None:
        """Until the transaction ends, nobody retracts the import. Raises Refused when somebody has."""
        if connection.execute(statement("import_hold"), {"import": self._number}).fetchone() is None:
            raise Refused(
                f"import {self._number} was retracted while it went on: what it had added is retracted, and nothing "
                "more was imported"
            )

    def _record(
        self, connection: Connection, event_ids: Sequence[bytes], first: Position | None, last: Position | None
    ) -> None:
        if first is None or last is None:
            return
        if last - first + 1 == len(event_ids):
            connection.execute(statement("import_put_range"), {"import": self._number, "first": first, "last": last})
        else:
            connection.execute(statement("import_put_ranges"), {"import": self._number, "event_ids": _array(event_ids)})

    def _compare(self, connection: Connection, chunk: ParsedChunk, indexes: Sequence[int]) -> dict[int, LoggedEvent]:
        """By index: equal is what is so as it is stored, or as it was written, before its names were resolved."""
        found: dict[int, LoggedEvent] = {}
        for entry_of in (chunk.entry, chunk.entry_as_written):
            left = [index for index in indexes if not _is_same(found.get(index))]
            compared = compare(connection, [entry_of(index, self._catalogue) for index in left])
            found |= {left[place]: each for place, each in compared.items()}
        if len(found) < len(indexes):
            raise DatabaseUnavailable(
                "importing: an event that was in the log is not there any more; run: temple doctor"
            )
        return found

    def _conflicts(
        self, chunk: ParsedChunk, indexes: Sequence[int], found: Mapping[int, LoggedEvent]
    ) -> Iterator[Reject]:
        for index in indexes:
            if not found[index].same:
                event_id = str(chunk.entry(index, self._catalogue).event_id)
                conflict = EventConflict(event_id, found[index].position)
                yield Reject(chunk.numbers[index], str(conflict), chunk.texts[index])


def _is_same(found: LoggedEvent | None) -> bool:
    return found is not None and found.same


def _ends(connection: Connection, event_ids: Sequence[bytes]) -> tuple[Position | None, Position | None]:
    if not event_ids:
        return None, None
    positions = _positions(connection, [event_ids[0], event_ids[-1]])
    return positions[event_ids[0]], positions[event_ids[-1]]


def _positions(connection: Connection, event_ids: Sequence[bytes]) -> dict[bytes, Position]:
    """Of those that are in the log. The array is written by hand: the driver takes its time over long lists."""
    rows = connection.execute(statement("log_known"), {"event_ids": _array(event_ids)}, binary=True)
    return {event_id.bytes: Position(position) for event_id, position in rows}


def _array(event_ids: Sequence[bytes]) -> str:
    return f"{{{','.join(event_id.hex() for event_id in event_ids)}}}"
