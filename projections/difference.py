"""What has to be written so that one set of a member's rows becomes another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from temple_ledger.projections.tables import Row, Rows, Table

EMPTY: Rows = {}

_MANY: Final = 8
"""Of so many rows, most are the same at the beginning."""


@dataclass
class Changes:
    """Rows to write and keys to delete, by table; each begins with the user_id."""

    upserts: dict[str, list[Row]] = field(default_factory=dict)
    deletes: dict[str, list[Row]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.upserts or self.deletes)

    @property
    def members(self) -> set[str]:
        """Whose rows are written or deleted."""
        return {row[0] for rows in (*self.upserts.values(), *self.deletes.values()) for row in rows}

    def count(self) -> int:
        return sum(map(len, self.upserts.values())) + sum(map(len, self.deletes.values()))

    def add_member(self, tables: Iterable[Table], user_id: str, before: Rows, after: Rows) -> None:
        self.add(user_id, member_difference(tables, before, after))

    def add(self, user_id: str, difference: "MemberDifference") -> None:
        for table, written, gone in difference:
            if written:
                self.upserts.setdefault(table.name, []).extend([(user_id, *row) for row in written])
            if gone:
                self.deletes.setdefault(table.name, []).extend([(user_id, *key) for key in gone])


MemberDifference = Sequence[tuple[Table, Sequence[Row], Sequence[Row]]]
"""For each table: rows to write, keys to delete."""


def member_difference(tables: Iterable[Table], before: Rows, after: Rows) -> MemberDifference:
    return [(table, *row_difference(table, before.get(table.name, ()), after.get(table.name, ()))) for table in tables]


def row_difference(table: Table, before: Sequence[Row], after: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Row]]:
    """The rows of *after* that are new or other than in *before*; the keys of *before* that *after* lacks."""
    if before == after:
        return (), ()
    if not table.key:
        written = [row for row in after if row not in before]
        return written, [()] if before and not after else ()
    if len(before) >= _MANY:
        same = _same_at_first(before, after)
        before, after = before[same:], after[same:]
    if not before:
        return after, ()
    old = dict(zip(map(table.key_of, before), before, strict=True))
    try:
        keys = [*map(table.key_of, after)]
        written = [row for key, row in zip(keys, after, strict=True) if old.get(key) != row]
    except (IndexError, TypeError):
        # a row that no table takes: whoever checks what is written finds it there
        return after, ()
    if len(after) - len(written) == len(before):
        return written, ()
    there = set(keys)
    return written, [key for key in old if key not in there]


def _same_at_first(before: Sequence[Row], after: Sequence[Row]) -> int:
    """How many rows are the same at the beginning of both: nearly all, where rows are only ever added."""
    for place, (old, new) in enumerate(zip(before, after, strict=False)):
        if old is not new and old != new:
            return place
    return min(len(before), len(after))


def named(table: Table, row: Row) -> dict[str, Any]:
    return dict(zip(table.column_names, row, strict=True))
