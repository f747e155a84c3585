"""Chunks of an import over two connections in turn: one chunk is committed while the rows of the next go in.

Storing a chunk is the work of one process of the server. Over one connection, that process rests while the next chunk
is fetched, while somebody asks which of its events are there, and while a commit waits for the disk.

Positions have the order of the lines all the same: the rows of a chunk begin to go in when those of the chunk before it
are in, and it is committed after that one. No transaction waits for lines that have not come yet. Where anything goes
wrong, whatever is not committed is rolled back, and stored again by `ChunkStore`, one chunk after the other: it tries
again, finds what is refused, and knows what to say.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.abort import cut
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.import_rows import Ends, copy_new, record_range
from temple_ledger.infrastructure.log.import_store import ChunkStore, StoredChunk
from temple_ledger.infrastructure.log.parsed_chunk import ParsedChunk

AT_ONCE: Final = 2
"""Chunks whose transactions overlap."""


class Stored(NamedTuple):
    """A chunk, what became of it, and how long its transaction took."""

    chunk: ParsedChunk
    outcome: StoredChunk
    seconds: float


@dataclass(frozen=True)
class _Loaded:
    """`known` are those of its events that were in the log when `careful` chunks had been stored one by one."""

    chunk: ParsedChunk
    known: Collection[bytes]
    careful: int


@dataclass(frozen=True)
class _Begun:
    """`copied` is None for a chunk that is to be stored by itself."""

    chunk: ParsedChunk
    new: Mapping[bytes, int]
    writer: "_Writer"
    copied: Future[None] | None
    since: float

    @property
    def is_in(self) -> bool:
        """Waits for its rows. False also where they could not be stored."""
        if self.copied is None:
            return False
        error = self.copied.exception()
        if error is not None and not isinstance(error, (psycopg.Error, DatabaseUnavailable)):
            raise error
        return error is None

    @property
    def was_refused(self) -> bool:
        """By the unique index: one of its events is there."""
        return self.copied is not None and isinstance(self.copied.exception(), psycopg.errors.UniqueViolation)


class OverlappingStore:
    """Two connections and two threads of one import, until *stack* ends."""

    def __init__(self, database: Database, store: ChunkStore, stack: ExitStack) -> None:
        self._store = store
        self._careful = 0
        self._before: deque[Collection[bytes]] = deque(maxlen=AT_ONCE)
        """What the last chunks have added: it may not have been committed yet when the next one was asked for."""
        self._loader = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="import-load"))
        copier = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="import-copy"))
        self._writers = deque(_Writer(database, store.number, copier) for _ in range(AT_ONCE))
        for writer in self._writers:
            stack.callback(writer.roll_back)

    def stored(self, first: ParsedChunk, load: Callable[[], ParsedChunk | None]) -> Iterator[Stored]:
        """*first* and all that *load* returns, until that is None: each when it is committed, in their order.

        *load* is called in a thread. Raises what it raises, when all that it returned before is stored, and what
        `ChunkStore.store` raises.
        """
        chunk: _Begun | None = self._begin(self._ask(first))
        loading = self._load_ahead(load)
        while chunk is not None:
            following = None
            if chunk.is_in and (loaded := _at_hand(loading)) is not None:
                following, loading = self._begin(loaded), self._load_ahead(load)
            done = self._settle(chunk)
            if done is not None:
                yield done
            else:
                if following is not None:
                    following.writer.roll_back()
                yield self._store_alone(chunk)
                if following is not None:
                    yield self._store_alone(following)
                    following = None
            if following is None and (loaded := loading.result()) is not None:
                following, loading = self._begin(loaded), self._load_ahead(load)
            chunk = following

    def _load_ahead(self, load: Callable[[], ParsedChunk | None]) -> Future[_Loaded | None]:
        return self._loader.submit(self._loaded, load)

    def _loaded(self, load: Callable[[], ParsedChunk | None]) -> _Loaded | None:
        chunk = load()
        return None if chunk is None else self._ask(chunk)

    def _ask(self, chunk: ParsedChunk) -> _Loaded:
        careful = self._careful
        return _Loaded(chunk, self._store.known(chunk), careful)

    def _begin(self, loaded: _Loaded) -> _Begun:
        if loaded.careful != self._careful:
            # what was stored since then, and what was refused, is not among those that are left out below
            loaded = self._ask(loaded.chunk)
        writer = self._writers[0]
        self._writers.rotate()
        new = loaded.chunk.new(loaded.known, *self._before)
        self._before.append(new.keys())
        alone = bool(loaded.chunk.doubtful)
        copied = None if alone else writer.copy(loaded.chunk, new)
        return _Begun(loaded.chunk, new, writer, copied, perf_counter())

    def _settle(self, begun: _Begun) -> Stored | None:
        """None where it was rolled back."""
        if not begun.is_in:
            if begun.was_refused:
                self._store.refused()
            return None
        try:
            ends = begun.writer.commit([*begun.new])
        except (psycopg.Error, DatabaseUnavailable):
            return None
        if ends is None:
            return None
        seconds = perf_counter() - begun.since
        return Stored(begun.chunk, self._store.compared(begun.chunk, begun.new, ends), seconds)

    def _store_alone(self, begun: _Begun) -> Stored:
        begun.writer.roll_back()
        since = perf_counter()
        outcome = self._store.store(begun.chunk)
        self._careful += 1
        self._before.clear()
        return Stored(begun.chunk, outcome, perf_counter() - since)


def _at_hand(loading: Future[_Loaded | None]) -> _Loaded | None:
    """None also where loading has failed: that is for later, when what was read before is stored."""
    return loading.result() if loading.done() and loading.exception() is None else None


class _Writer:
    """A connection over which one chunk at a time goes in."""

    def __init__(self, database: Database, number: int, copier: ThreadPoolExecutor) -> None:
        self._database = database
        self._number = number
        self._copier = copier
        self._connection: psycopg.Connection[Any] | None = None
        self._copying: Future[None] | None = None

    def copy(self, chunk: ParsedChunk, new: Mapping[bytes, int]) -> Future[None]:
        """In a thread. The transaction stays open until `commit` or `roll_back`."""
        self._copying = self._copier.submit(self._copy, chunk, new)
        return self._copying

    def commit(self, event_ids: Sequence[bytes]) -> Ends | None:
        """What was copied, written down as the import's; None where that was retracted. Raises psycopg.Error."""
        ends = Ends()
        if self._connection is not None and event_ids:
            held = self._connection.execute(statement("import_hold_now"), {"import": self._number})
            if held.fetchone() is None:
                return None
            ends = record_range(self._connection, self._number, event_ids)
            self._connection.commit()
        self._copying = None
        return ends

    def roll_back(self) -> None:
        """What was begun and not committed, however far it is. The next chunk gets a new connection."""
        if self._copying is None:
            return
        if self._connection is not None and not self._copying.done():
            # its thread waits for the server, and is at it while somebody else cannot close it
            cut(self._connection)
        self._copying.exception()
        self._copying = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _copy(self, chunk: ParsedChunk, new: Mapping[bytes, int]) -> None:
        if not new:
            return
        if self._connection is None:
            self._connection = self._database.connect(
                DatabaseRole.APPEND, application="temple import", autocommit=False
            )
        copy_new(self._connection, chunk, new)
