"""Values and conditions of a declaration, as they stand in SQL that PostgreSQL stores."""

from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from temple_ledger.infrastructure.database.array_text import array_text
from temple_ledger.projections.condition import AMONG, IS_NOT_NULL, IS_NULL, Condition
from temple_ledger.projections.tables import Column
from temple_ledger.projections.values import ColumnType


def default_literal(column: Column) -> sql.Composed:
    """With its type: `pg_get_expr` gives it back in other words."""
    value: Any = column.default
    if column.array:
        value = array_text(column.type, value)
    elif column.type is ColumnType.JSONB:
        value = Jsonb(value)
    brackets = "[]" if column.array else ""
    # in parentheses: a cast goes before the sign of a number
    return sql.SQL("({})::{}{}").format(sql.Literal(value), sql.SQL(column.type.value), sql.SQL(brackets))


def condition_expression(condition: Condition) -> sql.Composed:
    column = sql.Identifier(condition.name)
    if condition.operator in (IS_NULL, IS_NOT_NULL):
        return sql.SQL("{} {}").format(column, sql.SQL(condition.operator))
    if condition.column is not None:
        other: sql.Composable = sql.Identifier(condition.column)
    elif condition.operator == AMONG:
        other = sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Literal, condition.values)))
    else:
        other = sql.Literal(condition.value)
    return sql.SQL("{} {} {}").format(column, sql.SQL(condition.operator), other)
