"""Shadow tables: where a rebuild puts its rows, beside the tables that are read."""

from dataclasses import replace
from functools import cache
from typing import Any

import psycopg
from psycopg import sql

from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.infrastructure.database.declared_tables import is_other, make_tables, require_tables
from temple_ledger.infrastructure.database.dropping import drop_unlogged
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.tables import place_of
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tables import Table

Connection = psycopg.Connection[Any]


@cache
def shadow_of(table: Table) -> Table:
    """The table with the same columns in which a rebuild collects rows."""
    return replace(table, place=table.shadow, stamp=None, indexes=(), checks=())


def make_shadow_tables(connection: Connection, projection: Projection) -> None:
    """As temple_owner. Unlogged: a crash of the server empties them, together with what is noted about the rebuild.

    One of an earlier declaration is made anew: what it holds is of no use any more.
    """
    for table in projection.tables:
        shadow = shadow_of(table)
        name = place_of(shadow)
        # where releases before versions collected rows
        drop_unlogged(connection, f"rebuild_{table.name}")
        if is_other(connection, projection, shadow):
            connection.execute(sql.SQL("drop table {}").format(name))
            connection.execute(statement("rebuild_forget"), projection.key.parameters)
        made = make_tables(connection, projection, [shadow])
        if made:
            connection.execute(sql.SQL("alter table {} set unlogged").format(name))
        connection.execute(sql.SQL("grant truncate on {} to temple_project").format(name))


def have_older_columns(connection: Connection, projection: Projection) -> bool:
    """Whether a shadow table is of an earlier declaration."""
    return any(is_other(connection, projection, shadow_of(table)) for table in projection.tables)


def require_both_tables(connection: Connection, projection: Projection) -> None:
    """Raises SchemaMismatch where the tables that are read, or their shadows, are not as they are declared."""
    require_tables(connection, projection)
    if have_older_columns(connection, projection):
        raise SchemaMismatch(
            f"the table in which a replay of {projection.name} collects rows is of an earlier declaration; "
            "run: temple db migrate"
        )
