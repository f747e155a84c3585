"""The indexes that a projection declares: made where they are missing, dropped where they are declared no more.

Ours have a comment that says so. Whatever else somebody made on the table is theirs.
"""

from typing import Any, Final

import psycopg
from psycopg import sql

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.tables import Table

DECLARED: Final = "declared by the projection"

Connection = psycopg.Connection[Any]


def keep_indexes(connection: Connection, table: Table, place: sql.Identifier) -> None:
    """As temple_owner. Whoever writes into a large table waits while one is made; who reads does not."""
    found = connection.execute(statement("handover_indexes"), {"place": place.as_string(connection)}).fetchall()
    there = {(columns, kind): (name, comment) for name, columns, kind, primary, comment in found if not primary}
    wanted = {(", ".join(index), "btree"): index for index in table.indexes}
    for shape, (name, comment) in there.items():
        if comment == DECLARED and shape not in wanted:
            connection.execute(sql.SQL(f"drop index {name}"))
    for shape, index in wanted.items():
        if shape not in there:
            columns = sql.SQL(", ").join(map(sql.Identifier, index))
            connection.execute(sql.SQL("create index on {} ({})").format(place, columns))
    _mark(connection, place, set(wanted))


def _mark(connection: Connection, place: sql.Identifier, wanted: set[tuple[str, str]]) -> None:
    for name, columns, kind, primary, comment in connection.execute(
        statement("handover_indexes"), {"place": place.as_string(connection)}
    ).fetchall():
        if not primary and comment is None and (columns, kind) in wanted:
            # the name is PostgreSQL's own text, quoted where it has to be
            connection.execute(sql.SQL(f"comment on index {name} is {{}}").format(sql.Literal(DECLARED)))
