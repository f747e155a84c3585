"""Chunks of an import, each put into the log in one transaction."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import DatabaseUnavailable, EventConflict, InvalidEvent, Refused
from temple_ledger.domain.position import NO_POSITIONS, Position, PositionSet
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.comparison import LoggedEvent, compare
from temple_ledger.infrastructure.log.import_rows import Ends, copy_new, positions, record_range
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
    refuses one. So an import draws positions in vain for one chunk at most, or for two that overlap.

    What each chunk adds is written down as positions of the import *number*, in the chunk's own transaction.
    """

    def __init__(self, connection: RetryingConnection, number: int, catalogue: Catalogue) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._asks = True
        self._was_refused = False
        self.number = number

    def store(self, chunk: ParsedChunk) -> StoredChunk:
        """Appends what is new, in order; what only the database refuses is found by halves.

        Raises DatabaseUnavailable, and Refused when the import was retracted meanwhile.
        """
        doubtful = self._doubtful(chunk.doubtful) if chunk.doubtful else StoredChunk()
        return doubtful + self._admitted(chunk)

    def known(self, chunk: ParsedChunk) -> Collection[bytes]:
        """Those of its event_ids that are in the log; none while chunks prove to be new."""
        return self._connection.run("importing", lambda opened: self._known(opened, chunk))

    def compared(self, chunk: ParsedChunk, new: Mapping[bytes, int], ends: Ends) -> StoredChunk:
        """What became of a chunk whose *new* entries somebody else has stored."""
        found = self._connection.run("importing", lambda opened: self._compare(opened, chunk, _rest(chunk, new)))
        return self._stored(chunk, new, ends, found)

    def refused(self) -> None:
        """One of a chunk's events was there, or was appended since we asked: from now on, each chunk is asked for."""
        self._asks = self._was_refused = True

    def _admitted(self, chunk: ParsedChunk) -> StoredChunk:
        if not chunk.numbers:
            return StoredChunk()
        try:
            return self._connection.run(
                "importing",
                lambda opened: self._in_one_transaction(opened, chunk),
                again=(psycopg.errors.UniqueViolation,),
            )
        except InvalidEvent as error:
            if len(chunk.numbers) == 1:
                return StoredChunk(refused=(Reject(chunk.numbers[0], error.reason, chunk.texts[0]),))
            before, after = chunk.halves()
            return self._admitted(before) + self._admitted(after)

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
                new = chunk.new(self._known(connection, chunk))
                copy_new(connection, chunk, new)
                found = self._compare(connection, chunk, _rest(chunk, new))
                ends = record_range(connection, self.number, list(new))
        except psycopg.errors.UniqueViolation:
            self.refused()
            raise
        except REFUSALS as error:
            raise refusal(error) from None
        return self._stored(chunk, new, ends, found)

    def _known(self, connection: Connection, chunk: ParsedChunk) -> Collection[bytes]:
        return positions(connection, chunk.event_ids) if self._asks and chunk.event_ids else ()

    def _stored(
        self, chunk: ParsedChunk, new: Mapping[bytes, int], ends: Ends, found: Mapping[int, LoggedEvent]
    ) -> StoredChunk:
        self._asks = self._was_refused or bool(found)
        conflicts = tuple(self._conflicts(chunk, found))
        retracted = PositionSet.of(each.position for each in found.values() if each.same and each.retracted)
        return StoredChunk(
            added=len(new),
            duplicates=len(found) - len(conflicts),
            retracted=retracted,
            conflicts=conflicts,
            first=ends.first,
            last=ends.last,
            remarks=chunk.remarks_on(frozenset(new.values())),
        )

    def _hold(self, connection: Connection) -> None:
        """Until the transaction ends, nobody retracts the import. Raises Refused when somebody has."""
        if connection.execute(statement("import_hold"), {"import": self.number}).fetchone() is None:
            raise Refused(
                f"import {self.number} was retracted while it went on: what it had added is retracted, and nothing "
                "more was imported"
            )

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

    def _conflicts(self, chunk: ParsedChunk, found: Mapping[int, LoggedEvent]) -> Iterator[Reject]:
        for index in sorted(found):
            if not found[index].same:
                event_id = str(chunk.entry(index, self._catalogue).event_id)
                conflict = EventConflict(event_id, found[index].position)
                yield Reject(chunk.numbers[index], str(conflict), chunk.texts[index])


def _is_same(found: LoggedEvent | None) -> bool:
    return found is not None and found.same


def _rest(chunk: ParsedChunk, new: Mapping[bytes, int]) -> Sequence[int]:
    """The entries that are not stored again."""
    added = frozenset(new.values())
    return [index for index in range(len(chunk.numbers)) if index not in added]
