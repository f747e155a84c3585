"""What only one process may do on a ledger: a lease in the database, by the database's clock.

It belongs to the ledger, and so holds between machines, and between commands that look different. A killed process is
noticed by its connection, which is gone; one that cannot reach the database is replaced when its time is over.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar
from uuid import uuid4

import psycopg

from temple_ledger.domain.errors import AlreadyRunning, DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.leaving import stays
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement

LEASE_SECONDS: Final = 10.0
RENEW_SECONDS: Final = 2.0
ASK_SECONDS: Final = 30.0
"""Between two questions for a lease that another process has."""
END_SECONDS: Final = 5.0

Result = TypeVar("Result")


@contextmanager
def only_one(
    database: Database,
    name: str,
    role: DatabaseRole,
    *,
    does: str,
    lost: Callable[[str], None],
    regained: Callable[[], None] | None = None,
) -> Iterator[None]:
    """While the block lasts, no other process does what *name* is for; *does* says it: "listens to Discord".

    Raises AlreadyRunning, and DatabaseUnavailable. *lost* is called, from a thread, with a sentence, where another
    process has taken over because this one could not reach the database for long. With *regained* the lease is asked
    for again: *lost* is called for each other process that has it, *regained* once none has.
    """
    with database_errors(f"looking who {does}"):
        connection = RetryingConnection(database, role, application=f"temple {name}", patience_seconds=RENEW_SECONDS)
        with connection:
            lease = _Lease(connection, name, does)
            lease.require()
            stop = threading.Event()
            renewing = threading.Thread(
                target=lease.renew, args=(stop, lost, regained), name=f"lease {name}", daemon=True
            )
            renewing.start()
            try:
                yield
            finally:
                stop.set()
                renewing.join(END_SECONDS)
                lease.release()


class _Lease:
    def __init__(self, connection: RetryingConnection, name: str, does: str) -> None:
        self._connection = connection
        self._does = does
        self._values: dict[str, Any] = {
            "name": name,
            "holder": uuid4(),
            "description": f"{socket.gethostname()}, process {os.getpid()}",
            "seconds": LEASE_SECONDS,
        }

    def require(self) -> None:
        """Raises AlreadyRunning: but for one that has just ended, whose connection is listed for a moment still."""
        if stays(lambda: not self._taken()) and (another := self._another()) is not None:
            raise AlreadyRunning(f"{another}; one for a ledger is enough: end that one first")

    def renew(
        self, stop: threading.Event, lost: Callable[[str], None], regained: Callable[[], None] | None = None
    ) -> None:
        holder: str | None = None
        while not stop.wait(RENEW_SECONDS if holder is None else ASK_SECONDS):
            with suppress(DatabaseUnavailable):
                found = self._another()
                if found == holder:
                    continue
                if found is not None:
                    lost(f"{found}, since this process could not reach the database for long")
                    if regained is None:
                        return
                elif regained is not None:
                    regained()
                holder = found

    def release(self) -> None:
        with suppress(DatabaseUnavailable):
            self._run(lambda connection: connection.execute(statement("process_lease_release"), self._values))

    def _taken(self) -> bool:
        return self._run(
            lambda connection: connection.execute(statement("process_lease_take"), self._values).fetchone() is not None
        )

    def _another(self) -> str | None:
        """Who has it in place of this process. One that ends between the two questions has left it to us."""
        while not self._taken():
            row = self._run(
                lambda connection: connection.execute(statement("process_lease_read"), self._values).fetchone()
            )
            if row is not None:
                who, since = row
                return f"another process {self._does} for this ledger since {since:%Y-%m-%d %H:%M:%S} UTC ({who})"
        return None

    def _run(self, work: Callable[[psycopg.Connection[Any]], Result]) -> Result:
        return self._connection.run(f"looking who {self._does}", work)
