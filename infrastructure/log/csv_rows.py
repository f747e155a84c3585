"""CSV whose header names columns of the log."""

import csv
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from temple_ledger.domain.errors import UnreadableFile
from temple_ledger.infrastructure.log.lines import MAX_LINE_BYTES, Line

DELIMITERS: Final = (",", ";", "\t")
COLUMNS: Final = frozenset(("event_id", "timestamp", "event_type", "user_id", "action", "target", "metadata", "source"))
REQUIRED: Final = ("timestamp", "event_type", "user_id", "action", "source")
ADDED_BY_EXPORT: Final = frozenset(("id", "recorded_at", "processed_at", "retracted_at"))


def delimiter_of(header: bytes) -> str:
    return max(DELIMITERS, key=lambda each: header.count(each.encode()))


def looks_like_table(first_line: bytes) -> bool:
    """Whether the line is a header of the log's columns, or the first line of some other table."""
    text = first_line.decode(errors="replace")
    cells = {cell.strip().strip('"') for cell in text.split(delimiter_of(first_line))}
    return len(cells & COLUMNS) >= 2 or (len(cells) >= 4 and "{" not in text)


def csv_rows(source: BinaryIO, delimiter: str) -> Iterator[Line]:
    """Each row as the JSON line that says the same: an empty cell is null, metadata is JSON, all else is text.

    Raises UnreadableFile for a header that names other columns.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    length = 0

    def texts() -> Iterator[str]:
        nonlocal length
        while line := source.readline(MAX_LINE_BYTES):
            length += len(line)
            yield line.decode(errors="surrogateescape")

    rows = csv.reader(texts(), delimiter=delimiter)
    try:
        names = _header(next(rows, []))
        number = rows.line_num + 1
        for cells in rows:
            if any(cells):
                yield _line(number, length, names, cells)
            number, length = rows.line_num + 1, 0
    except csv.Error as error:
        raise UnreadableFile(f"line {rows.line_num:,} is no CSV: {error}") from None


def _header(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    unread = [name for name in names if name not in COLUMNS | ADDED_BY_EXPORT]
    missing = [name for name in REQUIRED if name not in names]
    if unread or missing or len(set(names)) < len(names):
        what = f"has {unread[0]!r}" if unread else f"lacks {missing[0]!r}" if missing else "names a column twice"
        raise UnreadableFile(
            f"the header of this CSV {what}; its columns are {', '.join(REQUIRED)}, and event_id, target and metadata "
            "where there are any"
        )
    return names


def _line(number: int, length: int, names: list[str], cells: list[str]) -> Line:
    values: dict[str, Any] = {}
    problem = None
    if len(cells) != len(names):
        problem = f"the row has {len(cells)} cells, the header has {len(names)}"
    if any("\udc80" <= character <= "\udcff" for cell in cells if not cell.isascii() for character in cell):
        problem = "not UTF-8; save the file as UTF-8"
    for name, cell in zip(names, cells, strict=False):
        if not cell:
            continue
        if name == "metadata":
            try:
                values[name] = json.loads(cell)
            except (ValueError, RecursionError):
                values[name], problem = cell, problem or "metadata is not JSON"
        else:
            values[name] = cell
    text = json.dumps(values, ensure_ascii=False).encode(errors="replace")
    return Line(number, text, length, problem)
