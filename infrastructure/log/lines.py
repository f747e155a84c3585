"""The lines of a file, one at a time, however long one of them is."""

from collections.abc import Iterator
from typing import BinaryIO, Final

MAX_LINE_BYTES: Final = 10 * 1024 * 1024


def numbered_lines(source: BinaryIO, *, longest: int = MAX_LINE_BYTES) -> Iterator[tuple[int, bytes, int]]:
    """Number (from 1), text and length in bytes of each line that is not empty.

    Of a line longer than *longest* the text is only its beginning, while the length is that of the whole line.
    """
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
        if not line.isspace():
            yield number, line, length
