"""A rollup: the rows of a projection, aggregated by something else than the member.

    points_by_moderator = moderation.rollup("points_by_moderator", key=Record.last_by, total=sum_of(Record.points))

What it holds is defined by its source: `rows(key) = aggregate of the source's rows with that key`. A row whose key is
null is not counted, and a key without rows has none. The database keeps it (docs/rollups.md); here is what it means.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, Self

from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.projections.columns import column_name, table_of_column
from temple_ledger.projections.tables import Column, Row, Table, check_name
from temple_ledger.projections.values import ColumnType

LONGEST_NAME: Final = 45
"""Tables and functions of a rollup are named after it, with a version and more."""
RESERVED: Final = "rollup_"
MEMBER: Final = "user_id"


class Expression(StrEnum):
    """What may be made of a column before rows are grouped by it; the same in Python and in SQL."""

    VALUE = "value"
    DAY = "day"
    LOWER = "lower"
    OTHERWISE = "otherwise"


class Measure(StrEnum):
    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    DISTINCT = "distinct"


@dataclass(frozen=True)
class Key:
    """A part of a rollup's key; `name` is its column in the rollup."""

    name: str
    column: str
    expression: Expression = Expression.VALUE
    otherwise: str | int | None = None

    def of(self, value: Any) -> Any:
        if value is None:
            return self.otherwise if self.expression is Expression.OTHERWISE else None
        if self.expression is Expression.DAY:
            return value.astimezone(UTC).date() if isinstance(value, datetime) else value
        return value.translate(_SMALL_LETTERS) if self.expression is Expression.LOWER else value


@dataclass(frozen=True)
class Value:
    """An aggregate; `column` is None where rows are counted."""

    name: str
    measure: Measure
    column: str | None = None


@dataclass(frozen=True)
class Of:
    """A column of the source, with what is made of it; `day_of(Record.at)` and the like give one."""

    column: object
    expression: Expression
    otherwise: str | int | None = None


@dataclass(frozen=True)
class Aggregate:
    """`sum_of(Record.points)` and the like give one."""

    measure: Measure
    column: object = None


_SMALL_LETTERS: Final = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}
_SUMMED: Final = (ColumnType.INTEGER, ColumnType.BIGINT, ColumnType.NUMERIC)
_ORDERED: Final = (*_SUMMED, ColumnType.TEXT, ColumnType.TIMESTAMPTZ, ColumnType.DATE)


def count_of() -> Aggregate:
    """How many rows have the key."""
    return Aggregate(Measure.COUNT)


def sum_of(column: object) -> Aggregate:
    """The sum of a number; null counts as nothing."""
    return Aggregate(Measure.SUM, column)


def min_of(column: object) -> Aggregate:
    """The smallest value; null where all are null."""
    return Aggregate(Measure.MIN, column)


def max_of(column: object) -> Aggregate:
    """The greatest value; null where all are null."""
    return Aggregate(Measure.MAX, column)


def distinct_of(column: object) -> Aggregate:
    """How many different values there are; null is none."""
    return Aggregate(Measure.DISTINCT, column)


def day_of(column: object) -> Of:
    """The day, in UTC, of a column of times."""
    return Of(column, Expression.DAY)


def lower_of(column: object) -> Of:
    """The text with small letters in place of A to Z; other letters stay as they are."""
    return Of(column, Expression.LOWER)


def value_or(column: object, otherwise: str | int) -> Of:
    """The value, and *otherwise* where it is null: those rows are counted then, too."""
    return Of(column, Expression.OTHERWISE, otherwise)


@dataclass(frozen=True)
class Rollup:
    """Of a projection's version: which rows are grouped by what, and what is computed of each group."""

    projection: str
    version: int
    name: str
    table: str
    keys: tuple[Key, ...]
    values: tuple[Value, ...]
    place: str | None = field(default=None, compare=False)
    """The name of its view in the database, and `source` that of its table: given by `placing`."""
    source: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name("rollup", self.name)
        if len(self.name) > LONGEST_NAME:
            raise ProjectionMisdeclared(f"rollup {self.name} has a name of more than {LONGEST_NAME} characters")
        names = self.column_names
        for name in names:
            check_name("rollup's column", name)
            if name.startswith(RESERVED):
                raise ProjectionMisdeclared(f"rollup {self.name}: no column's name may begin with {RESERVED}")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ProjectionMisdeclared(f"rollup {self.name} has two columns {twice!r}; name one of them otherwise")

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return (*(each.name for each in self.keys), *(each.name for each in self.values))

    def definition(self) -> str:
        """As JSON: what the ledger stores of it."""
        declared = {name: value for name, value in asdict(self).items() if name not in ("place", "source")}
        return json.dumps(declared, sort_keys=True)

    @classmethod
    def of_definition(cls, text: str) -> Self:
        given = json.loads(text)
        keys = [Key(**{**each, "expression": Expression(each["expression"])}) for each in given.pop("keys")]
        values = [Value(**{**each, "measure": Measure(each["measure"])}) for each in given.pop("values")]
        return cls(**given, keys=tuple(keys), values=tuple(values))

    def over(self, table: Table, rows: Mapping[str, Iterable[Row]]) -> dict[Row, Row]:
        """By key, the values of the rollup over these rows of each member: what the database has to hold."""
        names = (MEMBER, *table.column_names)
        groups: dict[Row, list[Mapping[str, Any]]] = defaultdict(list)
        for user_id, each in rows.items():
            for row in each:
                named = dict(zip(names, (user_id, *row), strict=True))
                key = tuple(part.of(named[part.column]) for part in self.keys)
                if None not in key:
                    groups[key].append(named)
        return {key: tuple(_aggregated(value, group) for value in self.values) for key, group in groups.items()}


