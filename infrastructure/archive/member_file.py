"""Members as rows of a Parquet file."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

_MOMENT: Final = pa.timestamp("us", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("status", pa.string()),
        pa.field("discord_joined_at", _MOMENT),
        pa.field("patreon_tier", pa.string()),
        pa.field("total_roles_count", pa.int32()),
        pa.field("last_activity", _MOMENT),
        pa.field(
            "roles",
            pa.list_(pa.struct([("role", pa.string()), ("granted_at", _MOMENT), ("granted_by", pa.string())])),
        ),
    ]
)


class Output(Protocol):
    def write(self, text: bytes) -> object: ...


class MemberFile:
    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, members: Sequence[Mapping[str, Any]]) -> None:
        if members:
            self._writer.write_table(pa.Table.from_pylist(list(members), schema=SCHEMA))


@contextmanager
def member_file(output: Output) -> Iterator[MemberFile]:
    with pq.ParquetWriter(pa.PythonFile(_Through(output), mode="w"), SCHEMA, compression="zstd") as writer:
        yield MemberFile(writer)


class _Through(io.RawIOBase):
    """What the writer takes for a file."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output
        self._place = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def write(self, content: Any) -> int:
        self._output.write(bytes(content))
        self._place += len(content)
        return len(content)
