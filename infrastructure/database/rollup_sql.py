"""A rollup in SQL: what its tables, its view, its triggers and the group-by of its source are."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from psycopg import sql

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.rollup import Expression, Key, Measure, Rollup, Value

PART: Final = sql.Identifier("rollup_part")
ROWS: Final = sql.Identifier("rollup_rows")
VALUE: Final = "rollup_value"
EVENTS: Final = ("insert", "update", "delete", "truncate")

_EXPRESSIONS: Final = {
    Expression.VALUE: "{column}",
    Expression.DAY: "({column} at time zone 'UTC')::date",
    Expression.LOWER: 'lower({column} collate "C")',
    Expression.OTHERWISE: "coalesce({column}, {otherwise})",
}
_AGGREGATES: Final = {
    Measure.COUNT: "count(*)",
    Measure.SUM: "coalesce(sum({column}), 0)::numeric",
    Measure.MIN: "min({column})",
    Measure.MAX: "max({column})",
    Measure.DISTINCT: "count(distinct {column})",
}


class Storage(NamedTuple):
    """A table in which numbers are added up: by the key of the rollup, or by key and value where values are counted.

    `selected` are those columns as expressions over a row of the source; `sums` are columns that are added up.
    """

    name: str
    keys: Sequence[str]
    selected: Sequence[sql.Composable]
    sums: Sequence[Value]

    @property
    def columns(self) -> sql.Composed:
        return _listed([*map(sql.Identifier, self.keys), PART, ROWS, *_names(self.sums)])


def function_name(rollup: Rollup) -> str:
    return f"{_stem(rollup)}_maintain"


def trigger_name(rollup: Rollup, event: str) -> str:
    return f"{_stem(rollup)}_{event}"


def index_name(rollup: Rollup, value: Value) -> str:
    return f"{_stem(rollup)}_m{rollup.values.index(value)}"


def storages(rollup: Rollup) -> Iterator[Storage]:
    """The first has the rows and sums of each key; then one for each value whose different values are counted."""
    keys = [each.name for each in rollup.keys]
    selected = [_key(each) for each in rollup.keys]
    yield Storage(_stem(rollup), keys, selected, [each for each in rollup.values if each.measure is Measure.SUM])
    for number, value in enumerate(rollup.values):
        if value.measure is Measure.DISTINCT:
            name = f"{_stem(rollup)}_d{number}"
            yield Storage(name, [*keys, VALUE], [*selected, _column(value.column or "")], [])


def sought(rollup: Rollup) -> list[Value]:
    """Values that are looked up in an index on the source."""
    return [each for each in rollup.values if each.measure in (Measure.MIN, Measure.MAX)]


def index_expressions(rollup: Rollup, value: Value) -> sql.Composed:
    parts = [sql.SQL("({})").format(_key(each, table=None)) for each in rollup.keys]
    return _listed([*parts, sql.Identifier(value.column or "")])


def storage_rows(rollup: Rollup, storage: Storage, source: str) -> sql.Composed:
    """What a storage has to hold, from the source."""
    return sql.SQL(
        "select {columns} from (select {selected}{values} from {source} as source) as source where {there} "
        "group by {keys}"
    ).format(
        columns=_listed(
            [
                *map(sql.Identifier, storage.keys),
                sql.SQL("(-1)::smallint as {}").format(PART),
                sql.SQL("count(*) as {}").format(ROWS),
                *[sql.SQL("coalesce(sum({0}), 0)::numeric as {0}").format(name) for name in _names(storage.sums)],
            ]
        ),
        selected=_selected(storage),
        values=_more(_values(storage)),
        source=sql.Identifier(source),
        there=_there(storage.keys),
        keys=_listed(map(sql.Identifier, storage.keys)),
    )


def stored_rows(rollup: Rollup, source: str) -> sql.Composed:
    """The rollup as it is stored: keys and values."""
    main, *counted = storages(rollup)
    by_value = dict(zip((each for each in rollup.values if each.measure is Measure.DISTINCT), counted, strict=True))
    values = [
        sql.SQL("{} as {}").format(_stored_value(rollup, each, by_value.get(each), source), sql.Identifier(each.name))
        for each in rollup.values
    ]
    sums = [sql.SQL("sum({0}) as {0}").format(name) for name in _names(main.sums)]
    keys = _listed(map(sql.Identifier, main.keys))
    return sql.SQL(
        "select {stored_keys}, {values} from (select {keys}, sum({rows})::bigint as {rows}{sums} from {storage} "
        "group by {keys} having sum({rows}) <> 0) as stored"
    ).format(
        stored_keys=_listed(sql.Identifier("stored", name) for name in main.keys),
        values=_listed(values),
        keys=keys,
        rows=ROWS,
        sums=_more(sums),
        storage=sql.Identifier(main.name),
    )


def counted_rows(rollup: Rollup, source: str) -> sql.Composed:
    """The rollup as its source says: what `stored_rows` has to be."""
    columns = sorted({each.column for each in rollup.values if each.column is not None})
    values = [
        sql.SQL("{} as {}").format(
            sql.SQL(_AGGREGATES[each.measure]).format(
                column=sql.Identifier("grouped", f"{VALUE}_{columns.index(each.column)}")
                if each.column
                else sql.SQL("")
            ),
            sql.Identifier(each.name),
        )
        for each in rollup.values
    ]
    named = [
        sql.SQL("{} as {}").format(_column(name), sql.Identifier(f"{VALUE}_{number}"))
        for number, name in enumerate(columns)
    ]
    main = next(storages(rollup))
    return sql.SQL(
        "select {keys}, {values} from (select {selected}{named} from {source} as source) as grouped where {there} "
        "group by {keys}"
    ).format(
        keys=_listed(map(sql.Identifier, main.keys)),
        values=_listed(values),
        selected=_selected(main),
        named=_more(named),
        source=sql.Identifier(source),
        there=_there(main.keys),
    )


def maintaining_function(rollup: Rollup) -> sql.Composed:
    bodies = {
        "inserted": _added(rollup, [("1", "new_rows")]),
        "updated": _added(rollup, [("1", "new_rows"), ("-1", "old_rows")]),
        "deleted": _added(rollup, [("-1", "old_rows")]),
        "truncated": sql.SQL(" ").join(
            sql.SQL("delete from {};").format(sql.Identifier(each.name)) for each in storages(rollup)
        ),
    }
    text = sql.SQL(statement("rollup_maintain_function").decode())
    return text.format(function=sql.Identifier(function_name(rollup)), **bodies)


def create_trigger(rollup: Rollup, event: str, source: str) -> sql.Composed:
    rows = {
        "insert": "referencing new table as new_rows",
        "update": "referencing old table as old_rows new table as new_rows",
        "delete": "referencing old table as old_rows",
        "truncate": "",
    }[event]
    return sql.SQL("create trigger {} after {} on {} {} for each statement execute function {}()").format(
        sql.Identifier(trigger_name(rollup, event)),
        sql.SQL(event),
        sql.Identifier(source),
        sql.SQL(rows),
        sql.Identifier(function_name(rollup)),
    )


def differences(rollup: Rollup, source: str) -> sql.Composed:
    """See the statement: keys, then whether they are there on both sides, then the values of both."""
    names = [each.name for each in rollup.values]
    return sql.SQL(statement("rollup_differs").decode()).format(
        keys=_listed(sql.Identifier(each.name) for each in rollup.keys),
        stored_values=_listed(sql.Identifier("stored", name) for name in names),
        counted_values=_listed(sql.Identifier("counted", name) for name in names),
        stored=stored_rows(rollup, source),
        counted=counted_rows(rollup, source),
    )


def merge(storage: Storage) -> sql.Composed:
    return sql.SQL(statement("rollup_merge").decode()).format(
        storage=sql.Identifier(storage.name),
        columns=storage.columns,
        keys=_listed(map(sql.Identifier, storage.keys)),
        summed=_more(sql.SQL("sum({})").format(name) for name in _names(storage.sums)),
        settings=_settings(storage),
    )


def empty(storage: Storage) -> sql.Composed:
    """Whether a row of it says nothing."""
    parts = [sql.SQL("{} = 0").format(name) for name in (ROWS, *_names(storage.sums))]
    return sql.SQL(" and ").join(parts)


def _added(rollup: Rollup, sides: Sequence[tuple[str, str]]) -> sql.Composed:
    return sql.SQL("\n").join(_add(each, sides) for each in storages(rollup))


def _add(storage: Storage, sides: Sequence[tuple[str, str]]) -> sql.Composed:
    changed = sql.SQL(" union all ").join(
        sql.SQL("select {}::bigint as rollup_sign, {}{} from {} as source").format(
            sql.SQL(sign), _selected(storage), _more(_values(storage)), sql.Identifier(table)
        )
        for sign, table in sides
    )
    sums = [sql.SQL("sum(rollup_sign * {})").format(name) for name in _names(storage.sums)]
    moves = [sql.SQL("{} <> 0").format(each) for each in (sql.SQL("sum(rollup_sign)"), *sums)]
    return sql.SQL(statement("rollup_add").decode()).format(
        changed=changed,
        keys=_listed(map(sql.Identifier, storage.keys)),
        keys_there=_there(storage.keys),
        added=_more(
            sql.SQL("{} as {}").format(each, name) for each, name in zip(sums, _names(storage.sums), strict=True)
        ),
        moves=sql.SQL(" or ").join(moves),
        storage=sql.Identifier(storage.name),
        columns=storage.columns,
        sums=_more(_names(storage.sums)),
        settings=_settings(storage),
        empty=empty(storage),
    )


def _settings(storage: Storage) -> sql.Composed:
    return _listed(sql.SQL("{0} = stored.{0} + excluded.{0}").format(name) for name in (ROWS, *_names(storage.sums)))


def _selected(storage: Storage) -> sql.Composed:
    return _listed(
        sql.SQL("{} as {}").format(expression, sql.Identifier(name))
        for name, expression in zip(storage.keys, storage.selected, strict=True)
    )


def _values(storage: Storage) -> list[sql.Composable]:
    return [
        sql.SQL("coalesce({}, 0) as {}").format(_column(each.column or ""), sql.Identifier(each.name))
        for each in storage.sums
    ]


def _stored_value(rollup: Rollup, value: Value, counted: Storage | None, source: str) -> sql.Composable:
    if value.measure is Measure.COUNT:
        return sql.SQL("stored.{}").format(ROWS)
    if value.measure is Measure.SUM:
        return sql.SQL("stored.{}").format(sql.Identifier(value.name))
    if counted is not None:
        return sql.SQL(
            "(select count(*) from (select from {counted} as value where {same} group by value.{value} "
            "having sum(value.{rows}) <> 0) as value)"
        ).format(
            counted=sql.Identifier(counted.name),
            same=sql.SQL(" and ").join(
                sql.SQL("value.{0} = stored.{0}").format(sql.Identifier(each.name)) for each in rollup.keys
            ),
            value=sql.Identifier(VALUE),
            rows=ROWS,
        )
    return sql.SQL("(select {aggregate} from {source} as source where {same})").format(
        aggregate=sql.SQL(_AGGREGATES[value.measure]).format(column=_column(value.column or "")),
        source=sql.Identifier(source),
        same=sql.SQL(" and ").join(
            sql.SQL("{} = stored.{}").format(_key(each), sql.Identifier(each.name)) for each in rollup.keys
        ),
    )


def _key(key: Key, table: str | None = "source") -> sql.Composed:
    return sql.SQL(_EXPRESSIONS[key.expression]).format(
        column=_column(key.column, table), otherwise=sql.Literal(key.otherwise)
    )


def _column(name: str, table: str | None = "source") -> sql.Composable:
    return sql.Identifier(name) if table is None else sql.Identifier(table, name)


def _there(keys: Iterable[str]) -> sql.Composed:
    return sql.SQL(" and ").join(sql.SQL("{} is not null").format(sql.Identifier(name)) for name in keys)


def _names(values: Iterable[Value]) -> list[sql.Identifier]:
    return [sql.Identifier(each.name) for each in values]


def _listed(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _more(parts: Iterable[sql.Composable]) -> sql.Composed:
    """Each behind a comma."""
    return sql.Composed([sql.SQL(", {}").format(each) for each in parts])


def _stem(rollup: Rollup) -> str:
    return f"rollup_{rollup.name}_v{rollup.version}"
