"""A connection that outlives the database's bad moments."""

import random
import time
from collections.abc import Callable
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import psycopg

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.abort import cut
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors, passes

PATIENCE_SECONDS: Final = 30.0
FIRST_PAUSE_SECONDS: Final = 0.02
LONGEST_PAUSE_SECONDS: Final = 1.0
LET_GO_SECONDS: Final = 5.0

Result = TypeVar("Result")


class RetryingConnection:
    """One connection in autocommit, opened again when it is lost; one thread works at a time, others wait for it."""

    def __init__(
        self, database: Database, role: DatabaseRole, *, application: str, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Raises DatabaseUnavailable at once: patience is for a database that has been there."""
        self._database = database
        self._role = role
        self._application = application
        self._patience_seconds = patience_seconds
        self._lock = Lock()
        self._closing = False
        self._has_worked = False
        self._connection = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """For good; from any thread. Who is at work ends what the database is about to answer, and does not try again.

        A connection that is closed under the hands of another thread takes the whole process down: so its wire is cut
        where that one does not let go, and it is closed when it has.
        """
        self._closing = True
        if not self._lock.acquire(timeout=LET_GO_SECONDS):
            cut(self._connection)
            self._lock.acquire()
        try:
            self._connection.close()
        finally:
            self._lock.release()

    def run(
        self,
        what: str,
        work: Callable[[psycopg.Connection[Any]], Result],
        *,
        again: tuple[type[psycopg.Error], ...] = (),
    ) -> Result:
        """What *work* returns, tried again as a whole on errors that pass, and on those in *again*.

        So *work* is one transaction that may be repeated: it may have been committed although it seemed to fail.
        Raises DatabaseUnavailable, which begins with *what*, when patience is at an end.
        """
        with self._lock:
            try:
                done = work(self._opened())
            except (psycopg.Error, DatabaseUnavailable) as error:
                failure = error
            else:
                self._has_worked = True
                return done
            with database_errors(what):
                return self._try_again(work, again, failure)

    def _try_again(
        self,
        work: Callable[[psycopg.Connection[Any]], Result],
        again: tuple[type[psycopg.Error], ...],
        failure: psycopg.Error | DatabaseUnavailable,
    ) -> Result:
        deadline = time.monotonic() + self._patience_seconds
        pause = FIRST_PAUSE_SECONDS
        while (self._passes(failure) or isinstance(failure, (DatabaseUnavailable, *again))) and (
            time.monotonic() + pause < deadline and not self._closing
        ):
            if isinstance(failure, psycopg.errors.ReadOnlySqlTransaction):
                # a session stays what it was when it began, and on the server that it began on
                self._connection.close()
            # not all who were cut off at one moment should come back at one moment
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            try:
                return work(self._opened())
            except (psycopg.Error, DatabaseUnavailable) as error:
                failure = error
        raise failure

    def _passes(self, failure: psycopg.Error | DatabaseUnavailable) -> bool:
        if isinstance(failure, psycopg.errors.ReadOnlySqlTransaction):
            return self._has_worked or self._database.waits_for_writes
        return passes(failure)

    def _opened(self) -> psycopg.Connection[Any]:
        if self._closing:
            raise DatabaseUnavailable("this connection was closed")
        if self._connection.closed:
            self._connection = self._open()
        return self._connection

    def _open(self) -> psycopg.Connection[Any]:
        return self._database.connect(self._role, application=self._application)
