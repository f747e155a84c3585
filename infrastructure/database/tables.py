"""The tables that projections declare: made, compared, read and written.

One statement for each kind of work and table, composed once: every value of a batch travels as an array per column.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.infrastructure.database.declared_indexes import keep_indexes
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tables import Column, ColumnType, Row, Table
from temple_ledger.projections.tally import Tally

USER_ID: Final = Column("user_id", ColumnType.TEXT, length=100)


def columns_of(projection: Projection, table: Table) -> tuple[Column, ...]:
    """All columns that are part of equality, in order; those of the key first where it is a member's table."""
    return table.columns if isinstance(projection, Tally) else (USER_ID, *table.columns)


def place_of(table: Table) -> sql.Identifier:
    """The table in the database. What is not placed yet is a mistake of ours: it would be another version's."""
    if table.place is None:
        raise RuntimeError(f"nobody said where {table.name} stands")
    return sql.Identifier(table.place)


def make_tables(
    connection: psycopg.Connection[Any], projection: Projection, declared: Sequence[Table] | None = None
) -> list[str]:
    """Makes the projection's tables (or the *declared* ones) that are missing, as temple_owner; returns their names.

    Raises SchemaMismatch where a table is there with other columns.
    """
    made = []
    for table in projection.tables if declared is None else declared:
        there = _columns_in_database(connection, place_of(table))
        if not there:
            connection.execute(_create(projection, table))
            made.append(str(table.place))
        else:
            _require_same(projection, table, there)
        keep_indexes(connection, table, place_of(table))
        _grant(connection, table)
    return made


def _create(projection: Projection, table: Table) -> sql.Composed:
    key = table.key if isinstance(projection, Tally) else ("user_id", *table.key)
    lines = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name), _type(column), sql.SQL("" if column.null else " not null")
        )
        for column in columns_of(projection, table)
    ]
    if table.stamp is not None:
        lines.append(sql.SQL("{} timestamptz default now()").format(sql.Identifier(table.stamp)))
    lines.append(sql.SQL("primary key ({})").format(_names(key)))
    return sql.SQL("create table {} ({}) with (fillfactor = 80)").format(place_of(table), sql.SQL(", ").join(lines))


def _grant(connection: psycopg.Connection[Any], table: Table) -> None:
    name = place_of(table)
    connection.execute(sql.SQL("grant select, insert, update, delete on {} to temple_project").format(name))
    connection.execute(sql.SQL("grant select on {} to temple_read, temple_append").format(name))


def _type(column: Column) -> sql.SQL:
    if column.type is not ColumnType.TEXT:
        return sql.SQL(column.type.value)
    if column.length is None:
        return sql.SQL('text collate "C"')
    return sql.SQL(f'varchar({int(column.length)}) collate "C"')


def _type_name(column: Column) -> str:
    """As the catalogue of PostgreSQL spells it."""
    if column.type is ColumnType.TEXT:
        return "text" if column.length is None else f"character varying({column.length})"
    return "timestamp with time zone" if column.type is ColumnType.TIMESTAMPTZ else column.type.value


def _columns_in_database(connection: psycopg.Connection[Any], place: sql.Identifier) -> dict[str, str]:
    rows = connection.execute(
        """
        select attname, format_type(atttypid, atttypmod)
        from pg_attribute
        where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
        """,
        (place.as_string(connection),),
    )
    return dict(rows.fetchall())


def require_tables(connection: psycopg.Connection[Any], projection: Projection) -> None:
    """Raises SchemaMismatch, with what leads out, where a table is missing or has other columns than are declared."""
    for table in projection.tables:
        there = _columns_in_database(connection, place_of(table))
        if not there:
            raise SchemaMismatch(
                f"table {table.name} of projection {projection.name} is missing; run: temple db migrate"
            )
        _require_same(projection, table, there)


def _require_same(projection: Projection, table: Table, there: Mapping[str, str]) -> None:
    other = difference(projection, table, there)
    if other is not None:
        raise SchemaMismatch(
            f"table {table.name} of projection {projection.name} is there with other columns ({other}). Either declare "
            "a table of a new name, or remove the old one; raise the version of the projection in both cases, then "
            f"run: temple db shell -- -c 'drop table {table.name}' (only to remove it), temple db migrate, "
            f"temple replay {projection.name}"
        )


def is_other(connection: psycopg.Connection[Any], projection: Projection, table: Table) -> bool:
    """Whether the table is there with other columns than are declared."""
    there = _columns_in_database(connection, place_of(table))
    return bool(there) and difference(projection, table, there) is not None


def difference(projection: Projection, table: Table, there: Mapping[str, str]) -> str | None:
    """The first column of a table that is not as it is declared; None where all are. Further ones with a default or
    null do not matter."""
    wanted = {column.name: _type_name(column) for column in columns_of(projection, table)}
    if table.stamp is not None:
        wanted[table.stamp] = "timestamp with time zone"
    for name, kind in wanted.items():
        if there.get(name) != kind:
            return f"{name} is {there.get(name, 'missing')}, declared {kind}"
    return None


