"""What a rebuild puts into its shadow tables and notes, and how both are cleared."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from temple_ledger.infrastructure.database.copying import copy_rows
from temple_ledger.infrastructure.database.shadow_tables import shadow_of
from temple_ledger.infrastructure.database.tables import USER_ID, columns_of
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.fold import Frontier
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tables import Column, ColumnType, Row, Table
from temple_ledger.projections.tally import Tally

TRUNCATE_WAITS: Final = "500ms"

Connection = psycopg.Connection[Any]


def clear(connection: Connection, projection: Projection) -> None:
    """Nothing is left of a rebuild: neither rows nor notes."""
    _empty(connection, [sql.Identifier(shadow_of(table).name) for table in projection.tables])
    for notes in (
        "projection_rebuild_range",
        "projection_rebuild_frontier",
        "projection_rebuild_failure",
        "projection_rebuild",
    ):
        connection.execute(
            sql.SQL("delete from {} where projection = %s").format(sql.Identifier(notes)), (projection.name,)
        )


def _empty(connection: Connection, shadows: Sequence[sql.Identifier]) -> None:
    """Truncated, unless somebody reads there: a dump holds every table, while it runs."""
    try:
        with connection.transaction():
            connection.execute("select set_config('lock_timeout', %s, true)", (TRUNCATE_WAITS,))
            connection.execute(sql.SQL("truncate {}").format(sql.SQL(", ").join(shadows)))
    except psycopg.errors.LockNotAvailable:
        for shadow in shadows:
            connection.execute(sql.SQL("delete from {}").format(shadow))


def put_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Rows of a member's table begin with the user_id; they must not be there yet."""
    copy_rows(connection, shadow_of(table).name, (USER_ID, *table.columns), rows)


_FRONTIER: Final = (
    Column("projection", ColumnType.TEXT),
    USER_ID,
    Column("occurred_at", ColumnType.TIMESTAMPTZ),
    Column("position", ColumnType.BIGINT),
)


def put_frontiers(connection: Connection, projection: str, frontiers: Mapping[str, Frontier]) -> None:
    rows = [(projection, user_id, *frontier) for user_id, frontier in frontiers.items()]
    copy_rows(connection, "projection_rebuild_frontier", _FRONTIER, rows)


def put_failures(connection: Connection, projection: str, failures: Sequence[Failure]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into projection_rebuild_failure (projection, position, user_id, error) values (%s, %s, %s, %s) "
            "on conflict do nothing",
            [(projection, *failure) for failure in failures],
        )


def key_names(projection: Projection, table: Table) -> tuple[str, ...]:
    return table.key if isinstance(projection, Tally) else (USER_ID.name, *table.key)


def value_names(projection: Projection, table: Table) -> tuple[str, ...]:
    """The columns that are no part of the key."""
    keys = key_names(projection, table)
    return tuple(column.name for column in columns_of(projection, table) if column.name not in keys)
