"""How an author declares the tables of a projection; `temple db migrate` makes them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from operator import itemgetter
from typing import Any, Final

from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.projections.condition import IS_NOT_NULL, IS_NULL, ORDERING, Condition
from temple_ledger.projections.fitting import numbers_fit, texts_fit, times_fit
from temple_ledger.projections.values import BITS, ColumnType, bytes_in_index, why_refused

Row = tuple[Any, ...]
"""The values of a table's declared columns, in their order, without `user_id` and without the stamp."""

Rows = Mapping[str, Sequence[Row]]
"""A member's rows by table name; a table without rows may be left out."""

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_OF_EVERY_TABLE: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
"""Columns that PostgreSQL gives every table itself."""

MOST_INDEXED: Final = 2_200
"""Bytes of the values of one key or index, not compressed: it takes 2,704, the user_id among them."""

_LONGEST_CHARACTER: Final = 4


@dataclass(frozen=True)
class Column:
    """`length` is in characters, for text alone: the column is a varchar then. An `array` holds lists of the type.

    `default` is for whoever inserts a row by hand: the rows of a fold have a value for each column.
    """

    name: str
    type: ColumnType
    length: int | None = None
    null: bool = False
    array: bool = False
    default: Any = field(default=None, hash=False)

    def __post_init__(self) -> None:
        if not isinstance(self.type, ColumnType):
            raise ProjectionMisdeclared(f"column {self.name}: {self.type!r} is no ColumnType, such as ColumnType.TEXT")
        if self.length is not None and (self.type is not ColumnType.TEXT or self.length < 1):
            raise ProjectionMisdeclared(f"column {self.name}: a length is at least 1, and of a text alone")
        if self.array and self.type is ColumnType.JSONB:
            raise ProjectionMisdeclared(f"column {self.name}: jsonb holds lists by itself; take array=True away")
        reason = None if self.default is None else self.refuses(self.default)
        if reason is not None:
            raise ProjectionMisdeclared(f"column {self.name}: its default {reason}")

    @property
    def is_plain(self) -> bool:
        """Whether its values are compared and ordered alike in Python and PostgreSQL: jsonb and arrays are not."""
        return self.type is not ColumnType.JSONB and not self.array

    def refuses(self, value: Any) -> str | None:
        """Why PostgreSQL would refuse *value* here; None if it would not."""
        if value is None:
            return None if self.null else "may not be null"
        if not self.array:
            return why_refused(self.type, self.length, value)
        if not isinstance(value, list):
            return f"is a {type(value).__name__}, not a list"
        if None in value:
            return "is a list with a null in it"
        reasons = (reason for each in value if (reason := why_refused(self.type, self.length, each)) is not None)
        return next((f"is a list in which one {reason}" for reason in reasons), None)


