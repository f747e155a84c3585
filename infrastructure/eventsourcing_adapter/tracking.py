"""How far a projection of the library is, kept in our database with the rows that it writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final, LiteralString

import psycopg
from eventsourcing.persistence import IntegrityError, ProgrammingError, Tracking, TrackingRecorder

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.eventsourcing_adapter.connections import Connections
from temple_ledger.infrastructure.eventsourcing_adapter.errors import library_errors

PREFIX: Final = "tracking"
"""Of the rows in projection_checkpoint that are the library's: `tracking:PROJECTION:APPLICATION`.

The name of a projection of ours has no colon, so the two never meet.
"""
LONGEST: Final = 63

_CREATE_LOCK: Final = 0x7E3A_1ED7
"""Key of the advisory lock under which tables of views are made."""


class CheckpointTrackingRecorder(TrackingRecorder):
    """The base of a view that lives in our database: its rows and its tracking are committed together.

        class RoleCounts(CheckpointTrackingRecorder):
            tables = (
                "create table if not exists role_counts (role text primary key, members bigint not null)",
                "grant select, insert, update, delete on role_counts to temple_project",
            )

            def count(self, role: str, tracking: Tracking) -> None:
                with self.tracked(tracking) as cursor:
                    cursor.execute(...)

    Tracking goes forward only: a position that is recorded already, or was passed, is an IntegrityError, and
    nothing of that transaction is kept. Two recorders with one *name* share their tracking.
    """

    tables: ClassVar[tuple[LiteralString, ...]] = ()
    """Statements that make the view's tables, and may be run again; run as temple_owner."""

    def __init__(self, database: Database, *, name: str = "notification") -> None:
        self.database = database
        self.name = name
        self._connections = Connections(database, DatabaseRole.PROJECT)

    def create_tables(self) -> None:
        """The library's CREATE_TABLE=no leaves this out, where only migrations may create."""
        if not self.tables:
            return
        with (
            library_errors(),
            self.database.connect(DatabaseRole.OWNER, application="temple library") as connection,
            connection.transaction(),
        ):
            connection.execute(statement("library_create_lock"), {"key": _CREATE_LOCK})
            for each in self.tables:
                connection.execute(each)

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Cursor]:
        """Committed when the block ends, rolled back when it raises; the role is temple_project.

        The driver's errors leave it as the library's, so that its `retry` works on whole methods of a view.
        """
        with library_errors(), self._connections.one() as connection, connection.transaction():
            yield connection.cursor()

    @contextmanager
    def tracked(self, tracking: Tracking) -> Iterator[psycopg.Cursor]:
        """A transaction that records *tracking* and what is done in the block. Raises IntegrityError."""
        with self.transaction() as cursor:
            self._insert_tracking(cursor, tracking)
            yield cursor

    def insert_tracking(self, tracking: Tracking) -> None:
        def insert(connection: psycopg.Connection) -> None:
            with connection.transaction():
                self._insert_tracking(connection.cursor(), tracking)

        with library_errors():
            self._connections.run(insert)

    def max_tracking_id(self, application_name: str) -> int | None:
        key = self._key(application_name)
        with library_errors():
            return self._connections.run(lambda connection: _position(connection, key))

    def close(self) -> None:
        self._connections.close()

    def _insert_tracking(self, cursor: psycopg.Cursor, tracking: Tracking) -> None:
        values = {"tracking": self._key(tracking.application_name), "position": tracking.notification_id}
        moved = cursor.execute(statement("library_insert_tracking"), values).fetchone()
        if moved is None:
            raise IntegrityError(
                f"{self.name} has recorded {tracking.application_name} {tracking.notification_id}, or a later position"
            )

    def _key(self, application_name: str) -> str:
        for part in (self.name, application_name):
            if not part or ":" in part or "\x00" in part:
                raise ProgrammingError(f"{part!r} cannot name a tracking: it is empty, or has a colon in it")
        key = f"{PREFIX}:{self.name}:{application_name}"
        if len(key) > LONGEST:
            raise ProgrammingError(
                f"{key} has {len(key)} characters, {LONGEST} fit: give the projection a shorter `name`"
            )
        return key


def _position(connection: psycopg.Connection, key: str) -> int | None:
    row = connection.execute(statement("library_max_tracking_id"), {"tracking": key}).fetchone()
    return None if row is None else int(row[0])