def _aggregated(value: Value, group: Sequence[Mapping[str, Any]]) -> Any:
    if value.column is None:
        return len(group)
    there = [row[value.column] for row in group if row[value.column] is not None]
    return _AGGREGATES[value.measure](there)


_AGGREGATES: Final[Mapping[Measure, Callable[[list[Any]], Any]]] = {
    Measure.SUM: sum,
    Measure.MIN: lambda values: min(values, default=None),
    Measure.MAX: lambda values: max(values, default=None),
    Measure.DISTINCT: lambda values: len(set(values)),
}


def declare(
    projection: str,
    version: int,
    tables: Sequence[Table],
    name: str,
    key: object,
    table: Table | None,
    aggregates: Mapping[str, Aggregate],
) -> Rollup:
    """Raises ProjectionMisdeclared for what cannot be kept."""
    for column, aggregate in aggregates.items():
        if not isinstance(aggregate, Aggregate):
            raise ProjectionMisdeclared(
                f"rollup {name}: {column} is {aggregate!r}; say what to compute, as count_of() or sum_of(...)"
            )
    parts = list(key) if isinstance(key, tuple | list) else [key]
    given = [part.column if isinstance(part, Of) else part for part in parts]
    given += [each.column for each in aggregates.values() if each.column is not None]
    source = _source(name, tables, table, given)
    keys = tuple(_key(name, part, source) for part in parts)
    values = tuple(_value(name, column, each, source) for column, each in aggregates.items())
    if not keys or not values:
        raise ProjectionMisdeclared(f"rollup {name} needs a key and something to compute: count_of(), sum_of(...)")
    return Rollup(projection, version, name, source.name, keys, values)


def table_of_rollup(rollup: Rollup, source: Table) -> Table:
    """As a table of the same rows, for whoever compares two of them."""
    columns = [_column_of_key(part, source) for part in rollup.keys]
    columns += [_column_of_value(value, source) for value in rollup.values]
    return Table(rollup.name, tuple(columns), key=tuple(part.name for part in rollup.keys))


def _source(name: str, tables: Sequence[Table], table: Table | None, references: Iterable[object]) -> Table:
    sources = {found.name: found for each in references if (found := table_of_column(each, tables)) is not None}
    if table is not None and not isinstance(table, Table):
        raise ProjectionMisdeclared(
            f"rollup {name}: table= says of which table it is, and not {table!r}; choose another name for the column"
        )
    if table is not None:
        sources[table.name] = table
    if not sources and len(tables) == 1:
        sources[tables[0].name] = tables[0]
    if len(sources) != 1:
        among = ", ".join(sorted(sources) or (each.name for each in tables))
        raise ProjectionMisdeclared(f"rollup {name} is of one table; say which, with table=...: {among}")
    (source,) = sources.values()
    if source not in tables:
        raise ProjectionMisdeclared(f"rollup {name}: the projection has no table {source.name}")
    return source


def _key(rollup: str, part: object, source: Table) -> Key:
    of = part if isinstance(part, Of) else Of(part, Expression.VALUE)
    column = _column(rollup, column_name(of.column), source)
    wanted: tuple[ColumnType, ...] = {
        Expression.DAY: (ColumnType.TIMESTAMPTZ, ColumnType.DATE),
        Expression.LOWER: (ColumnType.TEXT,),
    }.get(of.expression, tuple(each for each in ColumnType if each is not ColumnType.JSONB))
    if column.array or column.type not in wanted:
        raise ProjectionMisdeclared(
            f"rollup {rollup}: {column.name} is {_kind(column)}, and the key wants {' or '.join(wanted)}"
        )
    if of.expression is Expression.OTHERWISE and (refused := column.refuses(of.otherwise)) is not None:
        raise ProjectionMisdeclared(f"rollup {rollup}: {of.otherwise!r} for {column.name} {refused}")
    name = f"{column.name}_day" if of.expression is Expression.DAY else column.name
    return Key(name, column.name, of.expression, of.otherwise)


def _value(rollup: str, name: str, aggregate: Aggregate, source: Table) -> Value:
    if aggregate.column is None:
        return Value(name, aggregate.measure)
    column = _column(rollup, column_name(aggregate.column), source)
    wanted = {
        Measure.SUM: _SUMMED,
        Measure.DISTINCT: tuple(each for each in ColumnType if each is not ColumnType.JSONB),
    }.get(aggregate.measure, _ORDERED)
    if column.array or column.type not in wanted:
        raise ProjectionMisdeclared(
            f"rollup {rollup}: {column.name} is {_kind(column)}, of which there is no {aggregate.measure.value}"
        )
    return Value(name, aggregate.measure, column.name)


def _kind(column: Column) -> str:
    return f"an array of {column.type.value}" if column.array else column.type.value


def _column(rollup: str, name: str, source: Table) -> Column:
    if name == MEMBER:
        return Column(MEMBER, ColumnType.TEXT, length=100)
    for column in source.columns:
        if column.name == name:
            return column
    raise ProjectionMisdeclared(f"rollup {rollup}: {source.name} has no column {name!r}")


def _column_of_key(part: Key, source: Table) -> Column:
    column = _column(part.name, part.column, source)
    kind = ColumnType.DATE if part.expression is Expression.DAY else column.type
    return Column(part.name, kind, length=column.length)


def _column_of_value(value: Value, source: Table) -> Column:
    if value.column is None or value.measure is Measure.DISTINCT:
        return Column(value.name, ColumnType.BIGINT)
    column = _column(value.name, value.column, source)
    kind = ColumnType.NUMERIC if value.measure is Measure.SUM else column.type
    return Column(value.name, kind, null=value.measure is not Measure.SUM)
