"""A log from its archive, into a ledger that never had an event: all of it in one transaction, or nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.archive import ledger, seals
from temple_ledger.infrastructure.archive.columns import SCHEMA
from temple_ledger.infrastructure.archive.journal import RESTORED_BY, load_journal
from temple_ledger.infrastructure.archive.manifest import ArchivedFile, Manifest, as_json, require
from temple_ledger.infrastructure.archive.one_ahead import one_ahead
from temple_ledger.infrastructure.archive.parquet_file import FileReader
from temple_ledger.infrastructure.archive.place import Place
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.output_file import naming
from temple_ledger.infrastructure.log.temporary_folder import temporary_folder

POSITIONS_AT_A_TIME: Final = 1_000_000
ROWS_AT_A_TIME: Final = 20_000
ABOVE: Final = 1_000_000
"""How far above the last known position the next event stands: events may have come behind the archive's last one."""
_COPIED: Final = ("id", "event_id", "timestamp", "event_type", "user_id", "action", "target", "metadata", "source")

Progress = Callable[[int], None]
"""Called with how many more events were sent."""


@dataclass(frozen=True)
class RestoredArchive:
    """`next_above`: the next event gets a greater position. `sealed`: how far the seals reach, 0 where it has none."""

    events: int
    upto: Position
    next_above: Position
    sealed: Position


def restore_archive(
    place: Place, database: Database, *, above: Position = Position(0), progress: Progress = lambda events: None
) -> RestoredArchive:
    """Raises Refused where the ledger has or had an event, ArchiveDamaged, ArchiveUnavailable, DatabaseUnavailable."""
    manifest, _ = require(place)
    journal = load_journal(place, manifest.journal)
    with database.connect(DatabaseRole.OWNER, application="temple archive") as connection, connection.transaction():
        if not ledger.number(connection, "archive_is_empty"):
            raise Refused(
                f"{database.name} has events, or had some: an archive is restored into a new ledger only; set "
                "TEMPLE_DATABASE_URL to a new database, or TEMPLE_HOME to a new directory, and run: temple db migrate"
            )
        for file in manifest.files:
            _copy(connection, place, file, progress)
        _restore_journal(connection, database, journal)
        for part in manifest.seals:
            seals.restore(place, connection, part)
        connection.execute(statement("archive_restore_numbers"))
        next_above = max(manifest.drawn, manifest.upto, above) + ABOVE
        connection.execute(statement("archive_restore_sequence"), {"position": next_above})
        _require_whole(connection, manifest)
        sealed = ledger.number(connection, "archive_sealed_position")
    return RestoredArchive(manifest.events, Position(manifest.upto), Position(next_above), Position(sealed))


def _restore_journal(connection: ledger.Connection, database: Database, journal: Mapping[str, Any]) -> None:
    """Raises Refused where the ledger has an operation of the same number."""
    rows = {table: as_json(journal.get(table, [])).decode() for table in RESTORED_BY}
    there = ledger.number(connection, "archive_has_operation", rows=rows["ledger_operation"])
    if there:
        raise Refused(
            f"{database.name} has an operation {there} in its journal, and the archive another one of that number; "
            "restore into a new database"
        )
    for table, restored_by in RESTORED_BY.items():
        connection.execute(statement(restored_by), {"rows": rows[table]})


def _require_whole(connection: ledger.Connection, manifest: Manifest) -> None:
    """What the database made of it is what it was. Raises Refused, and then nothing is there."""
    for file in manifest.files:
        if ledger.digest(connection, file.after, file.upto) != (file.events, int(file.content)):
            raise Refused(
                f"positions {file.after + 1:,} to {file.upto:,} would not be what the archived log had; nothing was "
                "restored; is this PostgreSQL much older than the one that it comes from?"
            )


def _copy(connection: ledger.Connection, place: Place, file: ArchivedFile, progress: Progress) -> None:
    """By position, as the log was written: whoever reads it reads neighbours."""
    with connection.cursor() as cursor, cursor.copy(statement("archive_restore_copy")) as copy:
        # the next rows are made ready here while the server writes these
        for text, rows in one_ahead(_pieces(place, file)):
            copy.write(text)
            progress(rows)


def _pieces(place: Place, file: ArchivedFile) -> Iterator[tuple[bytes, int]]:
    """As they are sent, and how many rows each has."""
    for rows in _by_position(place, file):
        for first in range(0, rows.num_rows, ROWS_AT_A_TIME):
            piece = rows.slice(first, ROWS_AT_A_TIME)
            yield _as_csv(piece), piece.num_rows


def _by_position(place: Place, file: ArchivedFile) -> Iterator[pa.Table]:
    """A file is ordered by member: its rows are first put aside by ranges of positions, each of which fits into
    memory."""
    if file.events <= POSITIONS_AT_A_TIME:
        yield _sorted(pa.concat_tables(list(FileReader(place, file).tables())))
        return
    with temporary_folder("temple-archive-") as folder:
        parts = 1 + (file.upto - file.after - 1) // POSITIONS_AT_A_TIME
        paths = [folder / str(number) for number in range(parts)]
        with naming(folder):
            _put_aside(place, file, paths)
        for path in paths:
            with naming(path), pa.ipc.open_stream(path) as stream:
                rows = stream.read_all()
            path.unlink()
            if rows.num_rows:
                yield _sorted(rows)


def _put_aside(place: Place, file: ArchivedFile, paths: list[Path]) -> None:
    with ExitStack() as stack:
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        writers = [stack.enter_context(pa.ipc.new_stream(path, SCHEMA, options=options)) for path in paths]
        for rows in FileReader(place, file).tables():
            parts = pc.divide(pc.subtract(rows.column("id"), file.after + 1), POSITIONS_AT_A_TIME)
            for number in pc.unique(parts).to_pylist():
                writers[number].write_table(rows.filter(pc.equal(parts, number)))


def _sorted(rows: pa.Table) -> pa.Table:
    rows = rows.combine_chunks()
    return rows.take(pc.sort_indices(rows.column("id")))


def _as_csv(rows: pa.Table) -> bytes:
    """Null is empty, and an empty text is quoted."""
    columns: list[Any] = [rows.column(name) for name in _COPIED]
    columns[1] = pa.array([event_id.hex() for event_id in rows.column("event_id").to_pylist()])
    columns[2] = pc.coalesce(rows.column("timestamp").cast(pa.string()), rows.column("timestamp_text"))
    columns.append(rows.column("recorded_at").cast(pa.string()))
    sink = pa.BufferOutputStream()
    options = pyarrow.csv.WriteOptions(include_header=False)
    pyarrow.csv.write_csv(pa.table(columns, names=[*_COPIED, "recorded_at"]), sink, options)
    return bytes(sink.getvalue())
