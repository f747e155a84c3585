"""A file of an archive: written group by group, and read so that nothing is used whose digest was not looked at."""

import hashlib
import io
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from temple_ledger.domain.errors import ArchiveDamaged
from temple_ledger.infrastructure.archive.columns import SCHEMA
from temple_ledger.infrastructure.archive.groups import grouped
from temple_ledger.infrastructure.archive.manifest import ArchivedFile, Group, Index, as_json, load_index
from temple_ledger.infrastructure.archive.place import Place, store_new
from temple_ledger.infrastructure.log.output_file import naming

FOLDER: Final = "events"
SALT: Final = b"temple.salt"
COMPRESSION_LEVEL: Final = 3
_DELTAS: Final = ("id", "timestamp", "recorded_at")
_BEGINNING: Final = 4
"""Bytes before the first group: the mark of the format."""


@dataclass(frozen=True)
class Range:
    """Positions in (after, upto]; `content` is their digest, asked for when the file is written."""

    after: int
    upto: int
    content: Callable[[], int]


def write_file(place: Place, of: Range, tables: Iterable[pa.Table]) -> ArchivedFile:
    """Rows in the archive's order, in a file with its index. Raises OSError and ArchiveUnavailable."""
    name = f"{FOLDER}/{of.after + 1:019}-{of.upto:019}-{uuid4().hex[:12]}"
    salt = secrets.token_bytes(32)
    with place.new(f"{name}.parquet") as path, naming(place.path_of(f"{name}.parquet")):
        buckets = _write(path, salt, tables)
        index, size = _index_of(path, salt, buckets)
    content = as_json(index.model_dump(mode="json"))
    store_new(place, f"{name}.json", content)
    return ArchivedFile(
        name=f"{name}.parquet",
        after=of.after,
        upto=of.upto,
        events=sum(group.rows for group in index.groups),
        bytes=size,
        content=str(of.content()),
        index=f"{name}.json",
        index_sha256=hashlib.sha256(content).hexdigest(),
    )


def _write(path: Path, salt: bytes, tables: Iterable[pa.Table]) -> list[tuple[int, int]]:
    """The first and the last bucket of each group."""
    buckets: list[tuple[int, int]] = []
    schema = SCHEMA.with_metadata({SALT: salt.hex().encode()})
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=[name for name in SCHEMA.names if name not in (*_DELTAS, "event_id")],
        column_encoding=dict.fromkeys(_DELTAS, "DELTA_BINARY_PACKED"),
    ) as writer:
        for rows in grouped(tables):
            column = rows.column("bucket")
            buckets.append((column[0].as_py(), column[-1].as_py()))
            writer.write_table(rows.replace_schema_metadata(schema.metadata), row_group_size=rows.num_rows)
    return buckets


def _index_of(path: Path, salt: bytes, buckets: list[tuple[int, int]]) -> tuple[Index, int]:
    metadata = pq.read_metadata(path)
    groups: list[Group] = []
    offset = _BEGINNING
    with path.open("rb") as file:
        file.seek(offset)
        for number, (first, last) in enumerate(buckets):
            of_group = metadata.row_group(number)
            length = _end_of(of_group) - offset
            groups.append(
                Group(
                    first_bucket=first,
                    last_bucket=last,
                    rows=of_group.num_rows,
                    offset=offset,
                    length=length,
                    sha256=_digest(salt, file.read(length)),
                )
            )
            offset += length
        rest = file.read()
    index = Index(salt=salt.hex(), groups=tuple(groups), footer_offset=offset, footer_sha256=_digest(salt, rest))
    return index, offset + len(rest)


def _end_of(group: Any) -> int:
    last = group.column(group.num_columns - 1)
    start = last.data_page_offset if last.dictionary_page_offset is None else last.dictionary_page_offset
    return int(min(start, last.data_page_offset) + last.total_compressed_size)


