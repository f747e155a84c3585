"""What a rebuild puts into its shadow tables and notes, and how both are cleared."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg

from temple_ledger.infrastructure.database.copying import copy_rows
from temple_ledger.infrastructure.database.rebuilt_tables import empty_shadows
from temple_ledger.infrastructure.database.shadow_tables import shadow_of
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.tables import USER_ID, place_name
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.fold import Frontier
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tables import Column, ColumnType, Row, Table

Connection = psycopg.Connection[Any]


def clear(connection: Connection, projection: Projection) -> None:
    """Nothing is left of a rebuild: neither rows nor notes."""
    empty_shadows(connection, projection)
    connection.execute(statement("rebuild_forget"), projection.key.parameters)


def put_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Rows of a member's table begin with the user_id; they must not be there yet."""
    copy_rows(connection, place_name(shadow_of(table)), (USER_ID, *table.columns), rows)


_FRONTIER: Final = (
    Column("projection", ColumnType.TEXT),
    Column("version", ColumnType.INTEGER),
    USER_ID,
    Column("occurred_at", ColumnType.TIMESTAMPTZ),
    Column("position", ColumnType.BIGINT),
)


def put_frontiers(connection: Connection, key: ProjectionKey, frontiers: Mapping[str, Frontier]) -> None:
    rows = [(*key, user_id, *frontier) for user_id, frontier in frontiers.items()]
    copy_rows(connection, "projection_rebuild_frontier", _FRONTIER, rows)


def put_failures(connection: Connection, key: ProjectionKey, failures: Sequence[Failure]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("rebuild_failure_note"),
            [{**key.parameters, **failure._asdict()} for failure in failures],
        )
