"""CSV whose header names columns of the log."""

import csv
import json
from collections.abc import Iterator
from typing import BinaryIO, Final

from temple_ledger.domain.errors import InvalidEvent, UnreadableFile
from temple_ledger.domain.log_entry import require_each_key_once, require_json
from temple_ledger.infrastructure.log.lines import MAX_LINE_BYTES, Line

DELIMITERS: Final = (",", ";", "\t", "|")
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


def csv_rows(source: BinaryIO, delimiter: str, *, first_line: int = 1) -> Iterator[Line]:
    """Each row as the JSON line that says the same: an empty cell is null, metadata is JSON, all else is text.

    *first_line* is that of the header; lines before it are passed over. A quote that never closes ends the reading.
    Raises UnreadableFile for a header that names other columns.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    texts = _Texts(source)
    for _ in range(first_line - 1):
        next(texts, None)
    rows = csv.reader(texts, delimiter=delimiter)
    number = first_line
    try:
        header = next(rows, [])
        if texts.ended_within(first_line):
            raise UnreadableFile(_unclosed(header, texts.lines))
        names = _header(header)
        number = texts.lines + 1
        for cells in rows:
            last, length = texts.lines, texts.taken()
            if texts.ended_within(number):
                yield _line(number, length, names, cells, f"{_unclosed(cells, last)}; nothing behind it was read")
            elif any(cells):
                yield _line(number, length, names, cells, _why_misread(names, cells, number, last))
            number = last + 1
    except csv.Error as error:
        if texts.lines > number:
            raise UnreadableFile(
                f"a quote that begins on line {number:,} or behind it never closes, or not within "
                f"{MAX_LINE_BYTES:,} bytes; nothing from there on was read"
            ) from None
        raise UnreadableFile(f"line {texts.lines:,} is no CSV: {error}") from None


class _Texts:
    """The lines of the source, counted."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._length = 0
        self._asked_at_the_end = 0
        self.lines = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._source.readline(MAX_LINE_BYTES)
        if not line:
            self._asked_at_the_end += 1
            raise StopIteration
        self._length += len(line)
        self.lines += 1
        return line.decode(errors="surrogateescape")

    def taken(self) -> int:
        """How many bytes were read since it was asked last."""
        length, self._length = self._length, 0
        return length

    def ended_within(self, first: int) -> bool:
        """Whether the row that begins on line *first* asked for more than there is: a quote of it is open."""
        return self._asked_at_the_end > 0 and self.lines >= first


def _unclosed(cells: list[str], last: int) -> str:
    open_cell = cells[-1]
    begins = last - open_cell.rstrip("\r\n").count("\n")
    return f"the quote that begins on line {begins:,} never closes"


def _why_misread(names: list[str], cells: list[str], first: int, last: int) -> str | None:
    quoted = f"; it goes on to line {last:,}: is a quote missing?" if last > first else ""
    if len(cells) != len(names):
        return f"the row has {len(cells)} cells, the header has {len(names)}{quoted}"
    broken = [name for name, cell in zip(names, cells, strict=True) if "\n" in cell and name != "metadata"]
    return f"{broken[0]} has several lines{quoted}" if broken else None


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


def _line(number: int, length: int, names: list[str], cells: list[str], problem: str | None) -> Line:
    values = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
    if problem is None and any(
        "\udc80" <= character <= "\udcff" for cell in values.values() if not cell.isascii() for character in cell
    ):
        problem = "not UTF-8; save the file as UTF-8"
    metadata = None if problem else values.pop("metadata", None)
    if metadata is not None:
        try:
            # by itself: within the line, a cell could bring further columns
            require_json(metadata)
            require_each_key_once(metadata)
        except InvalidEvent as error:
            values["metadata"], metadata, problem = metadata, None, f"metadata: {error.reason}"
    text = json.dumps(values, ensure_ascii=False)
    if metadata is not None:
        # as it is written: whoever reads the line decides about its numbers
        text = f'{text[:-1]}{", " if values else ""}"metadata": {metadata}}}'
    return Line(number, text.encode(errors="replace"), length, problem)