@dataclass(frozen=True, init=False)
class Index:
    """`Index("role", "held_from")`. One with a condition has the rows for which it holds, and no others.

    A `unique` one begins with `user_id`: of a member no two rows may be the same in its columns, nulls excepted. Rows
    of two members are folded apart, so nothing can hold for both.
    """

    columns: tuple[str, ...]
    unique: bool = False
    where: Condition | None = None

    def __init__(self, *columns: str, unique: bool = False, where: Condition | None = None) -> None:
        if not all(isinstance(column, str) for column in columns):
            raise ProjectionMisdeclared(f"an index has names of columns, and not {columns!r}")
        for name, value in (("columns", columns), ("unique", unique), ("where", where)):
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Table:
    """A table of a member projection, or of a tally.

    A member projection's table begins with `user_id`, before the declared columns; its primary key is `user_id` and
    the columns of `key`. `stamp` names a column with the time when a row was last written or confirmed: the framework
    sets it, and it is no part of equality. `checks` hold for every row: one that breaks a check parks its member.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    stamp: str | None = None
    indexes: tuple[tuple[str, ...] | Index, ...] = ()
    checks: tuple[Condition, ...] = ()
    place: str | None = None
    """Its name in the database, and `shadow` that of the one beside it in which a replay collects rows: given by
    `placing`, never by an author."""
    shadow: str | None = None

    def __post_init__(self) -> None:
        self._require_names()
        named = {*self.key, *(name for index in self.every_index for name in index.columns)}
        unknown = named - {*self.column_names, "user_id"}
        unordered = [column for column in self.columns if not column.is_plain and column.name in self.key]
        if unordered:
            kind = "an array" if unordered[0].array else "jsonb"
            raise ProjectionMisdeclared(
                f"table {self.name}: {unordered[0].name} is {kind} and cannot be part of the key"
            )
        nullable = [column.name for column in self.columns if column.null and column.name in self.key]
        if nullable:
            raise ProjectionMisdeclared(f"table {self.name}: {nullable[0]} is part of the key and may not be null")
        if unknown:
            raise ProjectionMisdeclared(f"table {self.name} has no column {min(unknown)!r} for its key or index")
        for condition in (*self.checks, *(index.where for index in self.every_index if index.where is not None)):
            self._require_decidable(condition)
        for index in self.unique:
            self._require_of_a_member(index)

    def _require_decidable(self, condition: Condition) -> None:
        """Raises ProjectionMisdeclared for what Python and PostgreSQL might decide otherwise, or not at all."""
        by_name = {column.name: column for column in self.columns}
        column, other = by_name.get(condition.name), by_name.get(condition.column or condition.name)
        if column is None or other is None:
            lacks = condition.name if column is None else condition.column
            raise ProjectionMisdeclared(f"table {self.name}: {condition} names {lacks!r}, which is none of its columns")
        if not column.is_plain and condition.operator not in (IS_NULL, IS_NOT_NULL):
            raise ProjectionMisdeclared(
                f"table {self.name}: {condition} compares jsonb or an array, which have no order"
            )
        if column.type is not other.type or column.array is not other.array:
            raise ProjectionMisdeclared(f"table {self.name}: {condition} compares columns of two types")
        if column.type is ColumnType.BOOLEAN and condition.operator in ORDERING:
            raise ProjectionMisdeclared(f"table {self.name}: {condition} orders true and false")
        unbounded = Column(column.name, column.type)
        for value in condition.values:
            if (reason := unbounded.refuses(value)) is not None:
                raise ProjectionMisdeclared(f"table {self.name}: a value of {condition} {reason}")

    def _require_of_a_member(self, index: Index) -> None:
        if index.columns[:1] != ("user_id",):
            raise ProjectionMisdeclared(
                f"table {self.name}: a unique index on ({', '.join(index.columns)}) would hold across members, and the "
                "rows of each member are folded from their own events alone: nobody could say whose row is refused. "
                "Begin it with user_id; what two members have in common is found by a rollup, count_of() by that column"
            )
        if any(not column.is_plain for column in self.columns if column.name in index.columns):
            raise ProjectionMisdeclared(f"table {self.name}: a unique index has neither jsonb nor arrays in it")

    @cached_property
    def every_index(self) -> tuple[Index, ...]:
        return tuple(index if isinstance(index, Index) else Index(*index) for index in self.indexes)

    @cached_property
    def unique(self) -> tuple[Index, ...]:
        return tuple(index for index in self.every_index if index.unique)

    def _require_names(self) -> None:
        given = {"columns": self.columns, "key": self.key, "indexes": self.indexes, "checks": self.checks}
        for what, value in given.items():
            if not isinstance(value, tuple):
                raise ProjectionMisdeclared(f"table {self.name}: {what} is a tuple; one alone needs a comma, (x,)")
        if not self.columns:
            raise ProjectionMisdeclared(f"table {self.name} has no column: give it one at least")
        for name in (self.name, *self.column_names, *(() if self.stamp is None else (self.stamp,))):
            check_name("table or column", name)
        if self.name.startswith("pg_"):
            raise ProjectionMisdeclared(f"table {self.name}: names that begin with pg_ are PostgreSQL's own")
        twice = [name for name in self.column_names if self.column_names.count(name) > 1]
        if twice:
            raise ProjectionMisdeclared(f"table {self.name} has two columns {twice[0]!r}")
        twice = [name for name in self.key if self.key.count(name) > 1]
        if twice:
            raise ProjectionMisdeclared(f"table {self.name} has {twice[0]!r} in its key twice")
        taken = sorted(_OF_EVERY_TABLE.intersection(self.column_names))
        if taken:
            raise ProjectionMisdeclared(f"{self.name}.{taken[0]}: PostgreSQL gives every table this column itself")

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def key_positions(self) -> tuple[int, ...]:
        """Where in a row the columns of the key stand."""
        return tuple(self.column_names.index(name) for name in self.key)

    @cached_property
    def key_of(self) -> Callable[[Row], Row]:
        """Gives the key of a row."""
        places = self.key_positions
        if len(places) > 1:
            return itemgetter(*places)
        # a slice of one: the key is a tuple as well, and no function of Python's has to run for each row
        return itemgetter(slice(places[0], places[0] + 1)) if places else lambda row: ()

    def refuses(self, row: Row) -> str | None:
        """Why the database would refuse *row*; None if it would not."""
        if len(row) != len(self.columns):
            return f"{self.name} has {len(self.columns)} columns, the row has {len(row)}"
        certain = all(fits(value) for fits, value in zip(self._fits, row, strict=True))
        if not certain and (reason := self._reason(row)) is not None:
            return reason
        if self._indexed and (wide := self._too_wide(row)) is not None:
            return wide
        return self.broken_by(row) if self.checks else None

    @cached_property
    def _indexed(self) -> tuple[tuple[Index, tuple[int, ...]], ...]:
        """The key and the indexes in which values could be too long, with the places of those values."""
        found = []
        for index in (Index(*self.key), *self.every_index):
            places = [place for place, column in enumerate(self.columns) if column.name in index.columns]
            if sum(map(_most_bytes, map(self.columns.__getitem__, places))) > MOST_INDEXED:
                found.append((index, tuple(places)))
        return tuple(found)

    def _too_wide(self, row: Row) -> str | None:
        for index, places in self._indexed:
            size = sum(bytes_in_index(row[place]) for place in places)
            if size > MOST_INDEXED and self._is_in(index, row):
                names = ", ".join(self.column_names[place] for place in places)
                return f"{self.name}.{names} has {size:,} bytes, and an index takes {MOST_INDEXED:,}"
        return None

    def _is_in(self, index: Index, row: Row) -> bool:
        return index.where is None or index.where.of(dict(zip(self.column_names, row, strict=True))) is True

    def broken_by(self, row: Row) -> str | None:
        """Which check does not hold for a row whose values all fit."""
        values = dict(zip(self.column_names, row, strict=True))
        for check in self.checks:
            if check.of(values) is False:
                return f"{self.name}: the check {check} does not hold"
        return None

    def refuses_together(self, rows: Sequence[Row]) -> str | None:
        """Why the database would refuse *rows*, which are all new; None if it would not. Of a member's, all of one.

        What nearly always holds is looked at a column at a time: a rebuild asks this for every row there is.
        """
        if len(rows) < 2 or not self.certainly_takes(rows):
            for row in rows:
                reason = self.refuses(row)
                if reason is not None:
                    return reason
        if len(rows) > 1 and self.has_key_twice(rows):
            return f"{self.name} has two rows with one key"
        return self.repeated_in(rows) if self.unique else None

    def repeated_in(self, rows: Iterable[Row]) -> str | None:
        """Of all rows of one member: which unique index two of them share a value of."""
        named = [dict(zip(self.column_names, row, strict=True)) for row in rows]
        for index in self.unique:
            columns = [name for name in index.columns if name != "user_id"]
            there = [row for row in named if index.where is None or index.where.of(row)]
            values = [tuple(row[name] for name in columns) for row in there]
            certain = [each for each in values if None not in each]
            if len({*certain}) < len(certain):
                return f"{self.name} has two rows of the member with one {', '.join(columns) or 'user_id'}"
        return None

    def has_key_twice(self, rows: Sequence[Row]) -> bool:
        return len({*map(self.key_of, rows)}) < len(rows)

    def certainly_takes(self, rows: Sequence[Row]) -> bool:
        """What nearly always holds of rows that can be stored; their keys are not looked at."""
        try:
            for fit, values in zip(self._fit_together, zip(*rows, strict=True), strict=True):
                if not fit(values):
                    return False
        except ValueError:
            # one of them has more columns, or fewer
            return False
        if self._indexed and any(self._too_wide(row) is not None for row in rows):
            return False
        return not self.checks or all(self.broken_by(row) is None for row in rows)

    def _reason(self, row: Row) -> str | None:
        for column, value in zip(self.columns, row, strict=True):
            reason = column.refuses(value)
            if reason is not None:
                return f"{self.name}.{column.name} {reason}"
        return None

    @cached_property
    def _fit_together(self) -> tuple[Callable[[Sequence[Any]], bool], ...]:
        return tuple(_certainly_fit_together(column) for column in self.columns)

    @cached_property
    def _fits(self) -> tuple[Callable[[Any], bool], ...]:
        return tuple(_certainly_fits(column) for column in self.columns)


def _certainly_fits(column: Column) -> Callable[[Any], bool]:
    """Recognises nearly every value that PostgreSQL accepts; `Column.refuses` decides about the others."""
    null, length = column.null, _most_characters(column)
    limit = 1 << BITS.get(column.type, 0)

    def text(value: Any) -> bool:
        if value is None:
            return null
        return type(value) is str and len(value) <= length and value.isascii() and "\x00" not in value

    def time(value: Any) -> bool:
        return null if value is None else type(value) is datetime and (value.tzinfo is UTC or other(value))

    def number(value: Any) -> bool:
        return null if value is None else type(value) is int and -limit <= value < limit

    def other(value: Any) -> bool:
        return column.refuses(value) is None

    if column.array:
        return other
    if column.type in BITS:
        return number
    return {ColumnType.TEXT: text, ColumnType.TIMESTAMPTZ: time}.get(column.type, other)


def _certainly_fit_together(column: Column) -> Callable[[Sequence[Any]], bool]:
    """The same of the values of some rows, without a function of Python's for each of them where that can be."""
    fits = _certainly_fits(column)
    if column.array:
        return lambda values: all(map(fits, values))
    if column.type is ColumnType.TEXT:
        return texts_fit(_most_characters(column), null=column.null)
    if column.type is ColumnType.TIMESTAMPTZ:
        return times_fit(null=column.null)
    if column.type in BITS:
        return numbers_fit(1 << BITS[column.type], null=column.null)
    return lambda values: all(map(fits, values))


def _most_characters(column: Column) -> int:
    return column.length if column.length is not None else 1 << 28


def _most_bytes(column: Column) -> int:
    """Of a value in an index, where that is known."""
    if column.array or column.type in (ColumnType.NUMERIC, ColumnType.JSONB):
        return MOST_INDEXED + 1
    return _most_characters(column) * _LONGEST_CHARACTER if column.type is ColumnType.TEXT else 16


def check_name(what: str, name: object) -> None:
    """Names go into SQL: small letters, digits and underscores, at most 63."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ProjectionMisdeclared(
            f"{what} {name!r} is no name: small letters, digits and underscores, at most 63, a digit not first"
        )
