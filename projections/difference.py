"""What has to be written so that one set of a member's rows becomes another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from temple_ledger.projections.tables import Row, Rows, Table

EMPTY: Rows = {}

_MANY: Final = 8
"""Of so many rows, most are the same at the beginning."""


class RowDifference(NamedTuple):
    """Rows to write, whose keys are new or were there with another row; keys to delete."""

    new: Sequence[Row] = ()
    changed: Sequence[Row] = ()
    gone: Sequence[Row] = ()

    @property
    def written(self) -> Sequence[Row]:
        return [*self.new, *self.changed]


@dataclass
class Changes:
    """Rows to write and keys to delete, by table; each begins with the user_id."""

    inserts: dict[str, list[Row]] = field(default_factory=dict)
    """Whose keys were not there."""
    updates: dict[str, list[Row]] = field(default_factory=dict)
    deletes: dict[str, list[Row]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self._all)

    @property
    def _all(self) -> Sequence[dict[str, list[Row]]]:
        return self.inserts, self.updates, self.deletes

    @property
    def members(self) -> set[str]:
        """Whose rows are written or deleted."""
        return {row[0] for each in self._all for rows in each.values() for row in rows}

    def of(self, table: Table) -> tuple[Sequence[Row], Sequence[Row], Sequence[Row]]:
        """New rows, changed ones, keys to delete."""
        new, changed, gone = (each.get(table.name, ()) for each in self._all)
        return new, changed, gone

    def count(self) -> int:
        return sum(len(rows) for each in self._all for rows in each.values())

    def add_member(self, tables: Iterable[Table], user_id: str, before: Rows, after: Rows) -> None:
        self.add(user_id, member_difference(tables, before, after))

    def add(self, user_id: str, difference: "MemberDifference") -> None:
        for table, rows in difference:
            for each, its_rows in zip(self._all, rows, strict=True):
                if its_rows:
                    each.setdefault(table.name, []).extend([(user_id, *row) for row in its_rows])


MemberDifference = Sequence[tuple[Table, RowDifference]]


def member_difference(tables: Iterable[Table], before: Rows, after: Rows) -> MemberDifference:
    return [(table, row_difference(table, before.get(table.name, ()), after.get(table.name, ()))) for table in tables]


def row_difference(table: Table, before: Sequence[Row], after: Sequence[Row]) -> RowDifference:
    """What *after* has that *before* lacks or has otherwise; the keys of *before* that *after* lacks."""
    if before == after:
        return _NONE
    if not table.key:
        written = [row for row in after if row not in before]
        return RowDifference((), written, [()] if not after else ()) if before else RowDifference(written)
    if len(before) >= _MANY:
        same = _same_at_first(before, after)
        before, after = before[same:], after[same:]
    if not before:
        return RowDifference(after)
    old = dict(zip(map(table.key_of, before), before, strict=True))
    try:
        keys = [*map(table.key_of, after)]
        new = [row for key, row in zip(keys, after, strict=True) if key not in old]
        changed = [row for key, row in zip(keys, after, strict=True) if old.get(key, row) != row]
    except (IndexError, TypeError):
        # a row that no table takes: whoever checks what is written finds it there
        return RowDifference(after)
    if len(after) - len(new) == len(before):
        return RowDifference(new, changed)
    there = set(keys)
    return RowDifference(new, changed, [key for key in old if key not in there])


_NONE: Final = RowDifference()


def _same_at_first(before: Sequence[Row], after: Sequence[Row]) -> int:
    """How many rows are the same at the beginning of both: nearly all, where rows are only ever added."""
    for place, (old, new) in enumerate(zip(before, after, strict=False)):
        if old is not new and old != new:
            return place
    return min(len(before), len(after))


def named(table: Table, row: Row) -> dict[str, Any]:
    return dict(zip(table.column_names, row, strict=True))
