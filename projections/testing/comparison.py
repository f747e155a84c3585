"""What a test expected beside what was found, as a table that a person reads."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from temple_ledger.projections.effect import Message, data_text
from temple_ledger.projections.failure import FoldFailure
from temple_ledger.projections.tables import Row, Rows, Table

MOST_ROWS: Final = 30
MOST_CHARACTERS: Final = 200
EXPECTED, FOUND, SAME = "-", "+", " "


class _Line(NamedTuple):
    mark: str
    cells: Sequence[str]


def declared_table(tables: Sequence[Table], name: object, projection: str) -> Table:
    """Raises AssertionError for what is no name of *tables*: it would have no rows, whatever was given."""
    if not isinstance(name, str):
        raise AssertionError(f"a table goes by its name here, as in {tables[0].name!r}, and not by {name!r}")
    names = [table.name for table in tables]
    if name not in names:
        near = get_close_matches(name, names, n=1, cutoff=0.5) or names
        raise AssertionError(f"{projection} has no table {name!r}; it has {', '.join(near)}")
    return tables[names.index(name)]


def require_rows(table: Table, of: str, expected: Iterable[Row], found: Iterable[Row]) -> None:
    """In any order. Raises AssertionError with both sides; *of* is whose rows these are, as a person reads it."""
    before = _by_key(table, [_checked(table, row) for row in expected])
    after = _by_key(table, found)
    if before != after:
        raise AssertionError(f"{table.name} of {of}, {compared(table, before, after)}")


def require_same(tables: Iterable[Table], expected: Rows, found: Rows, why: str) -> None:
    """Raises AssertionError for two folds with other rows; *why* says what that means."""
    for table in tables:
        before, after = (_by_key(table, rows.get(table.name, ())) for rows in (expected, found))
        if before != after:
            raise AssertionError(f"{why}\n{table.name}, {compared(table, before, after)}")


def require_messages(effect: str, expected: Iterable[Message], found: Iterable[tuple[Any, Any, Any]]) -> None:
    """In their order, the data as JSON has it. Raises AssertionError with both sides."""
    due = [(each.sink, each.type or effect, from_json(data_text(each))) for each in expected]
    sent = list(found)
    if due != sent:
        lines = [*(f"{EXPECTED} {each}" for each in due if each not in sent)]
        lines += [f"{FOUND} {each}" for each in sent if each not in due]
        shown = "\n".join(lines or ["the same messages in another order, or another number of times"])
        raise AssertionError(f"messages of {effect}, - expected, + found:\n{shown}")


def at_fault(what: str, failure: FoldFailure) -> AssertionError:
    return AssertionError("\n".join([what, *failure.lines()]))


def compared(table: Table, expected: Mapping[Row, Row], found: Mapping[Row, Row]) -> str:
    """Both by key. Rows that are the same on both sides come unmarked, and fall out first where there are many."""
    differing, same = _lines(expected, found)
    shown = [*differing[:MOST_ROWS], *same[: max(0, MOST_ROWS - len(differing))]]
    head = _Line(SAME, table.column_names)
    widths = [max(map(len, column)) for column in zip_longest(*(each.cells for each in (head, *shown)), fillvalue="")]
    text = [_aligned(each, widths) for each in (head, *shown)]
    left_out = len(differing) + len(same) - len(shown)
    if left_out:
        text.append(f"  and {left_out:,} lines more")
    return "\n".join(["- expected, + found:", *text])


def _checked(table: Table, row: Row) -> Row:
    """A row that the table could never hold is a mistake of the test, and would be seen as one of the rule."""
    reason = table.refuses(row)
    if reason is not None:
        raise AssertionError(f"the expected row {tuple(row)!r} cannot be one of {table.name}: {reason}")
    return tuple(row)


def _by_key(table: Table, rows: Iterable[Row]) -> dict[Row, Row]:
    by_key: dict[Row, Row] = {}
    for row in rows:
        first = by_key.setdefault(table.key_of(row), row)
        if first is not row:
            named = "one row a member" if not table.key else f"the key {', '.join(table.key)}"
            raise AssertionError(f"two rows of {table.name}, which has {named}: {first!r} and {row!r}")
    return by_key


def _lines(expected: Mapping[Row, Row], found: Mapping[Row, Row]) -> tuple[list[_Line], list[_Line]]:
    differing: list[_Line] = []
    same: list[_Line] = []
    for key in dict.fromkeys([*expected, *found]):
        before, after = expected.get(key), found.get(key)
        if before == after and before is not None:
            same.append(_Line(SAME, _cells(before)))
            continue
        differing += [_Line(mark, _cells(row)) for mark, row in ((EXPECTED, before), (FOUND, after)) if row is not None]
        if before is not None and after is not None:
            pairs = zip(before, after, strict=True)
            differing.append(_Line(SAME, ["" if one == other else _underline(one, other) for one, other in pairs]))
    return differing, same


def _underline(one: Any, other: Any) -> str:
    return "^" * max(len(_cell(one)), len(_cell(other)))


def _cells(row: Row) -> list[str]:
    return [_cell(value) for value in row]


def _cell(value: Any) -> str:
    text = str(value) if isinstance(value, datetime) else repr(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _aligned(line: _Line, widths: Sequence[int]) -> str:
    cells = "  ".join(cell.ljust(width) for cell, width in zip(line.cells, widths, strict=True))
    return f"  {line.mark} {cells}".rstrip()
