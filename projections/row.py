"""The short form: a class of fields is the state, the row and the table at once.

    class Record(Row, table="moderation_record"):
        warnings: int = 0
        last_by: str | None = None

    moderation = projection("moderation", version=1, state=Record)

    @moderation.on
    def _(record: Record, event: MemberWarned) -> Record:
        return record.replace(warnings=record.warnings + 1, last_by=event.by)

One row a member. Where a member has several rows, or a state is more than its row, MemberProjection is the long form.
"""

import sys
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Final,
    Self,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)
from uuid import UUID

from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.domain.event import Event
from temple_ledger.projections.columns import register_fields
from temple_ledger.projections.condition import Condition
from temple_ledger.projections.member_projection import MemberProjection, line_of
from temple_ledger.projections.tables import Column, Index, Rows, Table
from temple_ledger.projections.values import ColumnType

_TYPES: Final[Mapping[type, ColumnType]] = {
    str: ColumnType.TEXT,
    bool: ColumnType.BOOLEAN,
    int: ColumnType.BIGINT,
    Decimal: ColumnType.NUMERIC,
    datetime: ColumnType.TIMESTAMPTZ,
    date: ColumnType.DATE,
    UUID: ColumnType.UUID,
    list: ColumnType.JSONB,
    dict: ColumnType.JSONB,
}


_NARROWER: Final = {ColumnType.BIGINT: ColumnType.INTEGER}

_VALUES: Final = (*_TYPES, NoneType, float, bytes, tuple, set)
"""What stands as a default of a field, and never as a method of the class."""


class MaxLength(int):
    """`Annotated[str, MaxLength(100)]`: a column of at most so many characters."""


class Array:
    """`Annotated[list[str], Array]`: an array of texts, where a plain list would be stored as jsonb."""


@dataclass_transform(frozen_default=True)
class _RowType(type):
    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        space: dict[str, Any],
        *,
        table: str | None = None,
        indexes: Sequence[Sequence[str] | Index] = (),
        checks: Sequence[Condition] = (),
    ) -> "_RowType":
        if not bases:
            return super().__new__(mcs, name, bases, space)
        if table is None:
            raise ProjectionMisdeclared(f'{name} needs a table: class {name}(Row, table="a_name")')
        of_a_table = [base for base in bases if issubclass(base, Row) and base is not Row]
        if of_a_table:
            raise ProjectionMisdeclared(
                f"{name} derives from {of_a_table[0].__name__}, which has a table: fields are not inherited; list all"
            )
        fields = list(_annotations(space))
        _refuse_no_fields(name, space, fields)
        defaults = [space[field] for field in fields if field in space]
        if [field for field in fields if field in space] != fields[len(fields) - len(defaults) :]:
            raise ProjectionMisdeclared(f"{name}: a field without a default stands behind one that has one")
        try:
            made = namedtuple(name, fields, defaults=defaults)  # type: ignore[misc]
        except ValueError as error:
            raise ProjectionMisdeclared(f"{name}: {error}") from None
        rest = {key: value for key, value in space.items() if key not in fields}
        row = super().__new__(mcs, name, (*bases, made), {**rest, "__slots__": ()})
        row.table_name = table
        row.table_indexes = tuple(map(_index, _several(name, "indexes", indexes)))
        row.table_checks = _several(name, "checks", checks)
        register_fields(row, table, fields)
        return row

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **_: Any) -> None:
        super().__init__(name, bases, space)

    table_name: str
    table_indexes: tuple[Index, ...]
    table_checks: tuple[Condition, ...]


def _several(name: str, what: str, given: Any) -> tuple[Any, ...]:
    if not isinstance(given, list | tuple):
        raise ProjectionMisdeclared(f"{name}: {what} is a list, [{given!r}]")
    return tuple(given)


def _index(given: Any) -> Index:
    if isinstance(given, str):
        raise ProjectionMisdeclared(f"an index is a tuple of columns; one alone needs a comma, ({given!r},)")
    return given if isinstance(given, Index) else Index(*given)


_TAKEN: Final = frozenset({"replace", "table_name"})
"""What a row has itself, beside its fields."""


def _refuse_no_fields(name: str, space: Mapping[str, Any], fields: Sequence[str]) -> None:
    taken = [field for field in fields if field in _TAKEN]
    if taken:
        raise ProjectionMisdeclared(f"{name}.{taken[0]}: every row has this already; choose another name")
    for attribute, value in space.items():
        if not attribute.startswith("_") and attribute not in fields and isinstance(value, _VALUES):
            raise ProjectionMisdeclared(f"{name}.{attribute} has no annotation, such as {attribute}: int = 0")


