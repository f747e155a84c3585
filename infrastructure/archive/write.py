"""Writing an archive: what has settled since, a file a range; files of about one size become one of twice that."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from temple_ledger.domain.errors import ArchiveDamaged
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.archive import ledger
from temple_ledger.infrastructure.archive.columns import in_archive_order
from temple_ledger.infrastructure.archive.erase import leave_out_erased
from temple_ledger.infrastructure.archive.log_rows import pieces
from temple_ledger.infrastructure.archive.manifest import Manifest, newest
from temple_ledger.infrastructure.archive.merge import merged
from temple_ledger.infrastructure.archive.next_manifest import Archive
from temple_ledger.infrastructure.archive.one_ahead import one_ahead
from temple_ledger.infrastructure.archive.parquet_file import FileReader, Range, write_file
from temple_ledger.infrastructure.archive.place import Place
from temple_ledger.infrastructure.archive.unlisted import remove_old
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.seals.sealer import seal_rest

MOST_AT_ONCE: Final = 16
"""So many new files are merged in one go, at most."""

SEALING_SECONDS: Final = 60.0
"""An open transaction holds up sealing for so long at most; then the archive ends where the seals do."""

Progress = Callable[[int], None]
"""Called with how many more events were written."""


@dataclass(frozen=True)
class Written:
    """`events` were added by this call; `head` is the digest of the manifest. No manifest: the log is empty.

    `without_seals`: the ledger has some, and this login may not read their keys. `began`: the place had no archive.
    """

    manifest: Manifest | None
    head: str | None
    events: int
    merged_files: int
    rewritten_files: int
    without_seals: bool = False
    began: bool = False


def write(
    database: Database,
    place: Place,
    *,
    now: datetime,
    grace: timedelta,
    progress: Progress = lambda events: None,
) -> Written:
    """Brings the archive up to the settled end of the log. Ended anywhere, it leaves a whole archive; run again, it
    goes on.

    Raises Refused where the place has another ledger's, or somebody else writes; ArchiveDamaged, ArchiveUnavailable,
    DatabaseUnavailable, OSError.
    """
    with ledger.writing(database) as connection:
        found = newest(place)
        if found is not None:
            ledger.require_same_ledger(connection, found[0], place.address)
        identity = ledger.identity(connection)
        if identity is None:
            return Written(None, None, 0, 0, 0)
        # before any row is read: an erasure that ends later is not in the list, and what it changed is written again
        erasures = ledger.finished_erasures(connection)
        archive = Archive(connection, place, identity, now, erasures)
        if found is not None:
            archive.manifest, archive.head = found
            remove_old(archive, now - grace)
        rewritten = leave_out_erased(archive)
        may = ledger.may_read_keys(connection)
        events, merges = _add_new(database, archive, _end(database, archive, may_seal=may), progress)
        return Written(
            archive.manifest,
            archive.head,
            events,
            merges,
            rewritten,
            without_seals=ledger.is_sealed(connection) and not may,
            began=found is None,
        )


def _end(database: Database, archive: Archive, *, may_seal: bool) -> Position:
    """The settled end of the log; of a ledger with seals the end of a range, so that all of the archive is sealed."""
    if may_seal and ledger.is_sealed(archive.connection):
        seal_rest(database, seconds=SEALING_SECONDS)
        return Position(ledger.number(archive.connection, "archive_sealed_position"))
    return settled_head(archive.connection, after=Position(archive.upto))


def _add_new(database: Database, archive: Archive, head: Position, progress: Progress) -> tuple[int, int]:
    """How many events were added, and how many files became part of another one."""
    added = merges = waiting = 0
    # the server reads the next piece, and sums up this one, while it is ordered and written here
    found = one_ahead(pieces(database, Position(archive.upto), head))
    for rows in in_sealed_ranges(archive.connection, found):
        _add(archive, rows)
        added, waiting = added + rows.num_rows, waiting + 1
        progress(rows.num_rows)
        if waiting >= MOST_AT_ONCE:
            merges, waiting = merges + _merge(archive), 0
    if added:
        merges += _merge(archive)
    elif not archive.is_current:
        archive.replace(archive.files)
    return added, merges


def in_sealed_ranges(connection: ledger.Connection, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows, each table up to the end of a sealed range, where one ends in it: so does an archive then whose
    write was ended between two of them."""
    rest = None
    for rows in tables:
        rows = rows if rest is None else pa.concat_tables([rest, rows])
        ids = rows.column("id")
        end = ledger.number(connection, "archive_range_end", upto=ids[-1].as_py())
        count = pc.sum(pc.less_equal(ids, end)).as_py()
        # a copy: a slice would hold all the others in memory
        rest = rows.take(pa.array(range(count, rows.num_rows))) if 0 < count < rows.num_rows else None
        yield rows if rest is None else rows.slice(0, count)
    if rest is not None:
        yield rest


def _add(archive: Archive, rows: pa.Table) -> None:
    after, upto = archive.upto, rows.column("id")[-1].as_py()
    with ThreadPoolExecutor(1, thread_name_prefix="archive-digest") as beside:
        digest = beside.submit(ledger.digest, archive.connection, after, upto)
        of = Range(after, upto, lambda: digest.result()[1])
        file = write_file(archive.place, of, [in_archive_order(rows)])
        events, _ = digest.result()
    if file.events != events:
        raise ArchiveDamaged(
            f"{archive.place.path_of(file.name)} has {file.events:,} events, and the log {events:,} in that range"
        )
    archive.replace([*archive.files, file])


def _merge(archive: Archive) -> int:
    """The last files, where they are of about one size; how many became one."""
    files = archive.files
    last = files[-to_merge([file.events for file in files]) :]
    if len(last) < 2:
        return 0
    content = sum(int(file.content) for file in last) % 2**64
    rows = merged([FileReader(archive.place, file).tables() for file in last])
    file = write_file(archive.place, Range(last[0].after, last[-1].upto, lambda: content), rows)
    archive.replace([*files[: -len(last)], file], last)
    return len(last)


def to_merge(events: Sequence[int]) -> int:
    """How many of the last files become one: as long as the one before is smaller than twice what they are together."""
    together, count = 0, 0
    for each in reversed(events):
        if count and each >= 2 * together:
            break
        together, count = together + each, count + 1
    return count
