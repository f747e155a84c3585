"""Ranges of the log as tables of columns, in pieces that fit into memory."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import pyarrow as pa
from adbc_driver_manager import Error
from adbc_driver_postgresql import dbapi

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.archive.columns import SCHEMA
from temple_ledger.infrastructure.database.archived_rows import archived_rows
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement

PIECE_ROWS: Final = 1_000_000
PIECE_BYTES: Final = 160_000_000

_AS_LOGGED: Final = pa.schema([field for field in SCHEMA if field.name != "bucket"])


def pieces(
    database: Database, after: Position, upto: Position, buckets: tuple[int, int] | None = None
) -> Iterator[pa.Table]:
    """The events in (after, upto], by position, without buckets; of the members in some, where they are given.

    Raises DatabaseUnavailable.
    """
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in _batches(database, archived_rows(after, upto, buckets)):
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= PIECE_ROWS or size >= PIECE_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(waiting)


def _batches(database: Database, query: str) -> Iterator[pa.RecordBatch]:
    # our own driver asks whether this is a session of our own, and has sentences for what fails
    database.connect(DatabaseRole.READ, application="temple archive").close()
    try:
        with (
            closing(dbapi.connect(database.conninfo(DatabaseRole.READ, application="temple archive"))) as connection,
            closing(connection.cursor()) as cursor,
        ):
            cursor.execute(query)
            for batch in cursor.fetch_record_batch():
                yield _as_logged(batch)
    except Error as error:
        raise DatabaseUnavailable(
            f"reading the log: the database refused or did not answer (SQLSTATE {error.sqlstate or 'unknown'})"
        ) from error


def rows_at(connection: Any, positions: list[int]) -> pa.Table:
    """The events at these positions, without buckets."""
    with connection.cursor(binary=True) as cursor:
        found = cursor.execute(statement("archive_rows_at"), {"positions": positions}).fetchall()
    columns = list(zip(*found, strict=True)) if found else [()] * len(_AS_LOGGED)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, _AS_LOGGED, strict=True)]
    return pa.table(arrays, schema=_AS_LOGGED)


def _as_logged(batch: pa.RecordBatch) -> pa.RecordBatch:
    """What the driver made of the columns, as our types."""
    columns = []
    for field in _AS_LOGGED:
        column = batch.column(field.name)
        storage = column.storage if isinstance(column, pa.ExtensionArray) else column
        columns.append(storage.cast(field.type))
    return pa.record_batch(columns, schema=_AS_LOGGED)
