"""The forms in which people have events: recognised by their first bytes, and read as lines of JSON or named.

JSON lines, a JSON array, objects printed over several lines, and CSV; each also compressed by gzip, in UTF-8 or UTF-16,
with any end of line.
"""

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, cast

from temple_ledger.domain.errors import UnreadableFile
from temple_ledger.infrastructure.log.csv_rows import csv_rows, delimiter_of, looks_like_table
from temple_ledger.infrastructure.log.json_values import json_values
from temple_ledger.infrastructure.log.lines import Line, numbered_lines

FIRST_BYTES: Final = 64 * 1024
BLOCK: Final = 1024 * 1024

NAMED: Final = (
    (b"PK\x03\x04", "a ZIP file or a spreadsheet; unpack it, or save the sheet as CSV"),
    (b"BZh", "compressed by bzip2; run it through bzcat"),
    (b"\xfd7zXZ\x00", "compressed by xz; run it through xzcat"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd; run it through zstdcat"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"SQLite format 3\x00", "an SQLite database; export its table as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet; save it as CSV"),
    (b"PGDMP", "a dump of PostgreSQL; restore it: temple db restore"),
    (b"PAR1", "a Parquet file; export it as CSV or JSON lines"),
    (b"%PDF", "a PDF"),
)
"""What is not read, by its first bytes, and what to do."""


def event_lines(source: BinaryIO) -> Iterator[Line]:
    """Each event of the file as a line of JSON. Raises UnreadableFile for another form, and for a damaged file.

    Reads no further ahead than it must, so that lines may come through a pipe, one at a time.
    """
    yield from _guarded(lambda: _lines(source, may_unpack=True))


def is_compressed(first: bytes) -> bool:
    return first.startswith(b"\x1f\x8b")


def _lines(source: BinaryIO, *, may_unpack: bool) -> Iterator[Line]:
    first, source = _peeked(source)
    if is_compressed(first):
        if not may_unpack:
            raise UnreadableFile("the file is compressed twice; unpack it first")
        # not the file itself, which would go back by unpacking it from the beginning again
        return _lines(_stream(_blocks(cast(BinaryIO, gzip.GzipFile(fileobj=source)))), may_unpack=False)
    for beginning, what in NAMED:
        if first.startswith(beginning):
            raise UnreadableFile(f"the file is no text: it looks like {what}")
    encoding = _encoding(first)
    if encoding is not None:
        first, source = _peeked(_stream(_recoded(source, encoding)))
    if _has_lone_returns(first):
        first, source = _peeked(_stream(_with_newlines(source)))
    return _form(first)(source)


_SEPARATOR: Final = re.compile(rb'"?sep=([,;|\t])"?', re.IGNORECASE)
"""The first line of a table that names its separator to a spreadsheet."""


def _form(first: bytes) -> Callable[[BinaryIO], Iterator[Line]]:
    line, _, _ = first.lstrip().partition(b"\n")
    named = _SEPARATOR.fullmatch(line.rstrip(b"\r"))
    line = line.rstrip()
    if named is not None:
        return lambda source: csv_rows(source, named[1].decode(), first_line=2)
    if line.startswith(b"[") or (line.startswith(b"{") and line.endswith((b"{", b",", b"["))):
        return json_values
    if line and line[:1] not in b'{"' and looks_like_table(line):
        return lambda source: csv_rows(source, delimiter_of(line))
    return numbered_lines


def _encoding(first: bytes) -> str | None:
    """None for what needs no recoding; for UTF-16 without a mark, by where the zeros of its first letters are."""
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
        (codecs.BOM_UTF8, "utf-8-sig"),
    ):
        if first.startswith(mark):
            return encoding
    if len(first) >= 4 and first[0] and not first[1] and first[2] and not first[3]:
        return "utf-16-le"
    if len(first) >= 4 and not first[0] and first[1] and not first[2] and first[3]:
        return "utf-16-be"
    return None


def _recoded(source: BinaryIO, encoding: str) -> Iterator[bytes]:
    if encoding == "utf-8-sig":
        # bytes that are no text stay what they are: the line that has them is refused, and no other
        source.read(len(codecs.BOM_UTF8))
        yield from _blocks(source)
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in _blocks(source):
            yield decoder.decode(block).encode(errors="surrogatepass")
        yield decoder.decode(b"", final=True).encode(errors="surrogatepass")
    except UnicodeDecodeError:
        raise UnreadableFile(f"the file begins as {encoding.upper()} and is not; save it as UTF-8") from None


_LONE_RETURN: Final = re.compile(rb"\r[^\n]")


def _has_lone_returns(first: bytes) -> bool:
    return b"\n" not in first and (_LONE_RETURN.search(first) is not None)


def _with_newlines(source: BinaryIO) -> Iterator[bytes]:
    return (block.replace(b"\r", b"\n") for block in _blocks(source))


def _blocks(source: BinaryIO) -> Iterator[bytes]:
    read = getattr(source, "read1", source.read)
    while block := read(BLOCK):
        yield block


def _peeked(source: BinaryIO) -> tuple[bytes, BinaryIO]:
    """The first bytes, at least a line where there is one, and the source as it was before."""
    read = getattr(source, "read1", source.read)
    first = b""
    while len(first) < FIRST_BYTES and b"\n" not in first.lstrip() and (block := read(FIRST_BYTES - len(first))):
        first += block
    if source.seekable():
        source.seek(-len(first), io.SEEK_CUR)
        return first, source
    rest = _blocks(source)
    return first, _stream(each for part in ((first,), rest) for each in part)


class _Blocks(io.RawIOBase):
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        view = memoryview(buffer)
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _stream(blocks: Iterator[bytes]) -> BinaryIO:
    return io.BufferedReader(_Blocks(blocks), BLOCK)


def _guarded(lines: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    number = 0
    try:
        for line in lines():
            number = line.number
            yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(_damaged(number, str(error))) from None


def _damaged(number: int, reason: str) -> str:
    if number and reason.startswith(("CRC", "Incorrect length")):
        return (
            f"the compressed file is damaged: its {number:,} lines are not what was packed; get it again, and retract "
            "what an import added of them"
        )
    return f"the compressed file is damaged or cut off behind line {number:,}; get it again"
