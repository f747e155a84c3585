"""The log as the library's ApplicationRecorder."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    ApplicationRecorder,
    DataError,
    IntegrityError,
    NotSupportedError,
    StoredEvent,
    Subscription,
)

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import EventConflict
from temple_ledger.domain.log_entry import LogEntry, entry_of_line
from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.migrations import require_current
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.eventsourcing_adapter.connections import Connections
from temple_ledger.infrastructure.eventsourcing_adapter.errors import library_errors
from temple_ledger.infrastructure.eventsourcing_adapter.mapper import RowNotification, topic_of
from temple_ledger.infrastructure.eventsourcing_adapter.notifications import member_notifications, notifications
from temple_ledger.infrastructure.eventsourcing_adapter.subscription import LogSubscription
from temple_ledger.infrastructure.log.append import require_none_in_future
from temple_ledger.infrastructure.log.comparison import as_json, compare
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.log.reader import GapReader
from temple_ledger.infrastructure.log.safety import require_safe_log

_READING = "reading the log"


class LogRecorder(ApplicationRecorder):
    """Safe to share between threads: appends run side by side, reads one after the other.

    The position is both the notification id and the version of an event within its member. The log gives it,
    so positions of one member increase and skip numbers, and nobody can know the next one: there is no
    appending at an expected version. Facts are not decisions, and appenders never wait for one another.
    """

    def __init__(self, database: Database, *, catalogue: Catalogue) -> None:
        """Raises OperationalError without a database; ProgrammingError for one of another version, or one in
        which reading would lose events."""
        self.database = database
        self._catalogue = catalogue
        self._appending = Connections(database, DatabaseRole.APPEND)
        self._notifier = Notifier(database)
        self._reader: tuple[psycopg.Connection[Any], GapReader] | None = None
        # one connection: what a GapReader has proved holds for its own
        with library_errors():
            self._reading = RetryingConnection(database, DatabaseRole.READ, application="temple library")
            try:
                self._reading.run(_READING, self._gap_reader)
            except BaseException:
                self._reading.close()
                raise

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        """Appends all of them or none, in their order, and returns their positions.

        An event whose id is in the log with the same content adds nothing, so a failed call may be repeated;
        without an id in its state, one is computed from the content.

        Raises IntegrityError for an id that the log has with another content, and for a version other than 0,
        which says that the event was read from the log; DataError for a state that is no row of the log,
        NotSupportedError for a tracking, OperationalError when it is not known whether the events are there.
        """
        if kwargs.get("tracking") is not None:
            raise NotSupportedError("the log keeps no tracking: a view of CheckpointTrackingRecorder does")
        if not stored_events:
            return []
        with library_errors():
            entries = [_entry_of(each, self._catalogue) for each in stored_events]
            require_none_in_future(entries)
            positions = self._appending.run(lambda connection: _append(connection, entries))
        self._notifier.notify()
        return positions

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """As far as they are visible now: an event that is committed later may stand before one of these."""
        with library_errors():
            return self._reading.run(
                _READING,
                lambda connection: member_notifications(
                    connection, str(originator_id), after=gt, upto=lte, desc=desc, limit=limit
                ),
            )

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[RowNotification]:
        """Ends before a position that an open transaction may still fill; a later call goes on from there."""
        first = START if start is None else Position(max(START, start - inclusive_of_start))
        with library_errors():
            return self._reading.run(_READING, lambda connection: self._settled(connection, first, limit, stop, topics))

    def max_notification_id(self) -> int | None:
        """The greatest position that is visible, whether or not smaller ones are still to come.

        What it returns can be waited for; a subscription from there on could miss an event that commits late.
        """
        with library_errors():
            return self._reading.run(_READING, _head)

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return LogSubscription(self, self.database, gt=gt, topics=topics)

    def close(self) -> None:
        self._notifier.close()
        self._reading.close()
        self._appending.close()

    def _settled(
        self,
        connection: psycopg.Connection[Any],
        after: Position,
        limit: int,
        stop: int | None,
        topics: Sequence[str],
    ) -> list[RowNotification]:
        reader = self._gap_reader(connection)
        found: list[RowNotification] = []
        while len(found) < limit:
            settled = reader.look(after).settled
            upto = settled if stop is None else Position(min(stop, settled))
            if upto <= after:
                break
            found += notifications(connection, after=after, upto=upto, limit=limit - len(found), topics=topics)
            after = upto
        return found

    def _gap_reader(self, connection: psycopg.Connection[Any]) -> GapReader:
        """Checked again for every connection: behind one address there may be another server now."""
        if self._reader is None or self._reader[0] is not connection:
            require_current(connection)
            require_safe_log(connection)
            self._reader = (connection, GapReader(connection))
        return self._reader[1]


def _entry_of(stored: StoredEvent, catalogue: Catalogue) -> LogEntry:
    """Raises InvalidEvent."""
    if stored.originator_version != START:
        raise IntegrityError(
            f"{stored.topic} of {stored.originator_id} has the version {stored.originator_version}: "
            "versions are positions, given by the log; a new event has version 0"
        )
    entry = entry_of_line(stored.state, catalogue)
    if (entry.user_id, topic_of(entry.event_type, entry.action)) != (str(stored.originator_id), stored.topic):
        raise DataError(f"the state of {stored.topic} is that of another member or event type")
    return entry


def _append(connection: psycopg.Connection, entries: Sequence[LogEntry]) -> list[int]:
    """Raises EventConflict, and then nothing is kept."""
    # one statement needs no transaction around it: one event is stored, or not
    with connection.transaction() if len(entries) > 1 else nullcontext():
        rows = connection.execute(statement("log_append_many"), {"entries": as_json(entries)}).fetchall()
        added: dict[UUID, int] = dict(rows)
        if len(added) == len(entries):
            return [added[entry.event_id] for entry in entries]
        found = compare(connection, entries)
        for index, entry in enumerate(entries):
            if not found[index].same:
                raise EventConflict(str(entry.event_id), found[index].position)
        return [found[index].position for index in range(len(entries))]


def _head(connection: psycopg.Connection[Any]) -> int | None:
    row = connection.execute(statement("log_head")).fetchone()
    return None if row is None else row[0] or None
