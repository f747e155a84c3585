"""Bulk import of JSON lines.

Each chunk of lines is one transaction of about half a second, so that readers, who wait for open transactions, never
wait long: ask which event_ids are there, COPY the others straight into the log, compare the rest. There is no staging
table: the order of the lines is the order in which COPY draws positions, and a chunk costs hardly more than COPY alone.
Should the unique index refuse a chunk, because somebody appended one of its events meanwhile, the chunk begins again.
Parsing goes on in another thread while a chunk is stored.

An import that was interrupted is run again: what is there already counts as a duplicate.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import BinaryIO, Final

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.position import NO_POSITIONS, Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.admission import Admission
from temple_ledger.infrastructure.log.file_forms import event_lines
from temple_ledger.infrastructure.log.import_chunk import Chunk
from temple_ledger.infrastructure.log.import_store import ChunkStore, StoredChunk
from temple_ledger.infrastructure.log.lines import Line
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.log.rejects import RejectsFile
from temple_ledger.infrastructure.log.remarks import About, Remark, named, without_named

FIRST_LINES: Final = 5_000
FEWEST_LINES: Final = 500
MOST_LINES: Final = 20_000
MOST_BYTES: Final = 16 * 1024 * 1024
CHUNK_SECONDS: Final = 0.4
CHUNKS_AHEAD: Final = 2
"""Parsed while one is stored: what bounds the memory."""


@dataclass(frozen=True)
class Imported:
    """What became of the lines that were read; empty ones are passed over.

    Each is `added`, or a duplicate, or the first of an event that is there and `retracted`, or rejected because it is
    no event, or has the event_id of an event with another content. `remarks` counts what is to be said of those that
    were added. `first` and `last` are the positions of the first and last that was added; `read_bytes` is how far the
    source was read. `number` is that of the import, under which its positions are written down.
    """

    read: int = 0
    added: int = 0
    duplicates: int = 0
    rejected: int = 0
    conflicts: int = 0
    first: Position | None = None
    last: Position | None = None
    read_bytes: int = 0
    number: int = 0
    retracted: PositionSet = NO_POSITIONS
    remarks: Mapping[Remark, int] = field(default_factory=dict)

    @property
    def unread(self) -> Mapping[str, int]:
        """How many of `added` no projection reads, by kind."""
        return named(self.remarks, About.UNREAD)

    @property
    def complete(self) -> bool:
        """Whether the log has every line that was read."""
        return self.rejected == 0 and self.conflicts == 0


class _Pace:
    """Lines of the next chunk: as many as the last transaction would have taken in CHUNK_SECONDS."""

    def __init__(self, most_lines: int) -> None:
        self._most_lines = most_lines
        self.lines = min(FIRST_LINES, most_lines)

    def stored(self, chunk: Chunk, seconds: float) -> None:
        fitting = int(len(chunk) * CHUNK_SECONDS / max(seconds, 0.001))
        self.lines = min(max(FEWEST_LINES, min(fitting, 2 * self.lines)), self._most_lines)


def import_lines(
    database: Database,
    source: Path | BinaryIO,
    *,
    rejects: Path | None = None,
    progress: Callable[[Imported], None] | None = None,
    notifier: Notifier | None = None,
    catalogue: Catalogue,
    most_lines: int = MOST_LINES,
    admission: Admission | None = None,
    imported_by: str | None = None,
    name: str | None = None,
) -> Imported:
    """Appends each line that is an event and not there yet; positions keep the order of the lines.

    Of two lines with one event_id the first counts, in the file as against the log. What is not imported goes to the
    file *rejects*, with line number and reason. *progress* is called after each commit, with what was done so far.
    *most_lines* are stored in one transaction. *admission* is what lines are asked beyond being events; without one,
    nothing. *name* and *imported_by* are written down; by default, that of the file and the database's login.

    Raises OSError for a file that cannot be read or written, UnreadableFile for one that has no lines of events,
    Refused when the import was retracted meanwhile, and DatabaseUnavailable; what was committed stays.
    """
    pace = _Pace(most_lines)
    with ExitStack() as stack:
        stream = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        kept = stack.enter_context(RejectsFile(rejects))
        connection = stack.enter_context(RetryingConnection(database, DatabaseRole.APPEND, application="temple import"))
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="import")
        stack.callback(thread.shutdown, cancel_futures=True)
        lines = event_lines(stream)
        first = next(lines, None)
        if first is None:
            return Imported()
        number = _begin(connection, name or _name(source), imported_by)
        imported = Imported(number=number)
        storing = ChunkStore(connection, number)
        under_way: deque[tuple[Chunk, int, Future[StoredChunk]]] = deque()

        def put(chunk: Chunk) -> StoredChunk:
            started = perf_counter()
            stored = storing.store(chunk)
            pace.stored(chunk, perf_counter() - started)
            if notifier is not None and stored.added:
                notifier.notify()
            return stored

        def finish() -> None:
            nonlocal imported
            chunk, read_bytes, future = under_way[0]
            stored = future.result()
            imported = _sum(imported, chunk, stored, read_bytes)
            under_way.popleft()
            if progress is not None:
                progress(imported)
            kept.write(sorted([*chunk.rejects, *stored.conflicts, *stored.refused]))

        every = chain((first,), lines)
        try:
            for chunk, read_bytes in _chunks(every, pace, lambda: Chunk(catalogue, admission)):
                under_way.append((chunk, read_bytes, thread.submit(put, chunk)))
                if len(under_way) > CHUNKS_AHEAD:
                    finish()
            while under_way:
                finish()
        except BaseException:
            # a chunk that is being stored is stored to its end: it counts, whatever has happened
            thread.shutdown(cancel_futures=True)
            while under_way:
                if _was_stored(under_way[0][2]):
                    with suppress(OSError):
                        finish()
                else:
                    under_way.popleft()
            raise
        connection.run("importing", lambda opened: opened.execute(statement("import_finish"), {"import": number}))
    if admission is None:
        return imported
    return replace(imported, remarks=without_named(imported.remarks, admission.roles))


def _was_stored(future: Future[StoredChunk]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _name(source: Path | BinaryIO) -> str:
    # that of a file may be bytes that are no text
    return os.fsencode(source.name).decode(errors="replace") if isinstance(source, Path) else "stdin"


def _begin(connection: RetryingConnection, file: str, imported_by: str | None) -> int:
    row = connection.run(
        "importing",
        lambda opened: opened.execute(statement("import_begin"), {"file": file, "imported_by": imported_by}).fetchone(),
    )
    return int(row[0]) if row is not None else 0


def _chunks(lines: Iterable[Line], pace: _Pace, new_chunk: Callable[[], Chunk]) -> Iterator[tuple[Chunk, int]]:
    """With how many bytes were read by the end of each."""
    chunk, read_bytes = new_chunk(), 0
    for number, text, length, problem in lines:
        read_bytes += length
        if problem is not None:
            chunk.reject(number, problem, text)
        else:
            try:
                chunk.add(number, text)
            except InvalidEvent as error:
                chunk.reject(number, error.reason, text)
        if len(chunk) >= pace.lines or chunk.size >= MOST_BYTES:
            yield chunk, read_bytes
            chunk = new_chunk()
    if len(chunk):
        yield chunk, read_bytes


def _sum(before: Imported, chunk: Chunk, stored: StoredChunk, read_bytes: int) -> Imported:
    retracted = before.retracted | stored.retracted
    # of several lines with one event that is retracted, the first lets it count again
    again = len(retracted) - len(before.retracted)
    return Imported(
        read=before.read + len(chunk),
        added=before.added + stored.added,
        duplicates=before.duplicates + stored.duplicates - again,
        rejected=before.rejected + len(chunk.rejects) + len(stored.refused),
        conflicts=before.conflicts + len(stored.conflicts),
        first=stored.first if before.first is None else before.first,
        last=before.last if stored.last is None else stored.last,
        read_bytes=read_bytes,
        number=before.number,
        retracted=retracted,
        remarks=Counter(before.remarks) + Counter(stored.remarks),
    )
