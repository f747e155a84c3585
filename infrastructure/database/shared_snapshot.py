"""One snapshot for several connections."""

from typing import Any

import psycopg
from psycopg import sql

from temple_ledger.infrastructure.database.statements import statement


def share_snapshot(source: psycopg.Connection[Any], *others: psycopg.Connection[Any]) -> None:
    """From here on *others* see what *source* sees; all of them begin a transaction, repeatable read."""
    for connection in (source, *others):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    row = source.execute(statement("snapshot_export")).fetchone()
    exported = row[0] if row is not None else ""
    for connection in others:
        connection.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(exported)))
