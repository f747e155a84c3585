"""Bulk import of JSON lines.

Each chunk of lines is one transaction of about half a second, so that readers, who wait for open transactions, never
wait long: ask which event_ids are there, COPY the others straight into the log, compare the rest. There is no staging
table: the order of the lines is the order in which COPY draws positions, and a chunk costs hardly more than COPY alone.
Should the unique index refuse a chunk, because somebody appended one of its events meanwhile, the chunk begins again.
Parsing goes on in another thread while a chunk is stored.

An import that was interrupted is run again: what is there already counts as a duplicate.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import BinaryIO, Final

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.log.import_chunk import Chunk
from temple_ledger.infrastructure.log.import_store import ChunkStore, StoredChunk
from temple_ledger.infrastructure.log.lines import MAX_LINE_BYTES, numbered_lines
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.log.rejects import RejectsFile

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

    Each is `added`, or a duplicate, or rejected because it is no event, or has the event_id of an event with another
    content. `first` and `last` are the positions of the first and last that was added; `read_bytes` is how far the
    source was read.
    """

    read: int = 0
    added: int = 0
    duplicates: int = 0
    rejected: int = 0
    conflicts: int = 0
    first: Position | None = None
    last: Position | None = None
    read_bytes: int = 0

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
) -> Imported:
    """Appends each line that is an event and not there yet; positions keep the order of the lines.

    Of two lines with one event_id the first counts, in the file as against the log. What is not imported goes to the
    file *rejects*, with line number and reason. *progress* is called after each commit, with what was done so far.
    *most_lines* are stored in one transaction.

    Raises OSError for a file that cannot be read or written, and DatabaseUnavailable; what was committed stays.
    """
    pace = _Pace(most_lines)
    imported = Imported()
    with ExitStack() as stack:
        stream = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        kept = stack.enter_context(RejectsFile(rejects))
        connection = stack.enter_context(RetryingConnection(database, DatabaseRole.APPEND, application="temple import"))
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="import")
        stack.callback(thread.shutdown, cancel_futures=True)
        storing = ChunkStore(connection)
        under_way: deque[tuple[Chunk, int, Future[StoredChunk]]] = deque()

        def put(chunk: Chunk) -> StoredChunk:
            started = perf_counter()
            stored = storing.store(chunk)
            pace.stored(chunk, perf_counter() - started)
            if notifier is not None and stored.added:
                notifier.notify()
            return stored

        def finish() -> Imported:
            chunk, read_bytes, future = under_way.popleft()
            stored = future.result()
            kept.write(sorted([*chunk.rejects, *stored.conflicts, *stored.refused]))
            done = _sum(imported, chunk, stored, read_bytes)
            if progress is not None:
                progress(done)
            return done

        for chunk, read_bytes in _chunks(stream, pace, catalogue):
            under_way.append((chunk, read_bytes, thread.submit(put, chunk)))
            if len(under_way) > CHUNKS_AHEAD:
                imported = finish()
        while under_way:
            imported = finish()
    return imported


def _chunks(source: BinaryIO, pace: _Pace, catalogue: Catalogue) -> Iterator[tuple[Chunk, int]]:
    """With how many bytes were read by the end of each."""
    chunk, read_bytes = Chunk(catalogue), 0
    for number, text, length in numbered_lines(source):
        read_bytes += length
        if length > MAX_LINE_BYTES:
            chunk.reject(number, f"the line has {length:,} bytes, at most {MAX_LINE_BYTES:,} are read", text)
        else:
            try:
                chunk.add(number, text)
            except InvalidEvent as error:
                chunk.reject(number, error.reason, text)
        if len(chunk) >= pace.lines or chunk.size >= MOST_BYTES:
            yield chunk, read_bytes
            chunk = Chunk(catalogue)
    if len(chunk):
        yield chunk, read_bytes


def _sum(before: Imported, chunk: Chunk, stored: StoredChunk, read_bytes: int) -> Imported:
    return Imported(
        read=before.read + len(chunk),
        added=before.added + stored.added,
        duplicates=before.duplicates + stored.duplicates,
        rejected=before.rejected + len(chunk.rejects) + len(stored.refused),
        conflicts=before.conflicts + len(stored.conflicts),
        first=stored.first if before.first is None else before.first,
        last=before.last if stored.last is None else stored.last,
        read_bytes=read_bytes,
    )
