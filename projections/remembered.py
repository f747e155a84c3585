"""What a runner remembers of members between its steps, and how much memory that may be."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from sys import getsizeof
from typing import Any, Final, Generic

from temple_ledger.projections.batch import KnownMember
from temple_ledger.projections.member_projection import State
from temple_ledger.projections.tables import Column, Rows, Table
from temple_ledger.projections.values import ColumnType

MOST_BYTES: Final = 24 * 2**20
"""For each projection."""
MEMBER_BYTES: Final = 750
ROW_BYTES: Final = 200
COLUMN_BYTES: Final = 35
"""Of a row, with what the state has of it. Measured with our own projections; values of any length are counted
besides."""
SHORT_TEXT: Final = 100


class Remembered(Generic[State]):
    """The members that changed last, in so many bytes; who changed longest ago is forgotten first.

    Members change all the time and some of them get more rows with every change, so a number of members would be no
    bound. Whoever is larger than all of it is not remembered.
    """

    def __init__(self, tables: Sequence[Table], most_bytes: int = MOST_BYTES) -> None:
        self._tables = {table.name: (row_bytes(table), _of_any_length(table)) for table in tables}
        self._most_bytes = most_bytes
        self._members: OrderedDict[str, tuple[KnownMember[State], int]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._members)

    @property
    def bytes(self) -> int:
        return self._bytes

    def get(self, user_id: str) -> KnownMember[State] | None:
        found = self._members.get(user_id)
        return None if found is None else found[0]

    def put(self, members: Mapping[str, KnownMember[State]], *, others_too: bool = True) -> None:
        """Those of them that are remembered already as they are now, and the others where that is wanted."""
        for user_id, member in members.items():
            before = self._members.pop(user_id, None)
            if before is not None:
                self._bytes -= before[1]
            elif not others_too:
                continue
            size = self.size_of(member.rows)
            if size <= self._most_bytes:
                self._members[user_id] = member, size
                self._bytes += size
        while self._bytes > self._most_bytes:
            _, (_, size) = self._members.popitem(last=False)
            self._bytes -= size

    def clear(self) -> None:
        self._members.clear()
        self._bytes = 0

    def size_of(self, rows: Rows) -> int:
        size = MEMBER_BYTES
        for name, (row, places) in self._tables.items():
            its = rows.get(name, ())
            size += row * len(its)
            for place, size_of in places:
                size += sum(map(size_of, [row[place] for row in its if row[place]]))
        return size


def row_bytes(table: Table) -> int:
    """Of a row without what may be long."""
    return ROW_BYTES + COLUMN_BYTES * len(table.columns)


def _of_any_length(table: Table) -> Sequence[tuple[int, Callable[[Any], int]]]:
    """Places in a row, and what says how large a value there is: of a text, Python itself and at once."""
    return [
        (place, getsizeof if column.type is ColumnType.TEXT and not column.array else _size_of)
        for place, column in enumerate(table.columns)
        if _may_be_long(column)
    ]


def _may_be_long(column: Column) -> bool:
    if column.type is ColumnType.TEXT and not column.array:
        return column.length is None or column.length > SHORT_TEXT
    return column.array or column.type in (ColumnType.JSONB, ColumnType.NUMERIC)


def _size_of(value: Any) -> int:
    size, rest = 0, [value]
    while rest:
        each = rest.pop()
        size += getsizeof(each)
        if isinstance(each, dict):
            rest += each
            rest += each.values()
        elif isinstance(each, list | tuple):
            rest += each
    return size