def _digest(salt: bytes, content: bytes) -> str:
    return hashlib.sha256(salt + content).hexdigest()


class FileReader:
    """Groups of one file, each checked before a row of it is used. Raises ArchiveDamaged."""

    def __init__(self, place: Place, file: ArchivedFile, schema: pa.Schema = SCHEMA) -> None:
        """*schema*: the columns that are read, and how."""
        self._place = place
        self._file = file
        self._schema = schema
        self.index = load_index(place, file)
        self._salt = bytes.fromhex(self.index.salt)
        self._metadata: Any = None

    def groups(self, first_bucket: int = 0, last_bucket: int = 1 << 15) -> list[int]:
        """The numbers of those with rows of these buckets."""
        return [
            number
            for number, group in enumerate(self.index.groups)
            if group.first_bucket <= last_bucket and group.last_bucket >= first_bucket
        ]

    def tables(self, first_bucket: int = 0, last_bucket: int = 1 << 15) -> Iterator[pa.Table]:
        """Of the groups that have rows of these buckets, all rows."""
        for number in self.groups(first_bucket, last_bucket):
            yield self.group(number)

    def group(self, number: int) -> pa.Table:
        group = self.index.groups[number]
        checked = _Bytes(self._checked(group), group.offset, self._file.bytes)
        file = pq.ParquetFile(
            pa.PythonFile(checked, mode="r"),
            metadata=self._footer(),
            read_dictionary=[field.name for field in self._schema if pa.types.is_dictionary(field.type)],
        )
        table = file.read_row_group(number, columns=self._schema.names, use_threads=False)
        if table.num_rows != group.rows:
            raise self._damaged("has other rows than its index says")
        return table.replace_schema_metadata(None)

    def check(self, each: Callable[[int], None] = lambda rows: None) -> None:
        """Every byte of it; *each* is given the rows of each group."""
        self._footer()
        for group in self.index.groups:
            self._checked(group)
            each(group.rows)

    def _checked(self, group: Group) -> bytes:
        content = self._read(group.offset, group.length)
        if len(content) == group.length and _digest(self._salt, content) == group.sha256:
            return content
        if len(content) < group.length:
            raise self._damaged("was cut off")
        buckets = f"{group.first_bucket} to {group.last_bucket}"
        raise self._damaged(f"was altered: the rows of buckets {buckets} are not those that were written")

    def _footer(self) -> Any:
        if self._metadata is None:
            if sum(group.rows for group in self.index.groups) != self._file.events:
                raise self._damaged("has another number of rows than the manifest says")
            offset = self.index.footer_offset
            size = self._place.size(self._file.name)
            if size is not None and size != self._file.bytes:
                raise self._damaged("was cut off" if size < self._file.bytes else "has bytes behind its end")
            content = self._read(offset, self._file.bytes - offset)
            if _digest(self._salt, content) != self.index.footer_sha256:
                raise self._damaged("was altered: its end is not the one that was written")
            self._metadata = pq.read_metadata(io.BytesIO(b"PAR1" + content))
        return self._metadata

    def _read(self, offset: int, length: int) -> bytes:
        try:
            return self._place.read(self._file.name, offset, length)
        except FileNotFoundError:
            raise ArchiveDamaged(f"{self._place.path_of(self._file.name)} is missing") from None

    def _damaged(self, how: str) -> ArchiveDamaged:
        return ArchiveDamaged(f"{self._place.path_of(self._file.name)} {how}")


class _Bytes(io.RawIOBase):
    """Some bytes of a file that were read and checked, where the whole file would have them."""

    def __init__(self, content: bytes, offset: int, size: int) -> None:
        super().__init__()
        self._content = content
        self._offset = offset
        self._size = size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = base + place
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int = -1) -> bytes:
        start = self._place - self._offset
        end = len(self._content) if size < 0 else start + size
        if start < 0:
            raise ValueError("bytes outside of what was checked")
        found = self._content[start:end]
        self._place += len(found)
        return found
