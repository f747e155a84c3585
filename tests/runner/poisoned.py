"""A projection with an author's mistake."""

from typing import Final

from temple_ledger import Column, ColumnType, MemberProjection, RoleAdded, Table

POISON: Final = "POISON"
TABLE = Table("poisoned", columns=(Column("grants", ColumnType.INTEGER),), key=())

poisoned = MemberProjection(
    "poisoned",
    version=1,
    tables=(TABLE,),
    initial=int,
    rows=lambda grants: {TABLE.name: [(grants,)]},
    state=lambda rows: rows[TABLE.name][0][0] if rows.get(TABLE.name) else 0,
)


@poisoned.on
def _(granted: int, event: RoleAdded) -> int:
    if event.role == POISON:
        raise ValueError("the author's mistake")
    return granted + 1
