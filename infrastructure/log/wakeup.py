"""Waiting until there may be more."""

import os
import select
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import RLock
from types import TracebackType
from typing import Any, Final, Self

import psycopg
from psycopg.pq.abc import PGconn

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError
from temple_ledger.infrastructure.database.abort import cut
from temple_ledger.infrastructure.database.connecting import opened_unless
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement

REOPEN_SECONDS: Final = 1.0
LET_GO_SECONDS: Final = 5.0


class Wakeup:
    """Ends a wait early when the log was appended to, or when somebody calls `wake`.

    A hint, never a promise: a notification may be lost with its connection, so whoever waits also polls. A lost
    connection is opened again while waiting. One thread waits at a time.
    """

    def __init__(
        self,
        database: Database,
        *,
        role: DatabaseRole = DatabaseRole.READ,
        application: str = "temple wakeup",
        listen: str = "log_listen",
    ) -> None:
        self._database = database
        self._role = role
        self._application = application
        self._statement = listen
        self._connection: psycopg.Connection[Any] | None = None
        self._using = RLock()
        """Held by whoever is at work on the connection: a thread that waits, or one that it is lent to."""
        self._open_at = 0.0
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wake(self) -> None:
        """Ends the wait that is going on, or the next one. From any thread, and from a signal handler."""
        waker = self._waker
        if waker >= 0:
            # a full pipe wakes as well
            with suppress(BlockingIOError):
                os.write(waker, b"\0")

    def wait(self, timeout: float) -> bool:
        """True when there may be more, False when *timeout* seconds have passed.

        True also after a connection was opened: what was committed before it listened, nobody told us.
        """
        deadline = time.monotonic() + timeout
        while True:
            if self._connection is None and self._opened():
                return True
            remaining = deadline - time.monotonic()
            if self._connection is None:
                # not listening: wait for a call of wake, and for the time to try again
                remaining = min(remaining, self._open_at - time.monotonic())
            if self._was_woken(max(0.0, remaining)):
                return True
            if time.monotonic() >= deadline:
                return False

    @contextmanager
    def lend(self) -> Iterator[psycopg.Connection[Any]]:
        """The connection, in autocommit, for questions of another thread meanwhile: so both need one together.

        What is notified meanwhile ends the wait. Raises DatabaseUnavailable where it is not connected.
        """
        with self._using:
            if self._connection is None:
                raise DatabaseUnavailable("not connected")
            try:
                yield self._connection
            finally:
                self.wake()

    def close(self) -> None:
        waker, self._waker = self._waker, -1
        if waker < 0:
            return
        self._drop()
        self._selector.close()
        os.close(waker)
        os.close(self._woken)

    def _was_woken(self, seconds: float) -> bool:
        woken = False
        for key, _ in self._selector.select(seconds):
            woken |= self._drained() if key.fd == self._woken else self._notified(key.data)
        return woken

    def _drained(self) -> bool:
        os.read(self._woken, 4096)
        return True

    def _notified(self, pgconn: PGconn) -> bool:
        """Whether a notification came; a connection that was lost may have lost one."""
        if not self._using.acquire(blocking=False):
            # lent: what comes now is taken by whoever asks
            return True
        try:
            pgconn.consume_input()
            notified = False
            while pgconn.notifies() is not None:
                notified = True
        except psycopg.Error:
            self._drop()
            return True
        finally:
            self._using.release()
        return notified

    def _opened(self) -> bool:
        if time.monotonic() < self._open_at:
            return False
        self._open_at = time.monotonic() + REOPEN_SECONDS
        try:
            self._connection = opened_unless(self._is_woken, self._listening)
        except (psycopg.Error, LedgerError, OSError):
            return False
        if self._connection is None:
            return False
        self._selector.register(self._connection.fileno(), selectors.EVENT_READ, self._connection.pgconn)
        return True

    def _listening(self) -> psycopg.Connection[Any]:
        connection = self._database.connect(self._role, application=self._application)
        try:
            connection.execute(statement(self._statement))
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_woken(self) -> bool:
        return bool(select.select([self._woken], [], [], 0)[0])

    def _drop(self) -> None:
        if self._connection is None:
            return
        if not self._using.acquire(timeout=LET_GO_SECONDS):
            cut(self._connection)
            self._using.acquire()
        try:
            connection, self._connection = self._connection, None
            for key in list(self._selector.get_map().values()):
                if key.fd != self._woken:
                    self._selector.unregister(key.fd)
            if connection is not None:
                connection.close()
        finally:
            self._using.release()
