"""The tables that projections declare: made, compared, read and written.

One statement for each kind of work and table, composed once, to the bytes that are sent: every value of a batch travels
as an array per column.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from temple_ledger.infrastructure.database.array_text import array_text
from temple_ledger.infrastructure.database.copying import as_text, copy_text, copy_texts
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.projecting import Sums
from temple_ledger.projections.tables import Column, Row, Table
from temple_ledger.projections.tally import Tally
from temple_ledger.projections.values import ColumnType

USER_ID: Final = Column("user_id", ColumnType.TEXT, length=100)
COUNTS_AT_A_TIME: Final = 5_000
_USER_ID: Final = itemgetter(0)


def columns_of(projection: Projection, table: Table) -> tuple[Column, ...]:
    """All columns that are part of equality, in order; those of the key first where it is a member's table."""
    return table.columns if isinstance(projection, Tally) else (USER_ID, *table.columns)


def place_of(table: Table) -> sql.Identifier:
    """The table in the database."""
    return sql.Identifier(place_name(table))


def place_name(table: Table) -> str:
    """Its name there. What is not placed yet is a mistake of ours: it would be another version's."""
    if table.place is None:
        raise RuntimeError(f"nobody said where {table.name} stands")
    return table.place


@cache
def read_statement(table: Table) -> bytes:
    """Rows of `%(user_ids)s`, each named once: user_id, then the declared columns.

    Looked up one by one: of a long list, the plan for any list compares every row with every name in it.
    """
    return (
        sql.SQL(
            "select stored.* from unnest(%(user_ids)s::varchar[]) as member (user_id) cross join lateral "
            "(select user_id, {} from {} where user_id = member.user_id offset 0) as stored"
        )
        .format(_names(table.column_names), place_of(table))
        .as_bytes()
    )


def rows_of_members(
    connection: psycopg.Connection[Any], declared: Iterable[Table], user_ids: Sequence[str]
) -> dict[str, dict[str, list[Row]]]:
    """By user_id, of each of these members, then by table; rows without user_id and stamp."""
    rows: dict[str, dict[str, list[Row]]] = {user_id: {} for user_id in user_ids}
    for table in declared:
        name = table.name
        # all at once: a cursor that is gone through row by row costs more than what is done with the rows
        found = connection.execute(read_statement(table), {"user_ids": list(rows)}, binary=True).fetchall()
        for user_id, its_rows in groupby(found, key=_USER_ID):
            rows[user_id].setdefault(name, []).extend([row[1:] for row in its_rows])
    return rows


@cache
def _upsert_statement(table: Table) -> bytes:
    columns = (USER_ID, *table.columns)
    changed = [name for name in table.column_names if name not in table.key]
    settings = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in changed]
    if table.stamp is not None:
        settings.append(sql.SQL("{} = clock_timestamp()").format(sql.Identifier(table.stamp)))
    update = sql.SQL("do update set {}").format(sql.SQL(", ").join(settings)) if settings else sql.SQL("do nothing")
    return (
        sql.SQL("insert into {} ({names}) select {} from unnest({}) as given ({names}) on conflict ({}) {}")
        .format(
            place_of(table),
            sql.SQL(", ").join(map(_given, columns)),
            _arrays(columns),
            _names(("user_id", *table.key)),
            update,
            names=_names(column.name for column in columns),
        )
        .as_bytes()
    )


@cache
def _delete_statement(table: Table) -> bytes:
    keys = (USER_ID, *(table.columns[place] for place in table.key_positions))
    same = [sql.SQL("gone.{0} = {1}.{0}").format(sql.Identifier(column.name), place_of(table)) for column in keys]
    return (
        sql.SQL("delete from {} using unnest({}) as gone ({}) where {}")
        .format(
            place_of(table),
            _arrays(keys),
            _names(column.name for column in keys),
            sql.SQL(" and ").join(same),
        )
        .as_bytes()
    )


@cache
def _add_statement(table: Table) -> bytes:
    number = table.columns[-1].name
    return (
        sql.SQL(
            "insert into {table} ({names}) select * from unnest({arrays}) "
            "on conflict ({key}) do update set {number} = {table}.{number} + excluded.{number}"
        )
        .format(
            table=place_of(table),
            names=_names(table.column_names),
            arrays=_arrays(table.columns),
            key=_names(table.key),
            number=sql.Identifier(number),
        )
        .as_bytes()
    )


