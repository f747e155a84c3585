"""Several streams of rows in the archive's order as one: for files that are merged, and for whoever folds them."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from temple_ledger.infrastructure.archive.columns import SCHEMA, in_archive_order, key_of

Rows = Iterable[pa.Table]
"""Tables in the archive's order, each behind the one before."""


def merged(sources: Sequence[Rows]) -> Iterator[pa.Table]:
    """The same rows in one order; all have the same columns. Of each source one table is held at a time."""
    streams = [_Stream(iter(source)) for source in sources]
    while heads := [stream for stream in streams if stream.rows is not None]:
        if len(heads) == 1:
            yield from heads[0].rest()
            return
        # nothing that comes later stands at or before the smallest of the last keys
        upto = min(stream.last for stream in heads)
        parts = [part for part in (stream.taken(upto) for stream in heads) if part.num_rows]
        yield parts[0] if len(parts) == 1 else in_archive_order(pa.concat_tables(parts), parts[0].schema)


class _Stream:
    def __init__(self, source: Iterator[pa.Table]) -> None:
        self._source = source
        self.rows: pa.Table | None = None
        self._advance()

    @property
    def last(self) -> tuple[int, bytes, int, int]:
        return self._last

    def taken(self, upto: tuple[int, bytes, int, int]) -> pa.Table:
        """Its rows up to that key, which are gone from it."""
        rows = SCHEMA.empty_table() if self.rows is None else self.rows
        count = rows.num_rows if self._last <= upto else _count_upto(rows, upto)
        if count == rows.num_rows:
            self._advance()
        else:
            self.rows = rows.slice(count)
        return rows.slice(0, count)

    def rest(self) -> Iterator[pa.Table]:
        while self.rows is not None:
            yield self.rows
            self._advance()

    def _advance(self) -> None:
        self.rows = next((rows for rows in self._source if rows.num_rows), None)
        if self.rows is not None:
            self._last = key_of(self.rows, self.rows.num_rows - 1)


def _count_upto(rows: pa.Table, upto: tuple[int, bytes, int, int]) -> int:
    low, high = 0, rows.num_rows
    while low < high:
        middle = (low + high) // 2
        if key_of(rows, middle) <= upto:
            low = middle + 1
        else:
            high = middle
    return low
