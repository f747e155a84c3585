"""The events of the members of some buckets: from every file of an archive, and from the log what came behind it.

What is held of it in memory has a bound: a group of rows of each file, and the histories that the caller wants whole.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby, product
from operator import itemgetter
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.archive.buckets import bucket_of
from temple_ledger.infrastructure.archive.columns import FOLDED, in_archive_order
from temple_ledger.infrastructure.archive.log_rows import pieces
from temple_ledger.infrastructure.archive.manifest import Manifest
from temple_ledger.infrastructure.archive.merge import Rows, merged
from temple_ledger.infrastructure.archive.parquet_file import FileReader
from temple_ledger.infrastructure.archive.place import Place
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.projections.fold import Fold

ROWS_AT_A_TIME: Final = 8_192
"""Become objects at once."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_USER_ID: Final = itemgetter(Recorded._fields.index("user_id"))
_OUT_OF_RANGE_BUT_EARLIER: Final = r"( BC|^-infinity)$"


@dataclass(frozen=True)
class Bounds:
    """Events at or before a position; those that had occurred, and that the log had, by these times."""

    upto: Position
    until: datetime | None = None
    recorded_until: datetime | None = None

    def of(self, rows: pa.Table) -> pa.Table:
        mask = pc.less_equal(rows.column("id"), int(self.upto))
        if self.until is not None:
            moment = pa.scalar(self.until, pa.timestamp("us", tz="UTC"))
            outside = pc.match_substring_regex(rows.column("timestamp_text"), _OUT_OF_RANGE_BUT_EARLIER)
            mask = pc.and_(mask, pc.coalesce(pc.less_equal(rows.column("timestamp"), moment), outside, False))
        if self.recorded_until is not None:
            moment = pa.scalar(self.recorded_until, pa.timestamp("us", tz="UTC"))
            mask = pc.and_(mask, pc.less_equal(rows.column("recorded_at"), moment))
        return rows if pc.all(mask).as_py() else rows.filter(mask)


@dataclass(frozen=True)
class BucketEvents:
    """*first* and *last* are buckets, both included. Raises ArchiveDamaged, ArchiveUnavailable, DatabaseUnavailable."""

    place: Place
    manifest: Manifest
    database: Database
    bounds: Bounds
    _readers: dict[str, FileReader] = field(default_factory=dict, init=False, compare=False)

    def members(
        self, fold: Fold[Any], first: int, last: int, *, most_events: int, most_bytes: int
    ) -> Iterator[tuple[str, list[Recorded] | None]]:
        """The known events of each member, by bucket and by id; those of one by timestamp and position.

        None for a history that is longer: `pages` reads it.
        """
        member: str | None = None
        held: list[Recorded] = []
        size = 0
        for recorded in self._recorded(fold, first, last):
            for user_id, found in groupby(recorded, key=_USER_ID):
                if user_id != member:
                    if member is not None:
                        yield member, None if len(held) > most_events or size > most_bytes else held
                    member, held, size = user_id, [], 0
                if len(held) > most_events or size > most_bytes:
                    continue
                events = list(found)
                held += events
                size += sum([len(event[6]) for event in events if event[6] is not None])
        if member is not None:
            yield member, None if len(held) > most_events or size > most_bytes else held

    def every(self, first: int, last: int) -> Iterator[list[Recorded]]:
        """All events of these buckets, some at a time."""
        for rows in self.tables(first, last):
            yield from _in_parts(rows)

    def pages(self, fold: Fold[Any], user_id: str) -> Iterator[list[Recorded]]:
        """The known events of one member, by timestamp and position, a page at a time."""
        bucket = bucket_of(user_id)
        for rows in self.tables(bucket, bucket):
            own = rows.filter(pc.equal(rows.column("user_id"), user_id))
            yield from _in_parts(known_of(fold, own))

    def tables(self, first: int, last: int) -> Iterator[pa.Table]:
        """All events of these buckets, in the archive's order."""
        for rows in merged([*self._of_files(first, last), *self._of_log(first, last)]):
            buckets = rows.column("bucket")
            if buckets[0].as_py() < first or buckets[-1].as_py() > last:
                rows = rows.filter(pc.and_(pc.greater_equal(buckets, first), pc.less_equal(buckets, last)))
            yield self.bounds.of(rows)

    def _recorded(self, fold: Fold[Any], first: int, last: int) -> Iterator[list[Recorded]]:
        for rows in self.tables(first, last):
            yield from _in_parts(known_of(fold, rows))

    def _of_files(self, first: int, last: int) -> Iterator[Rows]:
        for file in self.manifest.files:
            if file.after < self.bounds.upto:
                if file.name not in self._readers:
                    self._readers[file.name] = FileReader(self.place, file, FOLDED)
                yield self._readers[file.name].tables(first, last)

    def _of_log(self, first: int, last: int) -> Iterator[Rows]:
        after = Position(self.manifest.upto)
        if after < self.bounds.upto:
            for rows in pieces(self.database, after, self.bounds.upto, (first, last)):
                yield [in_archive_order(rows, FOLDED)]


