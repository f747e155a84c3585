"""Which column a field of a class of rows is: what `Record.points` means where a rollup or a check names it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.projections.tables import Table


class ColumnName(NamedTuple):
    table: str
    column: str


_FIELDS: Final[dict[object, ColumnName]] = {}


def register_fields(row: type, table: str, fields: Iterable[str]) -> None:
    """`Record.points` is what a tuple with named fields has there: one object for each class and field."""
    _FIELDS.update({getattr(row, field): ColumnName(table, field) for field in fields})


def table_of_column(reference: object, tables: Iterable[Table]) -> Table | None:
    """The table that a field belongs to; None for a plain name. Raises ProjectionMisdeclared for another's field."""
    if isinstance(reference, str):
        return None
    named = _named(reference)
    for table in tables:
        if table.name == named.table:
            return table
    raise ProjectionMisdeclared(f"{named.table}.{named.column} is no column of this projection")


def column_name(reference: object) -> str:
    """Of a field (`Record.points`), or of a name ("points")."""
    return reference if isinstance(reference, str) else _named(reference).column


def _named(reference: object) -> ColumnName:
    try:
        return _FIELDS[reference]
    except (KeyError, TypeError):
        raise ProjectionMisdeclared(
            f"{reference!r} is no column: name a field of the class of rows (Record.points) or a column ('points')"
        ) from None
