"""The barrier before anything leaves the database: what was read is on the disk, and no crash takes it away again."""

import time
from typing import Any, Final

import psycopg

from temple_ledger.infrastructure.database.session_settings import set_for_transaction
from temple_ledger.infrastructure.database.statements import statement

POLL_SECONDS: Final = 0.005


def wait_until_durable(connection: psycopg.Connection[Any]) -> None:
    """Returns once all that this autocommit connection may have read is on the disk of the server.

    Call it after reading. A runner's steps commit without waiting for the disk, so a reader can see what a crash of
    the server would take back, to be folded again later. Raises psycopg.Error.
    """
    durable, upto = _written(connection, None)
    if not durable:
        _hurry(connection)
    while not durable:
        durable, _ = _written(connection, upto)
        if not durable:
            # the server writes by itself every 0.2 s (wal_writer_delay)
            time.sleep(POLL_SECONDS)


def _written(connection: psycopg.Connection[Any], upto: str | None) -> tuple[bool, str | None]:
    (durable, insert_lsn) = connection.execute(statement("wal_written"), {"upto": upto}).fetchall()[0]
    return durable, insert_lsn


def _hurry(connection: psycopg.Connection[Any]) -> None:
    """Where the role may not, the server's own writing has to do."""
    try:
        with connection.transaction():
            set_for_transaction(connection, "synchronous_commit", "on")
            connection.execute(statement("wal_hurry"))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
        return