@cache
def read_statement(table: Table) -> sql.Composed:
    """Rows of `%(user_ids)s`: user_id, then the declared columns."""
    return sql.SQL("select user_id, {} from {} where user_id = any(%(user_ids)s)").format(
        _names(table.column_names), place_of(table)
    )


def rows_of_members(
    connection: psycopg.Connection[Any], declared: Iterable[Table], user_ids: Sequence[str]
) -> dict[str, dict[str, list[Row]]]:
    """By user_id, of each of these members, then by table; rows without user_id and stamp."""
    rows: dict[str, dict[str, list[Row]]] = {user_id: {} for user_id in user_ids}
    for table in declared:
        found = connection.execute(read_statement(table), {"user_ids": list(user_ids)}, binary=True)
        for user_id, *row in found:
            rows[user_id].setdefault(table.name, []).append(tuple(row))
    return rows


@cache
def _upsert_statement(table: Table) -> sql.Composed:
    columns = (USER_ID, *table.columns)
    changed = [name for name in table.column_names if name not in table.key]
    settings = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in changed]
    if table.stamp is not None:
        settings.append(sql.SQL("{} = clock_timestamp()").format(sql.Identifier(table.stamp)))
    update = sql.SQL("do update set {}").format(sql.SQL(", ").join(settings)) if settings else sql.SQL("do nothing")
    return sql.SQL("insert into {} ({}) select * from unnest({}) on conflict ({}) {}").format(
        place_of(table),
        _names(column.name for column in columns),
        _arrays(columns),
        _names(("user_id", *table.key)),
        update,
    )


@cache
def _delete_statement(table: Table) -> sql.Composed:
    keys = (USER_ID, *(table.columns[place] for place in table.key_positions))
    same = [sql.SQL("gone.{0} = {1}.{0}").format(sql.Identifier(column.name), place_of(table)) for column in keys]
    return sql.SQL("delete from {} using unnest({}) as gone ({}) where {}").format(
        place_of(table),
        _arrays(keys),
        _names(column.name for column in keys),
        sql.SQL(" and ").join(same),
    )


@cache
def _add_statement(table: Table) -> sql.Composed:
    number = table.columns[-1].name
    return sql.SQL(
        "insert into {table} ({names}) select * from unnest({arrays}) "
        "on conflict ({key}) do update set {number} = {table}.{number} + excluded.{number}"
    ).format(
        table=place_of(table),
        names=_names(table.column_names),
        arrays=_arrays(table.columns),
        key=_names(table.key),
        number=sql.Identifier(number),
    )


def upsert(connection: psycopg.Connection[Any], table: Table, rows: Sequence[Row]) -> None:
    """Rows begin with the user_id. One user's row for one key may be there once only."""
    _execute_columns(connection, _upsert_statement(table), (USER_ID, *table.columns), rows)


def delete(connection: psycopg.Connection[Any], table: Table, keys: Sequence[Row]) -> None:
    """Keys begin with the user_id."""
    _execute_columns(connection, _delete_statement(table), None, keys)


def add(connection: psycopg.Connection[Any], table: Table, increments: Mapping[Row, int]) -> None:
    """Sorted, so that two writers could never lock the keys in opposite orders."""
    counted = [(*key, number) for key, number in sorted(increments.items())]
    _execute_columns(connection, _add_statement(table), None, counted)


@cache
def _delete_zero_statement(table: Table) -> sql.Composed:
    keys = [table.columns[place] for place in table.key_positions]
    same = [sql.SQL("gone.{0} = {1}.{0}").format(sql.Identifier(column.name), place_of(table)) for column in keys]
    return sql.SQL("delete from {} using unnest({}) as gone ({}) where {} = 0 and {}").format(
        place_of(table),
        _arrays(keys),
        _names(table.key),
        sql.Identifier(table.columns[-1].name),
        sql.SQL(" and ").join(same),
    )


def delete_zero(connection: psycopg.Connection[Any], table: Table, keys: Iterable[Row]) -> None:
    """Of a tally: those of these keys that nothing counts any more."""
    _execute_columns(connection, _delete_zero_statement(table), None, sorted(keys))


def _execute_columns(
    connection: psycopg.Connection[Any],
    statement: sql.Composed,
    columns: Sequence[Column] | None,
    rows: Sequence[Row],
) -> None:
    """*columns* None: none of the values is jsonb, as no key is."""
    if not rows:
        return
    values = [list(column) for column in zip(*rows, strict=True)]
    for place, column in enumerate(columns or ()):
        if column.type is ColumnType.JSONB:
            values[place] = [None if value is None else Jsonb(value) for value in values[place]]
    connection.execute(statement, values)


def _arrays(columns: Iterable[Column]) -> sql.Composable:
    return sql.SQL(", ").join(sql.SQL("%b::{}[]").format(sql.SQL(column.type.value)) for column in columns)


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
