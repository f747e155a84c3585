"""Bulk import of JSON lines.

Each chunk of lines is one transaction of about half a second, so that readers, who wait for open transactions, never
wait long: ask which event_ids are there, COPY the others straight into the log, compare the rest. There is no staging
table: the order of the lines is the order in which COPY draws positions, and a chunk costs hardly more than COPY alone.
Should the unique index refuse a chunk, because somebody appended one of its events meanwhile, the chunk begins again.
A file of more than one chunk is parsed in a process of its own while chunks are stored here, two at a time.

An import that was interrupted is run again: what is there already counts as a duplicate.
"""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import BinaryIO, Final

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import NO_POSITIONS, Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.admission import Admission
from temple_ledger.infrastructure.log.import_overlap import OverlappingStore, Stored
from temple_ledger.infrastructure.log.import_store import ChunkStore, StoredChunk
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.log.parsed_chunk import ParsedChunk
from temple_ledger.infrastructure.log.parser import Parser, ahead_of
from temple_ledger.infrastructure.log.rejects import RejectsFile
from temple_ledger.infrastructure.log.remarks import About, Remark, named, without_named

FIRST_LINES: Final = 5_000
FEWEST_LINES: Final = 500
MOST_LINES: Final = 20_000
CHUNK_SECONDS: Final = 0.4


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

    def stored(self, chunk: ParsedChunk, seconds: float) -> None:
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
    stopped: Callable[[], bool] = lambda: False,
) -> Imported:
    """Appends each line that is an event and not there yet; positions keep the order of the lines.

    Of two lines with one event_id the first counts, in the file as against the log. What is not imported goes to the
    file *rejects*, with line number and reason. *progress* is called after each commit, with what was done so far.
    *most_lines* are stored in one transaction. *admission* is what lines are asked beyond being events; without one,
    nothing. *name* and *imported_by* are written down; by default, that of the file and the database's login. Once
    *stopped* is true, no further chunk is stored.

    Raises OSError for a file that cannot be read or written, UnreadableFile for one that has no lines of events,
    Refused when the import was retracted meanwhile, and DatabaseUnavailable; what was committed stays.
    """
    pace = _Pace(most_lines)
    with ExitStack() as stack:
        stream = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        refused = stack.enter_context(RejectsFile(rejects))
        connection = stack.enter_context(RetryingConnection(database, DatabaseRole.APPEND, application="temple import"))
        parser = Parser(stream, catalogue, admission)
        first = parser.next_chunk(pace.lines)
        if first is None:
            return Imported()
        imported = Imported(number=_begin(connection, name or _name(source), imported_by))
        storing = ChunkStore(connection, imported.number, catalogue)
        named_roles: frozenset[str] = frozenset()
        chunks = stack.enter_context(closing(_stored(database, storing, parser, first, pace)))
        while not stopped() and (done := next(chunks, None)) is not None:
            chunk, stored, seconds = done
            pace.stored(chunk, seconds)
            imported = _sum(imported, chunk, stored)
            named_roles |= chunk.named_roles
            if progress is not None:
                progress(imported)
            if notifier is not None and stored.added:
                notifier.notify()
            refused.write(sorted([*chunk.rejects, *stored.conflicts, *stored.refused]))
        connection.run(
            "importing", lambda opened: opened.execute(statement("import_finish"), {"import": imported.number})
        )
    return replace(imported, remarks=without_named(imported.remarks, named_roles))


def _stored(
    database: Database, storing: ChunkStore, parser: Parser, first: ParsedChunk, pace: _Pace
) -> Generator[Stored, None, None]:
    """*first* and the rest of the file. One chunk by itself is not worth a process and more connections."""
    with ExitStack() as stack:
        ahead = None if parser.ended else ahead_of(parser, pace.lines, stack)
        if ahead is None:
            yield from _one_by_one(storing, parser, first, pace)
        else:
            overlapping = OverlappingStore(database, storing, stack)
            # before the thread is waited for that reads from it
            stack.callback(ahead.end)
            yield from overlapping.stored(first, lambda: ahead.next_chunk(pace.lines))


def _one_by_one(storing: ChunkStore, parser: Parser, first: ParsedChunk, pace: _Pace) -> Iterator[Stored]:
    chunk: ParsedChunk | None = first
    while chunk is not None:
        since = perf_counter()
        outcome = storing.store(chunk)
        yield Stored(chunk, outcome, perf_counter() - since)
        chunk = parser.next_chunk(pace.lines)


def _name(source: Path | BinaryIO) -> str:
    # that of a file may be bytes that are no text
    return os.fsencode(source.name).decode(errors="replace") if isinstance(source, Path) else "stdin"


def _begin(connection: RetryingConnection, file: str, imported_by: str | None) -> int:
    row = connection.run(
        "importing",
        lambda opened: opened.execute(statement("import_begin"), {"file": file, "imported_by": imported_by}).fetchone(),
    )
    return int(row[0]) if row is not None else 0


def _sum(before: Imported, chunk: ParsedChunk, stored: StoredChunk) -> Imported:
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
        read_bytes=chunk.read_bytes,
        number=before.number,
        retracted=retracted,
        remarks=Counter(before.remarks) + Counter(stored.remarks),
    )
