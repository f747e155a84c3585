"""One state of the database for several questions."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors

Connection = psycopg.Connection[Any]


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """A read-only transaction: whatever is asked on it sees the same rows.

    Raises DatabaseUnavailable; SchemaMismatch where our tables are not there yet.
    """
    with (
        database.connect(DatabaseRole.READ, application="temple read", autocommit=False) as connection,
        database_errors("reading"),
    ):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection
