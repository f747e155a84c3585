"""One snapshot for several connections."""

from typing import Any

import psycopg
from psycopg import sql

from temple_ledger.infrastructure.database.statements import statement


def share_snapshot(source: psycopg.Connection[Any], *others: psycopg.Connection[Any]) -> None:
    """From here on *others* see what *source* sees; all of them begin a transaction, repeatable read."""
    exported = export_snapshot(source)
    for connection in others:
        see_snapshot(connection, exported)


def export_snapshot(source: psycopg.Connection[Any]) -> str:
    """What its transaction sees, for other connections as long as that goes on; it begins one where none goes on."""
    if source.info.transaction_status is psycopg.pq.TransactionStatus.IDLE:
        source.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    row = source.execute(statement("snapshot_export")).fetchone()
    return row[0] if row is not None else ""


def see_snapshot(connection: psycopg.Connection[Any], exported: str) -> None:
    """Begins a transaction, repeatable read, that sees it."""
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(exported)))
