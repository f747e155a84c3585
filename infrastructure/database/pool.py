"""Connections of one login, lent to the threads of a process that answers many at once."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import CONNECT_SECONDS, Database, database_errors
from temple_ledger.infrastructure.database.own_session import CLIENT_ENCODING, SETTINGS, as_options, settle
from temple_ledger.infrastructure.database.statements import statement

MOST: Final = 8
WAIT_SECONDS: Final = 5.0
STATEMENT_MS: Final = 10_000
IDLE_IN_TRANSACTION_MS: Final = 15_000

Connection = psycopg.Connection[Any]


class Pool:
    """It sets no role: the login itself has the least that is needed.

    With *read_only* each block is a transaction that sees one state of the database.
    """

    def __init__(self, database: Database, *, application: str, read_only: bool, most: int = MOST) -> None:
        # it logs each attempt to connect, with the server's own words
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
        self._name = database.name
        self._read_only = read_only
        settings = {
            **SETTINGS,
            "statement_timeout": str(STATEMENT_MS),
            "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
            **({"default_transaction_read_only": "on"} if read_only else {}),
        }
        self._pool = ConnectionPool(
            database.dsn,
            min_size=0,
            max_size=most,
            timeout=WAIT_SECONDS,
            max_idle=60.0,
            open=True,
            check=ConnectionPool.check_connection,
            configure=self._configure,
            kwargs={
                "application_name": application,
                "connect_timeout": CONNECT_SECONDS,
                "autocommit": not read_only,
                "client_encoding": CLIENT_ENCODING,
                "options": as_options(settings),
            },
        )

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Raises DatabaseUnavailable."""
        try:
            with self._pool.connection() as connection, database_errors("reading"):
                yield connection
        except (PoolTimeout, PoolClosed):
            raise DatabaseUnavailable(f"cannot reach {self._name}: no connection within {WAIT_SECONDS:.0f} s") from None
        except psycopg.OperationalError:
            raise DatabaseUnavailable(f"cannot reach {self._name}: the connection was lost") from None

    def close(self) -> None:
        self._pool.close()

    def _configure(self, connection: Connection) -> None:
        row = connection.execute(statement("session_own")).fetchone()
        settle(connection, row[-1] if row is not None else ())
        connection.commit()
        if self._read_only:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