def write(connection: psycopg.Connection[Any], table: Table, written: Sequence[Row], gone: Sequence[Row]) -> None:
    """Rows to write, keys to delete; both begin with the user_id.

    Where an index is unique, rows may exchange what it holds: they are all gone before the first one is there again.
    """
    if table.unique:
        gone = [*gone, *((row[0], *table.key_of(row[1:])) for row in written)]
    delete(connection, table, gone)
    upsert(connection, table, written)


class RowsApart(NamedTuple):
    """Rows of a table that are written apart: those with new keys, as COPY takes them; those whose keys are there; and
    keys to delete. All begin with the user_id."""

    new: str
    changed: Sequence[Row]
    gone: Sequence[Row]


def rows_apart(table: Table, new: Sequence[Row], changed: Sequence[Row], gone: Sequence[Row]) -> RowsApart:
    if table.unique or not new:
        return RowsApart("", [*new, *changed], gone)
    return RowsApart(as_text((USER_ID, *table.columns), new), changed, gone)


def write_apart(connection: psycopg.Connection[Any], table: Table, rows: RowsApart) -> None:
    """The same, where the table has no row with a key of the new ones: by COPY they take the server two thirds of the
    time. Raises UniqueViolation where it has one.
    """
    if table.unique:
        write(connection, table, rows.changed, rows.gone)
        return
    delete(connection, table, rows.gone)
    if rows.new:
        copy_text(connection, place_name(table), (USER_ID, *table.columns), rows.new)
    upsert(connection, table, rows.changed)


def upsert(connection: psycopg.Connection[Any], table: Table, rows: Sequence[Row]) -> None:
    """Rows begin with the user_id. One user's row for one key may be there once only."""
    _execute_columns(connection, _upsert_statement(table), (USER_ID, *table.columns), rows)


def delete(connection: psycopg.Connection[Any], table: Table, keys: Sequence[Row]) -> None:
    """Keys begin with the user_id."""
    _execute_columns(connection, _delete_statement(table), None, keys)


def add(connection: psycopg.Connection[Any], table: Table, increments: Sums) -> None:
    """Sorted, so that two writers could never lock the keys in opposite orders."""
    counted = [(*key, number) for key, number in sorted(increments.items())]
    _execute_columns(connection, _add_statement(table), None, counted)


def fill_counts(connection: psycopg.Connection[Any], table: Table, increments: Sums) -> None:
    """The same, of a table that is empty, and that nobody else writes; some at a time."""
    counted = iter(increments.items())
    texts = iter(lambda: [(*key, number) for key, number in islice(counted, COUNTS_AT_A_TIME)], [])
    copy_texts(connection, place_name(table), table.columns, (as_text(table.columns, rows) for rows in texts))


@cache
def _delete_zero_statement(table: Table) -> bytes:
    keys = [table.columns[place] for place in table.key_positions]
    same = [sql.SQL("gone.{0} = {1}.{0}").format(sql.Identifier(column.name), place_of(table)) for column in keys]
    return (
        sql.SQL("delete from {} using unnest({}) as gone ({}) where {} = 0 and {}")
        .format(
            place_of(table),
            _arrays(keys),
            _names(table.key),
            sql.Identifier(table.columns[-1].name),
            sql.SQL(" and ").join(same),
        )
        .as_bytes()
    )


def delete_zero(connection: psycopg.Connection[Any], table: Table, keys: Iterable[Row]) -> None:
    """Of a tally: those of these keys that nothing counts any more."""
    _execute_columns(connection, _delete_zero_statement(table), None, sorted(keys))


def _execute_columns(
    connection: psycopg.Connection[Any],
    statement: bytes,
    columns: Sequence[Column] | None,
    rows: Sequence[Row],
) -> None:
    """*columns* None: none of the values is jsonb or an array, as no key is."""
    if not rows:
        return
    values = [list(column) for column in zip(*rows, strict=True)]
    for place, column in enumerate(columns or ()):
        if column.array:
            kind = column.type
            values[place] = [None if value is None else array_text(kind, value) for value in values[place]]
        elif column.type is ColumnType.JSONB:
            values[place] = [None if value is None else Jsonb(value) for value in values[place]]
    connection.execute(statement, values)


def _arrays(columns: Iterable[Column]) -> sql.Composable:
    """An array of arrays would be unnested to the last value: each of them is a text on the way."""
    types = (ColumnType.TEXT if column.array else column.type for column in columns)
    return sql.SQL(", ").join(sql.SQL("%b::{}[]").format(sql.SQL(kind.value)) for kind in types)


def _given(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    return sql.SQL("{}::{}[]").format(name, sql.SQL(column.type.value)) if column.array else name


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
