"""Rows as JSON and back: by table, each column in the way that its type says."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json, to_json

from temple_ledger.projections.tables import Row, Rows, Table
from temple_ledger.projections.values import ColumnType

_FROM: Final[Mapping[ColumnType, Callable[[Any], Any]]] = {
    ColumnType.NUMERIC: Decimal,
    ColumnType.TIMESTAMPTZ: datetime.fromisoformat,
    ColumnType.DATE: date.fromisoformat,
    ColumnType.UUID: UUID,
}
_TO: Final[Mapping[ColumnType, Callable[[Any], Any]]] = {
    ColumnType.NUMERIC: str,
    ColumnType.TIMESTAMPTZ: datetime.isoformat,
    ColumnType.DATE: date.isoformat,
    ColumnType.UUID: str,
}


def rows_to_json(tables: Sequence[Table], rows: Rows) -> str:
    """Tables without rows are left out."""
    found = {table.name: [_converted(_TO, table, row) for row in rows.get(table.name, ())] for table in tables}
    return to_json({name: each for name, each in found.items() if each}).decode()


def rows_from_json(tables: Sequence[Table], text: str) -> dict[str, list[Row]]:
    """Of the tables that are declared; a table without rows is left out."""
    stored = from_json(text)
    return {
        table.name: [tuple(_converted(_FROM, table, row)) for row in stored[table.name]]
        for table in tables
        if table.name in stored
    }


def _converted(by_type: Mapping[ColumnType, Callable[[Any], Any]], table: Table, row: Sequence[Any]) -> list[Any]:
    converters = _converters(table, by_type is _TO)
    return [
        value if convert is None or value is None else convert(value)
        for convert, value in zip(converters, row, strict=True)
    ]


@cache
def _converters(table: Table, to: bool) -> tuple[Callable[[Any], Any] | None, ...]:
    by_type = _TO if to else _FROM
    return tuple(_of_array(by_type.get(each.type)) if each.array else by_type.get(each.type) for each in table.columns)


def _of_array(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return None if convert is None else lambda values: [convert(value) for value in values]
