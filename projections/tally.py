"""A tally: a projection that counts. Counting does not depend on order, so no event is late for it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.tables import ColumnType, Table, check_name

Key = tuple[Any, ...]
Increments = Mapping[Key, int]
"""By key, in the order of the table's key columns; zero and absent are the same."""


class Tally:
    """*count* returns how much an event adds to which keys; {} for an event that is not counted.

    The table's last column is the number, all others are the key. The cheap check of a tally is that the sum of that
    column equals what was counted so far, which its checkpoint stores.
    """

    def __init__(self, name: str, *, version: int, table: Table, count: Callable[[Recorded], Increments]) -> None:
        check_name("projection", name)
        if version < 1:
            raise ProjectionMisdeclared(f"projection {name} needs a version of at least 1")
        *key, number = table.columns
        if table.key != tuple(column.name for column in key) or number.type is not ColumnType.BIGINT:
            raise ProjectionMisdeclared(
                f"tally {name}: the key must be all columns of {table.name} but the last, and the last a bigint"
            )
        self.name = name
        self.version = version
        self.key: Final = ProjectionKey(name, version)
        self.table = table
        self.count = count

    @property
    def tables(self) -> tuple[Table, ...]:
        return (self.table,)
