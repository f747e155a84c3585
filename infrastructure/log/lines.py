"""The lines of a file, one at a time, however long one of them is."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

MAX_LINE_BYTES: Final = 10 * 1024 * 1024


class Line(NamedTuple):
    """One event as it was written. `number` is the line, from 1, on which it begins; `length` is how many bytes of the
    file were read for it. `problem` says why it can be no event; the text is then what there is of it."""

    number: int
    text: bytes
    length: int
    problem: str | None = None


def numbered_lines(source: BinaryIO, *, longest: int = MAX_LINE_BYTES) -> Iterator[Line]:
    """Each line that is not empty; of one longer than *longest* the text is only its beginning."""
    number = 0
    readline = source.readline
    while line := readline(longest + 1):
        number += 1
        length = len(line)
        if length > longest and not line.endswith(b"\n"):
            while rest := readline(longest):
                length += len(rest)
                if rest.endswith(b"\n"):
                    break
        # files that were put behind each other, or written a line at a time, have marks between lines
        if BOM_UTF8 in line:
            line = line.removeprefix(BOM_UTF8)
            if line[-4:-1] == BOM_UTF8 or line.endswith(BOM_UTF8):
                line = line.rstrip(b"\n").removesuffix(BOM_UTF8) + b"\n"
        if length > longest:
            yield Line(number, line, length, f"the line has {length:,} bytes, at most {longest:,} are read")
        elif not line.isspace():
            yield Line(number, line, length)
