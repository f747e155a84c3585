"""Shadow tables: where a rebuild puts its rows, beside the tables that are read."""

from dataclasses import replace
from functools import cache
from typing import Any, Final

import psycopg
from psycopg import sql

from temple_ledger.infrastructure.database.tables import make_tables
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tables import Table

PREFIX: Final = "rebuild_"

Connection = psycopg.Connection[Any]


@cache
def shadow_of(table: Table) -> Table:
    """The table with the same columns in which a rebuild collects rows."""
    return replace(table, name=PREFIX + table.name, stamp=None, indexes=())


def make_shadow_tables(connection: Connection, projection: Projection) -> None:
    """As temple_owner. Unlogged: a crash of the server empties them, together with what is noted about the rebuild."""
    for table in projection.tables:
        shadow = shadow_of(table)
        made = make_tables(connection, projection, [shadow])
        name = sql.Identifier(shadow.name)
        if made:
            connection.execute(sql.SQL("alter table {} set unlogged").format(name))
        connection.execute(sql.SQL("grant truncate on {} to temple_project").format(name))
