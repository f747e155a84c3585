"""Appending: one event or many, once, however often it is tried."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

import psycopg

from temple_ledger.domain.errors import DatabaseUnavailable, EventConflict
from temple_ledger.domain.instant import require_not_future
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.retrying import PATIENCE_SECONDS, RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.comparison import LoggedEvent, as_json, compare
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.log.refusal import REFUSALS, refusal

_WHAT: Final = "appending"


class Appended(NamedTuple):
    """Where the event stands. `added` is False when the log had it already, also from an attempt of this call
    whose answer was lost. `retracted`: it is there and no projection counts it; that has not changed."""

    position: Position
    added: bool
    retracted: bool = False


class LogAppender:
    """Appends with the role that may do nothing else; one connection, so give each busy thread its own.

    An append is one statement in a transaction of its own, tried again as a whole, with the same event_id, until it
    is known to be in the log or patience is at an end.
    """

    def __init__(
        self,
        database: Database,
        *,
        notifier: Notifier | None = None,
        application: str = "temple append",
        patience_seconds: float = PATIENCE_SECONDS,
        allow_future: bool = False,
    ) -> None:
        """Without a *notifier*, readers find the events when they poll. *allow_future* accepts events that occur more
        than a day from now. Raises DatabaseUnavailable."""
        self._notifier = notifier
        self._allow_future = allow_future
        self._connection = RetryingConnection(
            database, DatabaseRole.APPEND, application=application, patience_seconds=patience_seconds
        )
        self._cursor: psycopg.Cursor[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def append(self, entry: LogEntry) -> Appended:
        """Raises EventConflict when the log has the event_id with another content, InvalidEvent for what no row of
        the log can hold, FutureEvent, DatabaseUnavailable when it is not known whether the event is there."""
        self._require_not_future([entry])
        position = self._connection.run(_WHAT, lambda connection: _insert(self._cursor_on(connection), entry))
        if position is not None:
            self._notify()
            return Appended(position, True)
        found = _reported(entry, self._look_up([entry])[0])
        if isinstance(found, EventConflict):
            raise found
        return found

    def append_many(self, entries: Sequence[LogEntry]) -> list[Appended | EventConflict]:
        """All in one transaction and one round trip; one more when some are in the log already.

        What became of each, in the order of *entries*, which is also that of their positions. Of two with one
        event_id the first counts. A conflict is reported in its place: nothing of it is stored, and the others are.
        Raises as `append` does, but for EventConflict, and then nothing was stored as far as is known.
        """
        if not entries:
            return []
        self._require_not_future(entries)
        added = self._connection.run(_WHAT, lambda connection: _insert_many(connection, entries))
        if added:
            self._notify()
        return _outcomes(entries, added, self._look_up)

    def _cursor_on(self, connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
        """The same one each time: a cursor finds out anew how each value is sent, which takes as long as sending it."""
        if self._cursor is None or self._cursor.connection is not connection:
            self._cursor = connection.cursor()
        return self._cursor

    def _require_not_future(self, entries: Sequence[LogEntry]) -> None:
        if not self._allow_future:
            require_none_in_future(entries)

    def _look_up(self, entries: Sequence[LogEntry]) -> dict[int, LoggedEvent]:
        """Of events that the insert has passed over, so that they are there and visible."""
        found = self._connection.run(_WHAT, lambda connection: compare(connection, entries))
        if len(found) < len(entries):
            raise DatabaseUnavailable(
                f"{_WHAT}: an event that was in the log is not there any more; run: temple doctor"
            )
        return found

    def _notify(self) -> None:
        if self._notifier is not None:
            self._notifier.notify()


def require_none_in_future(entries: Sequence[LogEntry]) -> None:
    """Raises FutureEvent, before anything is stored."""
    now = datetime.now(UTC)
    for entry in entries:
        require_not_future(entry.timestamp, now)


def append_within(connection: psycopg.Connection[Any], entries: Sequence[LogEntry]) -> list[Appended | EventConflict]:
    """As `LogAppender.append_many`, in the transaction that is open on *connection*: whoever opened it commits, tries
    again, and notifies the readers. Raises FutureEvent with nothing stored, InvalidEvent, after which only a roll-back
    helps, and psycopg.Error.
    """
    if not entries:
        return []
    require_none_in_future(entries)
    return _outcomes(entries, _insert_many(connection, entries), lambda left: compare(connection, left))


def _outcomes(
    entries: Sequence[LogEntry],
    added: Mapping[UUID, Position],
    look_up: Callable[[Sequence[LogEntry]], Mapping[int, LoggedEvent]],
) -> list[Appended | EventConflict]:
    """What became of each; what was not *added* has to be looked up in the log, by its place."""
    new = dict(added)
    positions = [new.pop(entry.event_id, None) for entry in entries]
    left = [entry for entry, position in zip(entries, positions, strict=True) if position is None]
    found = look_up(left)
    there = (found[place] for place in range(len(left)))
    return [
        _reported(entry, next(there)) if position is None else Appended(position, True)
        for entry, position in zip(entries, positions, strict=True)
    ]


def _reported(entry: LogEntry, found: LoggedEvent) -> Appended | EventConflict:
    return (
        Appended(found.position, False, found.retracted)
        if found.same
        else EventConflict(str(entry.event_id), found.position)
    )


def _insert(cursor: psycopg.Cursor[Any], entry: LogEntry) -> Position | None:
    """None when the event_id is there already."""
    try:
        row = cursor.execute(statement("log_append"), entry._asdict(), prepare=True).fetchone()
    except REFUSALS as error:
        raise refusal(error) from None
    return None if row is None else Position(row[0])


def _insert_many(connection: psycopg.Connection[Any], entries: Sequence[LogEntry]) -> dict[UUID, Position]:
    try:
        cursor = connection.execute(statement("log_append_many"), {"entries": as_json(entries)}, prepare=True)
    except REFUSALS as error:
        raise refusal(error) from None
    return {event_id: Position(position) for event_id, position in cursor}
