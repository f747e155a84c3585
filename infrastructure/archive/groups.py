"""Where a stream of rows in the archive's order is cut into groups."""

from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

FEWEST_ROWS: Final = 16_384
"""A group ends with a bucket: smaller ones would be read faster by bucket, and take more room."""
MOST_ROWS: Final = 131_072
"""Of a bucket that is larger than that, a group is a part."""
MOST_BYTES: Final = 32_000_000


def grouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows: each group has whole buckets, but where one of them is larger than a group may be."""
    waiting: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        waiting.append(table)
        rows, size = rows + table.num_rows, size + table.nbytes
        if rows >= 2 * FEWEST_ROWS or size >= MOST_BYTES:
            *whole, rest = _cut(pa.concat_tables(waiting))
            yield from whole
            waiting, rows, size = [rest], rest.num_rows, rest.nbytes
    if rows:
        yield from _cut(pa.concat_tables(waiting))


def _cut(rows: pa.Table) -> Iterator[pa.Table]:
    """All of them; the last group may go on."""
    most = max(1, min(MOST_ROWS, int(rows.num_rows * MOST_BYTES / max(1, rows.nbytes))))
    fewest = min(FEWEST_ROWS, most)
    start = end = 0
    for counted in pc.value_counts(rows.column("bucket")):
        count = counted["counts"].as_py()
        if end - start >= fewest or (end > start and end - start + count > most):
            yield rows.slice(start, end - start)
            start = end
        end += count
        while end - start > most:
            yield rows.slice(start, most)
            start += most
    yield rows.slice(start, end - start)
