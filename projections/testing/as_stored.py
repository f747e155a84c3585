"""Rows as a database gives them back: the same values, of the plain types that a driver makes."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from temple_ledger.projections.tables import Column, Row, Rows, Table
from temple_ledger.projections.values import ColumnType, json_as_stored, numeric_as_stored


def as_stored(tables: Iterable[Table], rows: Rows) -> Rows:
    """*rows*, which the tables accept, stored and read: an enum is a text then, and a tuple in jsonb a list."""
    return {table.name: [_row(table, row) for row in rows[table.name]] for table in tables if table.name in rows}


def _row(table: Table, row: Row) -> Row:
    return tuple(
        None if value is None else _stored(column, value) for column, value in zip(table.columns, row, strict=True)
    )


def _stored(column: Column, value: Any) -> Any:
    plain = _PLAIN.get(column.type, _as_it_is)
    return [plain(each) for each in value] if column.array else plain(value)


def _text(value: str) -> str:
    return str.__str__(value)


def _number(value: int) -> int:
    return int.__int__(value)


def _time(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _as_it_is(value: Any) -> Any:
    return value


_PLAIN: Final[Mapping[ColumnType, Callable[[Any], Any]]] = {
    ColumnType.TEXT: _text,
    ColumnType.INTEGER: _number,
    ColumnType.BIGINT: _number,
    ColumnType.NUMERIC: numeric_as_stored,
    ColumnType.TIMESTAMPTZ: _time,
    ColumnType.JSONB: json_as_stored,
}
