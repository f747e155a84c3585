"""Open connections of one role, lent to whichever thread asks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Final, TypeVar

import psycopg
import stamina
from psycopg.pq import TransactionStatus

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, passes

Result = TypeVar("Result")

RETRY_SECONDS: Final = 10.0
IDLE_KEPT: Final = 8


def retried(work: Callable[[], Result]) -> Result:
    """Calls *work*, which keeps nothing when it fails, until it succeeds or RETRY_SECONDS are over."""
    for attempt in stamina.retry_context(
        on=_may_pass, attempts=None, timeout=RETRY_SECONDS, wait_initial=0.05, wait_max=1.0
    ):
        with attempt:
            return work()
    raise AssertionError("not reached: the last attempt returns or raises")


def _may_pass(error: Exception) -> bool:
    return isinstance(error, DatabaseUnavailable) or passes(error)


class Connections:
    """As many as are used at the same time; a few of those given back are kept open.

    The library never closes the factory of a projection's view, so they are also closed when nobody holds
    this any more.
    """

    def __init__(self, database: Database, role: DatabaseRole, *, application: str = "temple library") -> None:
        self._database = database
        self._role = role
        self._application = application
        self._lock = Lock()
        self._idle: list[psycopg.Connection] = []
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[psycopg.Connection]:
        """In autocommit. Raises DatabaseUnavailable."""
        connection = self._taken() or self._database.connect(self._role, application=self._application)
        try:
            yield connection
        finally:
            self._give_back(connection)

    def run(self, work: Callable[[psycopg.Connection], Result]) -> Result:
        """Calls *work* again, with another connection, while the database is away for a moment."""

        def once() -> Result:
            with self.one() as connection:
                return work(connection)

        return retried(once)

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._close_idle()

    def __del__(self) -> None:
        with suppress(Exception):
            self._close_idle()

    def _taken(self) -> psycopg.Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: psycopg.Connection) -> None:
        if connection.broken:
            # a server that went away took the others along
            self._close_idle()
        with self._lock:
            keep = (
                not self._closed
                and not connection.closed
                and connection.info.transaction_status is TransactionStatus.IDLE
                and len(self._idle) < IDLE_KEPT
            )
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
