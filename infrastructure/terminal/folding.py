"""A line of prose in the width that a terminal has, folded between its words; what is below a label stays below it."""

import re
from collections.abc import Iterator
from typing import Final

WORD: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?(?: UTC)?\S*|\S+")
"""What is never folded; a time is one word."""

_LABEL: Final = re.compile(r" *\S(?: ?\S){0,28}  +(?=\S)")
_LONGEST_LABEL: Final = 32
_INDENT: Final = 2


def fold(text: str, width: int) -> Iterator[tuple[int, slice]]:
    """The lines of *text*: by how many spaces each is indented, and which part of it stands there.

    A word that does not fit where it belongs has a line of its own, further to the left.
    """
    from rich.cells import cell_len

    if cell_len(text) <= width:
        yield 0, slice(0, len(text))
        return
    hanging = _hanging(text)
    indent, start, end = 0, 0, 0
    for word in WORD.finditer(text):
        if end and indent + cell_len(text[start : word.end()]) > width:
            yield indent, slice(start, end)
            indent = hanging if hanging + cell_len(word[0]) <= width else _INDENT
            start = word.start()
        end = word.end()
    yield indent, slice(start, end)


def _hanging(text: str) -> int:
    """How far further lines are indented: below what follows the label, or a little further than the line itself."""
    label = _LABEL.match(text)
    if label is not None and label.end() <= _LONGEST_LABEL:
        return label.end()
    return len(text) - len(text.lstrip(" ")) + _INDENT
