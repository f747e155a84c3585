"""What was erased in the ledger leaves the archive: files with a changed event are written again, without the old one.

An erasure has written down which positions it changed, and the log has them as they are now. So an archive that was out
of reach at the time is put right whenever it is in reach again.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from temple_ledger.infrastructure.archive import ledger
from temple_ledger.infrastructure.archive.columns import in_archive_order
from temple_ledger.infrastructure.archive.log_rows import rows_at
from temple_ledger.infrastructure.archive.manifest import ArchivedFile, require
from temple_ledger.infrastructure.archive.merge import merged
from temple_ledger.infrastructure.archive.next_manifest import Archive
from temple_ledger.infrastructure.archive.parquet_file import FileReader, Range, write_file
from temple_ledger.infrastructure.archive.place import Place
from temple_ledger.infrastructure.archive.unlisted import remove_old
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.database.connection import Database

POSITIONS_AT_A_TIME: Final = 20_000


def erase_from_archive(database: Database, place: Place, *, now: datetime) -> int:
    """How many files were written again; waits for whoever writes.

    Raises Refused, ArchiveDamaged, ArchiveUnavailable.
    """
    with ledger.writing(database, wait=True) as connection:
        manifest, head = require(place)
        ledger.require_same_ledger(connection, manifest, place.address)
        erasures = ledger.finished_erasures(connection)
        return leave_out_erased(Archive(connection, place, manifest.ledger, now, erasures, manifest, head))


def leave_out_erased(archive: Archive) -> int:
    """How many files were written again. The old ones go at once, and so does all that is superseded: whoever is
    reading them has to begin anew."""
    before = archive.manifest
    if before is None:
        return 0
    new = [each for each in archive.erasures if each not in before.erasures]
    if not new:
        return 0
    positions = ledger.erased_positions(archive.connection, new, before.upto)
    files = list(before.files)
    rewritten = 0
    for place, file in enumerate(files):
        changed = [position for position in positions if file.after < position <= file.upto]
        if changed:
            files[place] = _rewritten(archive, file, changed)
            rewritten += 1
    archive.forget_superseded()
    archive.replace(files)
    remove_old(archive, archive.now)
    return rewritten


def _rewritten(archive: Archive, file: ArchivedFile, positions: Sequence[int]) -> ArchivedFile:
    changed = pa.array(positions, pa.int64())

    def others() -> Iterator[pa.Table]:
        for rows in FileReader(archive.place, file).tables():
            yield rows.filter(pc.invert(pc.is_in(rows.column("id"), value_set=changed)))

    found = [rows_at(archive.connection, list(page)) for page in in_pages(positions, POSITIONS_AT_A_TIME)]
    rows = merged([others(), [in_archive_order(pa.concat_tables(found))]])
    _, content = ledger.digest(archive.connection, file.after, file.upto)
    return write_file(archive.place, Range(file.after, file.upto, lambda: content), rows)