def known_of(fold: Fold[Any], rows: pa.Table) -> pa.Table:
    """Those that the fold knows; payloads only where they are looked at, or may say in which version they are."""
    rows = rows.filter(_any_of(fold.names_known, rows))
    wanted = pc.or_(_any_of(fold.reading_metadata, rows), _having('"event_version"', rows.column("metadata")))
    payloads = pc.if_else(wanted, rows.column("metadata"), pa.scalar(None, pa.string()))
    return rows.set_column(rows.schema.get_field_index("metadata"), "metadata", payloads)


def as_recorded(rows: pa.Table) -> list[Recorded]:
    """Without event_id and recorded_at."""
    columns = [
        rows.column("id").to_pylist(),
        _moments(rows.column("timestamp")),
        _texts(rows.column("event_type")),
        rows.column("user_id").to_pylist(),
        _texts(rows.column("action")),
        _texts(rows.column("target")),
        rows.column("metadata").to_pylist(),
        _texts(rows.column("source")),
    ]
    nothing = [None] * rows.num_rows
    return list(map(partial(tuple.__new__, Recorded), zip(*columns, nothing, nothing, strict=True)))


def _in_parts(rows: pa.Table) -> Iterator[list[Recorded]]:
    for start in range(0, rows.num_rows, ROWS_AT_A_TIME):
        yield as_recorded(rows.slice(start, ROWS_AT_A_TIME))


def _any_of(names: Set[tuple[str, str]], rows: pa.Table) -> Any:
    types, actions = (rows.column(name).combine_chunks() for name in ("event_type", "action"))
    number = len(actions.dictionary)
    pairs = pc.add(pc.multiply(types.indices, number), actions.indices)
    each = enumerate(product(types.dictionary.to_pylist(), actions.dictionary.to_pylist()))
    return pc.is_in(pairs, value_set=pa.array([place for place, pair in each if pair in names], pa.int64()))


def _having(text: str, column: Any) -> Any:
    """Which of these texts have that one. Nearly always none has, which is seen in all of them at once."""
    texts = column.combine_chunks()
    data = texts.buffers()[2]
    if data is None or text.encode() not in data.to_pybytes():
        return pa.repeat(False, len(texts))
    return pc.coalesce(pc.match_substring(texts, text), False)


def _texts(column: Any) -> list[str | None]:
    """Of few values: each is one object, however many rows have it."""
    texts: list[str | None] = []
    for chunk in column.chunks:
        values = [*chunk.dictionary.to_pylist(), None]
        places = chunk.indices.fill_null(len(values) - 1)
        texts += map(values.__getitem__, places.to_pylist())
    return texts


def _moments(column: Any) -> list[datetime | None]:
    """Several times faster than the values of the column as they are."""
    micros = column.cast(pa.int64()).to_pylist()
    if column.null_count:
        return [None if each is None else _EPOCH + _MICROSECOND * each for each in micros]
    return list(map(_EPOCH.__add__, map(_MICROSECOND.__mul__, micros)))
