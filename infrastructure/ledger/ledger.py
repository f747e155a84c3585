"""`Ledger`: append events and ask for rows, from a program."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Literal, Self
from uuid import UUID, uuid4

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import Refused, SchemaMismatch, UnknownName
from temple_ledger.domain.event import Event
from temple_ledger.domain.log_entry import entry_of_event
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.ledger.feed import Feed, forget_consumer
from temple_ledger.infrastructure.ledger.spares import Spares
from temple_ledger.infrastructure.log.append import Appended, LogAppender
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.rows_then import rows_of_member_then
from temple_ledger.infrastructure.queries.versions import active_version
from temple_ledger.infrastructure.queries.waiting import APPLICATION, wait_on
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.projections.author import catalogue_or_installed
from temple_ledger.projections.endless_folds import endless_folds_end_in_thread
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import carried
from temple_ledger.projections.tables import Rows, Table
from temple_ledger.projections.tally import Tally

WAIT_SECONDS: Final = 60.0
CLOSED: Final = "this ledger was closed; make one for the whole program, and close it where the program ends"
PATIENCE_SECONDS: Final = 2.0
"""With a connection that was lost since it was last used."""

MemberRows = dict[str, list[dict[str, Any]]]
"""Rows by table, each by column, without user_id and stamp; a table without rows has an empty list."""


class Ledger:
    """A ledger that is there and migrated, for programs: bots, websites, adapters. Threads may share one.

        with Ledger("postgresql://…") as ledger:
            position = ledger.append(RoleAdded(...), event_id=uuid5(ORDERS, number)).position
            ledger.wait(position)
            ledger.rows("members", "500000000000000001")

    It folds nothing itself: a runner does (`temple run`).
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        projections: Sequence[Projection] | None = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        """*dsn* is by default TEMPLE_DATABASE_URL, or `database_url` of temple.toml. Of *projections* and *catalogue*
        the installed ones are the default. Connects when it is used. Raises Refused without a database."""
        self.database = Database(_dsn() if dsn is None else dsn)
        self._projections = tuple(carried() if projections is None else projections)
        models = [
            model for each in self._projections for model in (each.events if isinstance(each, Tally) else each.steps)
        ]
        self._catalogue = catalogue_or_installed(catalogue).with_models(models)
        self._closed = False
        self._notifier = Notifier(self.database)
        self._appenders = Spares(lambda: LogAppender(self.database, notifier=self._notifier))
        self._readers = Spares(self._reader)
        self._waiters = Spares(self._waiter)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes what is not in use; what is in use is closed when its call ends. Every later call raises Refused."""
        self._closed = True
        self._appenders.close()
        self._readers.close()
        self._waiters.close()
        self._notifier.close()

    def append(self, event: Event, *, event_id: UUID | None = None, notes: Mapping[str, Any] | None = None) -> Appended:
        """Where the event stands in the log, once it is committed there.

        The same *event_id* again adds nothing and gives the same position, so an append that failed, or that nobody
        waited for, is repeated with its id; without one, each call is a fact of its own. *notes* are further keys of
        the row's metadata. Raises EventConflict where the log has the id with another content, InvalidEvent,
        EventMisdeclared, FutureEvent, and DatabaseUnavailable when it is not known whether the event is there.
        """
        self._require_open()
        entry = entry_of_event(
            event, event_id=uuid4() if event_id is None else event_id, notes=notes, catalogue=self._catalogue
        )
        with self._appenders.lent() as appender:
            return appender.append(entry)

    def wait(
        self, position: Position | None = None, *, projection: str = "members", timeout_seconds: float = WAIT_SECONDS
    ) -> Position:
        """The position that *projection* has reached, at or above *position*; None is the log's head as it is now.

        What it folded up to there is on the disk. Raises NotFoldedInTime, UnknownName, DatabaseUnavailable.
        """
        self._require_open()
        deadline = time.monotonic() + timeout_seconds
        with self._waiters.lent() as waiter:
            return waiter.run(
                "waiting",
                lambda connection: wait_on(
                    connection,
                    self.database,
                    self._projections,
                    projection,
                    position,
                    timeout_seconds,
                    deadline,
                    self._catalogue,
                ),
            )

    def rows(
        self, projection: str, user_id: str, *, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> MemberRows:
        """The member's rows: as they are stored now, or folded from the log as of a time, as known at a time.

        The times are aware; events at exactly that time count. A member without rows has empty lists. Raises
        UnknownName for a projection that is not installed or has no rows of members, DatabaseUnavailable, EndlessFold
        for a rule that does not return; TypeError and ValueError for what is no id of a member (a number, as discord.py
        has it) or no instant.
        """
        self._require_open()
        versions = self._member_projections(projection)
        moment = AsOf(as_of, known_at)
        _require_member(user_id)
        with self._readers.lent() as reader:
            found, rows = reader.run("reading", lambda connection: self._read(connection, versions, user_id, moment))
        return {table.name: [_named(table, row) for row in rows.get(table.name, ())] for table in found.tables}

    def _read(
        self,
        connection: psycopg.Connection[Any],
        versions: Sequence[MemberProjection[Any]],
        user_id: str,
        moment: AsOf,
    ) -> tuple[MemberProjection[Any], Rows]:
        # a connection that was lost is another one now
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        # what is prepared fails once a switch gave the table's name to one with other types
        connection.prepare_threshold = None
        with connection.transaction():
            found = _seen_by_readers(connection, versions)
            if moment.is_now:
                return found, tables.rows_of_members(connection, found.tables, [user_id])[user_id]
            with endless_folds_end_in_thread():
                return found, rows_of_member_then(connection, found, user_id, moment, self._catalogue).rows

    def changes(
        self, projection: str, *, consumer: str, start: Literal["rows", "now"] = "rows", follow: bool = True
    ) -> Feed:
        """The changes of a projection for a consumer, whose position is remembered under its name: see `Feed`.

        A new consumer begins with the rows of a snapshot (`Beginning`, a `Reset` for each member, `Complete`), or with
        what changes from now on. Then there is a `Change` for each event that changed rows, in the order of the log,
        and a `Reset` where an operation set a member's rows anew. With *follow* it waits for more, else it ends. Raises
        UnknownName for a projection that is not installed or has no rows of members.
        """
        self._require_open()
        if start not in ("rows", "now"):
            raise ValueError(f'start is "rows" or "now", and not {start!r}')
        versions = self._member_projections(projection)
        with self._readers.lent() as reader:
            found = reader.run("reading", lambda connection: _seen_by_readers(connection, versions))
        return Feed(self.database, found, self._catalogue, consumer, start=start, follow=follow, versions=versions)

    def forget_consumer(self, projection: str, consumer: str) -> bool:
        """Whether there was such a consumer; nothing is stored for it any more."""
        self._require_open()
        return forget_consumer(self.database, projection, consumer)

    def _require_open(self) -> None:
        if self._closed:
            raise Refused(CLOSED)

    def _member_projections(self, name: str) -> list[MemberProjection[Any]]:
        members = [each for each in self._projections if isinstance(each, MemberProjection)]
        found = [each for each in members if each.name == name]
        if not found:
            raise UnknownName("projection with rows of members", name, tuple(sorted({each.name for each in members})))
        return found

    def _waiter(self) -> RetryingConnection:
        return self._retrying(APPLICATION)

    def _reader(self) -> RetryingConnection:
        return self._retrying("temple ledger")

    def _retrying(self, application: str) -> RetryingConnection:
        return RetryingConnection(
            self.database, DatabaseRole.READ, application=application, patience_seconds=PATIENCE_SECONDS
        )


def _seen_by_readers(
    connection: psycopg.Connection[Any], versions: Sequence[MemberProjection[Any]]
) -> MemberProjection[Any]:
    """The version whose rows the tables hold. Raises SchemaMismatch where this program has the code of another one."""
    checkpoints = read_checkpoints(connection)
    for each in versions:
        there = checkpoints.get(each.key)
        if there is not None and there.active:
            return placed(each, there)
    name = versions[0].name
    active = active_version(checkpoints, name)
    if active is None:
        raise SchemaMismatch(f"this ledger has no tables of {name}; run: temple db migrate")
    raise SchemaMismatch(
        f"readers see version {active} of {name}, this program has version {versions[0].version}; "
        f"run: temple projection switch {name} --to {versions[0].version}, or update the program"
    )


def _require_member(user_id: object) -> None:
    if not isinstance(user_id, str):
        raise TypeError(f"user_id is a {type(user_id).__name__}; the log has ids as texts: str({user_id!r})")
    if "\x00" in user_id:
        raise ValueError("user_id has a NUL character, which no id in the log has")


def _named(table: Table, row: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(table.column_names, row, strict=True))


def _dsn() -> str:
    url = load_settings({}).database_url
    if url is None:
        raise Refused("there is no database: give Ledger a DSN, or set TEMPLE_DATABASE_URL (temple db url prints one)")
    return url.get_secret_value()
