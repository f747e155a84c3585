"""Rows of cells in the width that a terminal has: nothing is ever cut.

Columns that do not fit beside each other go on in further lines of the same row. Only prose is folded, between its
words: ids, times, positions and names stay whole, however narrow the terminal is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len

from temple_ledger.infrastructure.terminal.folding import WORD

GAP: Final = 2
INDENT: Final = 4
"""Before the further lines of a row."""
READABLE: Final = 24
"""Prose is not folded to fewer characters than this, as long as it may have a line of its own."""


@dataclass(frozen=True)
class Column:
    """`least` is as narrow as it may become; `natural` is where nothing is folded."""

    least: int
    natural: int
    right: bool = False


@dataclass(frozen=True)
class _Placed:
    number: int
    width: int
    right: bool


Line = Sequence[_Placed]


def column_of(cells: Sequence[str], *, right: bool = False, prose: bool = False) -> Column:
    """The column that has these cells, its heading among them."""
    natural = max(map(cell_len, cells))
    if not prose:
        return Column(natural, natural, right)
    longest_word = max((cell_len(word) for cell in cells for word in _words(cell)), default=0)
    return Column(min(natural, max(longest_word, READABLE)), natural, right)


def place(columns: Sequence[Column], width: int | None) -> Sequence[Line]:
    """Which columns stand in which line of each row, and how wide; None is as wide as it needs to be."""
    lines: list[list[int]] = [[]]
    used = 0
    for number, column in enumerate(columns):
        least = column.least if width is not None else column.natural
        if lines[-1] and width is not None and used + GAP + least > width:
            lines.append([])
            used = INDENT - GAP
        used += least + (GAP if lines[-1] or len(lines) > 1 else 0)
        lines[-1].append(number)
    return [
        _widths(columns, line, None if width is None else width - (INDENT if at else 0))
        for at, line in enumerate(lines)
    ]


def row_lines(cells: Sequence[str], lines: Sequence[Line]) -> Iterator[str]:
    """One row, as it is printed."""
    for at, line in enumerate(lines):
        folded = [_fold(cells[placed.number], placed.width) for placed in line]
        for part in range(max(map(len, folded))):
            texts = [
                _padded(texts[part] if part < len(texts) else "", placed)
                for placed, texts in zip(line, folded, strict=True)
            ]
            text = f"{' ' * INDENT if at else ''}{(' ' * GAP).join(texts)}".rstrip()
            if text or not at:
                yield text


def _widths(columns: Sequence[Column], line: Sequence[int], width: int | None) -> Line:
    """What is left of the line goes to the prose in it, from the left."""
    left = 0
    if width is not None:
        left = max(0, width - sum(columns[number].least for number in line) - GAP * (len(line) - 1))
    placed = []
    for number in line:
        column = columns[number]
        more = column.natural - column.least if width is None else min(left, column.natural - column.least)
        left -= 0 if width is None else more
        placed.append(_Placed(number, column.least + more, column.right))
    return placed


def _padded(text: str, placed: _Placed) -> str:
    padding = " " * max(0, placed.width - cell_len(text))
    return f"{padding}{text}" if placed.right else f"{text}{padding}"


def _words(text: str) -> list[str]:
    return WORD.findall(text)


def _fold(text: str, width: int) -> list[str]:
    if cell_len(text) <= width:
        return [text]
    folded: list[str] = []
    for word in _words(text):
        if folded and cell_len(folded[-1]) + 1 + cell_len(word) <= width:
            folded[-1] += f" {word}"
        else:
            folded.append(word)
    return folded or [""]
