"""The tables that projections declare: made, and compared with what the database has.

What changes no row is done by a migration: an index, a check, a default, a column that may be null, or may be null no
more. Other columns or another key are another table: a higher version has it beside the one that readers see.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.infrastructure.database.declared_indexes import difference_of_indexes, keep_indexes
from temple_ledger.infrastructure.database.declared_rules import difference_of_checks, keep_checks, keep_defaults
from temple_ledger.infrastructure.database.literals import default_literal
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.tables import columns_of, place_of
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.tally import Tally
from temple_ledger.projections.values import ColumnType

Connection = psycopg.Connection[Any]


class _There(NamedTuple):
    """A column in the database. `needed`: whoever inserts a row has to give it."""

    type: str
    null: bool
    needed: bool


def make_tables(
    connection: Connection, projection: Projection, declared: Sequence[Table] | None = None, *, is_new: bool = False
) -> list[str]:
    """Makes the projection's tables (or the *declared* ones) that are missing, as temple_owner; returns their names.

    Raises SchemaMismatch where a table is there with other columns, or another key; of a projection that *is_new* to
    this ledger it is somebody else's.
    """
    made = []
    for table in projection.tables if declared is None else declared:
        there = _columns(connection, table)
        if not there:
            connection.execute(_create(projection, table))
            made.append(str(table.place))
        else:
            if is_new:
                _require_free(connection, projection, table, there)
            _require_same(connection, projection, table, there)
            _set_nulls(connection, projection, table, there)
            keep_defaults(connection, table)
        keep_checks(connection, table, projection.key)
        keep_indexes(connection, table, place_of(table), projection.key)
        _grant(connection, table)
    return made


def require_tables(connection: Connection, projection: Projection) -> None:
    """Raises SchemaMismatch, with what leads out, where a table is missing or has other columns than are declared."""
    for table in projection.tables:
        there = _columns(connection, table)
        if not there:
            raise SchemaMismatch(
                f"table {table.name} of projection {projection.name} is missing; run: temple db migrate"
            )
        _require_same(connection, projection, table, there)
        rules = difference_of_checks(connection, table) or difference_of_indexes(connection, table, place_of(table))
        if rules is not None:
            raise SchemaMismatch(
                f"table {table.name} of projection {projection.name} is there otherwise than it is declared ({rules}); "
                "run: temple db migrate"
            )


def is_other(connection: Connection, projection: Projection, table: Table) -> bool:
    """Whether the table is there with other columns, or another key, than are declared."""
    there = _columns(connection, table)
    return bool(there) and _difference(connection, projection, table, there) is not None


def _require_free(connection: Connection, projection: Projection, table: Table, there: Mapping[str, _There]) -> None:
    other = _difference(connection, projection, table, there)
    if other is not None:
        raise SchemaMismatch(
            f"there is a table {table.name} already, which is none of projection {projection.name} ({other}): "
            "give the table another name where it is declared"
        )


def _require_same(connection: Connection, projection: Projection, table: Table, there: Mapping[str, _There]) -> None:
    other = _difference(connection, projection, table, there)
    if other is None:
        return
    name, version = projection.key
    place = place_of(table).as_string(connection)
    raise SchemaMismatch(
        f"table {table.name} of projection {name} is there otherwise than it is declared ({other}). Where the "
        f"declaration was changed, raise the version of the projection to {version + 1} and run: temple db migrate, "
        "which makes the new table beside this one. Where somebody changed the table, run: temple db shell -- -c "
        f"'drop table {place}', then temple db migrate, and temple replay {projection.key} --apply"
    )


def _difference(
    connection: Connection, projection: Projection, table: Table, there: Mapping[str, _There]
) -> str | None:
    """What is not as it is declared: a column, or the key; None where all is. Further columns with a default or null do
    not matter, nor does null: a migration sets it."""
    wanted = {column.name: _type_name(column) for column in columns_of(projection, table)}
    if table.stamp is not None:
        wanted[table.stamp] = "timestamp with time zone"
    for name, kind in wanted.items():
        if name not in there:
            return f"column {name} is missing"
        if there[name].type != kind:
            return f"column {name} is {there[name].type}, declared {kind}"
    for name, column in there.items():
        if name not in wanted and column.needed:
            return f"column {name} is not declared"
    key, found = _key_of(projection, table), _key_in_database(connection, table)
    return None if set(key) == set(found) else f"its key is ({', '.join(found)}), declared ({', '.join(key)})"


def _set_nulls(connection: Connection, projection: Projection, table: Table, there: Mapping[str, _There]) -> None:
    """As it is declared; it changes no row. Raises SchemaMismatch where a column that may be null no more has one."""
    for column in columns_of(projection, table):
        if column.null == there[column.name].null:
            continue
        verb = sql.SQL("drop" if column.null else "set")
        try:
            with connection.transaction():
                connection.execute(
                    sql.SQL("alter table {} alter column {} {} not null").format(
                        place_of(table), sql.Identifier(column.name), verb
                    )
                )
        except psycopg.errors.NotNullViolation as error:
            name, version = projection.key
            raise SchemaMismatch(
                f"column {column.name} of table {table.name} may be null no more, and there are rows in which it is; "
                f"raise the version of projection {name} to {version + 1} and run: temple db migrate"
            ) from error


def _create(projection: Projection, table: Table) -> sql.Composed:
    lines: list[sql.Composable] = [
        sql.SQL("{} {}{}{}").format(
            sql.Identifier(column.name), _type(column), sql.SQL("" if column.null else " not null"), _default(column)
        )
        for column in columns_of(projection, table)
    ]
    if table.stamp is not None:
        lines.append(sql.SQL("{} timestamptz default now()").format(sql.Identifier(table.stamp)))
    key = sql.SQL(", ").join(map(sql.Identifier, _key_of(projection, table)))
    lines.append(sql.SQL("primary key ({})").format(key))
    return sql.SQL("create table {} ({}) with (fillfactor = 80)").format(place_of(table), sql.SQL(", ").join(lines))


def _key_of(projection: Projection, table: Table) -> tuple[str, ...]:
    return table.key if isinstance(projection, Tally) else ("user_id", *table.key)


def _grant(connection: Connection, table: Table) -> None:
    name = place_of(table)
    connection.execute(sql.SQL("grant select, insert, update, delete on {} to temple_project").format(name))
    connection.execute(sql.SQL("grant select on {} to temple_read, temple_append").format(name))


def _default(column: Column) -> sql.Composable:
    return sql.SQL("") if column.default is None else sql.SQL(" default {}").format(default_literal(column))


def _type(column: Column) -> sql.SQL:
    collation = ' collate "C"' if column.type is ColumnType.TEXT else ""
    return sql.SQL(f"{_bare_type(column)}{collation}")


def _bare_type(column: Column) -> str:
    length = "" if column.length is None or column.type is not ColumnType.TEXT else f"({int(column.length)})"
    return f"{'varchar' if length else column.type.value}{length}{'[]' if column.array else ''}"


def _type_name(column: Column) -> str:
    """As the catalogue of PostgreSQL spells it."""
    spelled = _bare_type(column).replace("varchar", "character varying")
    return spelled.replace("timestamptz", "timestamp with time zone")


def _columns(connection: Connection, table: Table) -> dict[str, _There]:
    return {name: _There(*column) for name, *column in _asked(connection, "declared_columns", table)}


def _key_in_database(connection: Connection, table: Table) -> list[str]:
    return [name for (name,) in _asked(connection, "handover_key", table)]


def _asked(connection: Connection, name: str, table: Table) -> Iterator[tuple[Any, ...]]:
    yield from connection.execute(statement(name), {"place": place_of(table).as_string(connection)})