def _annotations(space: Mapping[str, Any]) -> Mapping[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        annotate = annotationlib.get_annotate_from_class_namespace(space)
        if annotate is not None:
            return annotationlib.call_annotate_function(annotate, annotationlib.Format.FORWARDREF)
    found: Mapping[str, Any] = space.get("__annotations__", {})
    return found


class Row(metaclass=_RowType):
    """A row of one member, frozen: a tuple with named fields. Every field needs a default: it is the first state.

    Fields are str, bool, int, Decimal, date, datetime, UUID, list or dict (both stored as jsonb), or one of these and
    None. `Annotated[str, MaxLength(100)]`, `Annotated[int, ColumnType.INTEGER]` and `Annotated[list[str], Array]` say
    more of the column; `class Record(Row, table=…, indexes=…, checks=…)` of the table.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        table_name: ClassVar[str]

        def replace(self, **changes: Any) -> Self:
            """The row with other values in these fields."""

    else:

        def replace(self, **changes):
            return self._replace(**changes)


R = TypeVar("R", bound=Row)


def projection(name: str, *, version: int, state: type[R]) -> MemberProjection[R]:
    """A projection whose state is one row a member. Raises ProjectionMisdeclared."""
    given: object = state
    if not (isinstance(given, type) and issubclass(given, Row)):
        raise ProjectionMisdeclared(
            f'projection {name}: {state!r} is no class of rows: class State(Row, table="a_name")'
        )
    table = table_of(state)
    make: Any = state
    try:
        first = make()
    except TypeError:
        raise ProjectionMisdeclared(
            f"projection {name}: every field of {state.__name__} needs a default, its value before the first event"
        ) from None
    reason = table.refuses(first)
    if reason is not None:
        raise ProjectionMisdeclared(f"projection {name}: the defaults of {state.__name__} are no row: {reason}")

    def rows(row: Any) -> Rows:
        if not isinstance(row, state):
            raise ProjectionMisdeclared(
                f"a rule of projection {name} returned a {type(row).__name__}, and not a row of {state.__name__}"
            )
        values: Any = row
        return {table.name: (values,)}

    def back(rows: Rows) -> R:
        found = rows.get(table.name, ())
        row: R = make._make(found[0]) if found else make()
        return row

    return _OneRow(name, version=version, tables=(table,), initial=make, rows=rows, state=back)


class _OneRow(MemberProjection[R]):
    """In the short form it is known which class a rule gets and returns."""

    def _register(self, models: Iterable[type[Event]], rule: Callable[..., R]) -> Callable[..., R]:
        made: Any = self.initial
        try:
            hints = get_type_hints(rule)
        except (NameError, AttributeError, TypeError):
            hints = {}
        code = getattr(rule, "__code__", None)
        for which in (*(code.co_varnames[:1] if code is not None and code.co_argcount else ()), "return"):
            hint = hints.get(which, made)
            # a protocol may be one that cannot be asked
            if isinstance(hint, type) and hint not in (Any, made) and not getattr(hint, "_is_protocol", False):
                if issubclass(made, hint):
                    continue
                what = "returns" if which == "return" else "is annotated for"
                raise ProjectionMisdeclared(
                    f"projection {self.name}: the rule on line {line_of(rule)} {what} {hint.__name__}, "
                    f"and the rows are {made.__name__}"
                )
        return super()._register(models, rule)


def table_of(row: type[Row]) -> Table:
    """The table that a class of rows declares. Raises ProjectionMisdeclared for a field of another kind."""
    hints = get_type_hints(row, include_extras=True)
    fields: tuple[str, ...] = row._fields  # type: ignore[attr-defined]
    defaults: dict[str, Any] = row._field_defaults  # type: ignore[attr-defined]
    columns = tuple(replace(_column(row, name, hints[name]), default=defaults.get(name)) for name in fields)
    return Table(row.table_name, columns, indexes=row.table_indexes, checks=row.table_checks)


def _column(row: type[Row], name: str, hint: Any) -> Column:
    hint, rules, null = _unwrapped(hint)
    if Array in rules:
        return replace(_element(row, name, hint, rules), array=True, null=null)
    known = _TYPES.get(get_origin(hint) or hint)
    if known is None:
        raise ProjectionMisdeclared(
            f"{row.__name__}.{name} is {hint}, which no column holds: "
            f"{', '.join(each.__name__ for each in _TYPES)}, or one of these and None"
        )
    kind = next((rule for rule in rules if isinstance(rule, ColumnType)), known)
    length = next((int(rule) for rule in rules if isinstance(rule, MaxLength)), None)
    if kind not in (known, _NARROWER.get(known)) or (length is not None and kind is not ColumnType.TEXT):
        wrong = kind if length is None else f"MaxLength({length})"
        raise ProjectionMisdeclared(f"{row.__name__}.{name}: {wrong} does not go with {known} ({hint.__name__})")
    return Column(name, kind, length=length, null=null)


def _element(row: type[Row], name: str, hint: Any, rules: Sequence[Any]) -> Column:
    """What an array holds, as a column."""
    elements = get_args(hint) if get_origin(hint) is list else ()
    if len(elements) != 1:
        raise ProjectionMisdeclared(f"{row.__name__}.{name}: an Array is of a list of something, as in list[str]")
    element = elements[0]
    for rule in rules:
        if rule is not Array:
            element = Annotated[element, rule]
    of = _column(row, name, element)
    if of.null:
        raise ProjectionMisdeclared(f"{row.__name__}.{name}: an array holds no nulls")
    return of


def _unwrapped(hint: Any) -> tuple[Any, list[Any], bool]:
    """The class itself, what it is annotated with, and whether None may stand for it."""
    rules: list[Any] = []
    null = False
    while True:
        origin, parts = get_origin(hint), get_args(hint)
        if origin is Annotated:
            hint, rules = parts[0], [*rules, *parts[1:]]
        elif origin in (Union, UnionType):
            others = [part for part in parts if part is not NoneType]
            null = null or len(others) < len(parts)
            if len(others) != 1:
                return hint, rules, null
            hint = others[0]
        else:
            return hint, rules, null
