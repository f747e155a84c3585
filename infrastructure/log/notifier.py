"""Notifying readers that there may be more."""

import threading
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.database.statements import statement

SOON_SECONDS: Final = 0.004
EVERY_SECONDS: Final = 0.025
CROWD: Final = 4
"""So many appends within SOON_SECONDS: a reader is at work on them, and finds the next ones by itself."""
AFTER_ERROR_SECONDS: Final = 1.0
CLOSE_SECONDS: Final = 2.0


class Notifier:
    """Wakes readers after appends, many appends at a time; one for all appenders of a process.

    NOTIFY within an append would make all commits wait for one another. So it is a transaction of its own, on a
    connection of its own: at once after the first append, and after *soon_seconds* once more for those that came
    meanwhile; after *every_seconds*, where those were a crowd. It is a hint: what goes wrong here is forgotten, and
    readers poll.
    """

    def __init__(
        self,
        database: Database,
        *,
        soon_seconds: float = SOON_SECONDS,
        every_seconds: float = EVERY_SECONDS,
        statement_name: str = "log_notify",
    ) -> None:
        """*statement_name* is that of the NOTIFY, so that other tables than the log can have readers that wait."""
        self._database = database
        self._statement = statement_name
        self._soon_seconds = min(soon_seconds, every_seconds)
        self._every_seconds = every_seconds
        self._asked = 0
        """How often since the last NOTIFY, more or less: threads count without waiting for one another."""
        self._due = threading.Event()
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def notify(self) -> None:
        """After the commit. Does not wait, and does not fail."""
        self._asked += 1
        if not self._due.is_set():
            self._due.set()
        if self._thread is None:
            self._start()

    def close(self) -> None:
        """Announces what is left, and ends; does not wait long for either."""
        self._closing.set()
        if self._thread is not None:
            self._due.set()
            self._thread.join(CLOSE_SECONDS)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="announce", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._due.wait()
            # before the NOTIFY: what is committed after it asks for another one
            self._due.clear()
            self._asked = 0
            if not self._send():
                self._closing.wait(AFTER_ERROR_SECONDS)
            elif not self._closing.wait(self._soon_seconds) and self._asked >= CROWD:
                self._closing.wait(self._every_seconds - self._soon_seconds)
        if self._due.is_set():
            self._send()
        if self._connection is not None:
            self._connection.close()

    def _send(self) -> bool:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._database.connect(DatabaseRole.APPEND, application="temple notify")
                # losing a hint in a crash loses nothing: it need not wait for the disk
                set_for_session(self._connection, "synchronous_commit", "off")
            self._connection.execute(statement(self._statement))
        except (psycopg.Error, LedgerError, OSError):
            return False
        return True
