"""`Feed`: the changes of a projection, one after the other, with a position that is remembered."""

import heapq
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Self

import psycopg
import structlog

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import DatabaseUnavailable, Refused, UnknownName
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, passes, reason_of
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.table_queries import rows_by_member
from temple_ledger.infrastructure.log.durable import wait_until_durable
from temple_ledger.infrastructure.log.reader import events_at
from temple_ledger.projections.change import Beginning, Change, Complete, Reset
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed_as
from temple_ledger.projections.row_json import rows_from_json
from temple_ledger.projections.tables import check_name

PAGE: Final = 500
POLL_SECONDS: Final = 0.2
RECOVER_SECONDS: Final = 1.0
ROWS_AT_A_TIME: Final = 5_000
SNAPSHOT_IDLE: Final = "10min"
NEW: Final = "it is new"
UNFINISHED: Final = "it had not finished beginning"

FeedItem = Change[Any] | Reset[Any] | Beginning | Complete
Connection = psycopg.Connection[Any]

log = structlog.get_logger("temple.feed")


class Place(NamedTuple):
    """Where a consumer is: it has all up to there."""

    position: int
    operation: int
    user_id: str


@dataclass
class _Consumer:
    """As the ledger knows it."""

    version: int
    place: Place
    state: str
    checkpoint: int
    projection_state: str


class Feed:
    """Changes of one projection for one consumer: an iterator, and a context manager that closes it.

        with ledger.changes("moderation", consumer="bot") as feed:
            for item in feed:
                ...

    Each item is given at least once: the position moves when the next ones are asked for, so what was at hand when the
    process ended comes again, under the same `id`. `commit` moves it within a transaction of yours: then once.
    """

    def __init__(
        self,
        database: Database,
        projection: MemberProjection[Any],
        catalogue: Catalogue,
        consumer: str,
        *,
        start: Literal["rows", "now"],
        follow: bool,
        versions: Sequence[MemberProjection[Any]] = (),
    ) -> None:
        """*projection* is what readers see now; *versions* has those to which a switch may give the names meanwhile.

        Raises ProjectionMisdeclared for a consumer's name that is none.
        """
        check_name("consumer", consumer)
        self._database = database
        self._projection = projection
        self._catalogue = catalogue
        self._versions = {each.version: each for each in versions}
        self._fold: Fold[Any] = Fold(projection, catalogue)
        self._name = consumer
        self._start = start
        self._follow = follow
        self._closed = threading.Event()
        self._reading: Connection | None = None
        self._moving: Connection | None = None
        self._stored: Place | None = None
        self._state = "beginning"
        self._version = projection.version
        self._given: tuple[FeedItem, Place] | None = None
        self._items = self._all()
        self._noted = ""
        self._done: Place | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        # the generator notes what was done of its page
        self._items.close()

    def __iter__(self) -> Iterator[FeedItem]:
        return self

    def __next__(self) -> FeedItem:
        """Waits for the next one; ends where it was closed, or where nothing is left and it does not follow.

        Raises Refused, DatabaseUnavailable where the database refuses.
        """
        item, place = next(self._items)
        self._given = (item, place)
        return item

    def close(self) -> None:
        """From any thread: who waits for the next item is waited for no longer. The item at hand comes again."""
        self._closed.set()

    def commit(self, item: FeedItem, connection: Connection) -> None:
        """Moves the position behind *item*, the last one given, within the transaction that is open on *connection*.

        The connection is to the same database, with the role temple_deliver or one that has it. In a snapshot only
        `Complete` can be committed: before it, nothing moves. Raises Refused where another process has moved it.
        """
        if self._given is None or self._given[0] is not item:
            raise Refused("commit the item that the feed gave last")
        if isinstance(item, Beginning) or (self._state != "reading" and not isinstance(item, Complete)):
            return
        self._move(connection, self._given[1])

    def _all(self) -> Generator[tuple[FeedItem, Place]]:
        """Goes on after the database was away, from what is stored."""
        while not self._closed.is_set():
            try:
                yield from self._connected()
                return
            except (psycopg.Error, DatabaseUnavailable) as error:
                self._drop()
                if isinstance(error, psycopg.Error) and not passes(error):
                    raise DatabaseUnavailable(f"the feed: the database refused: {reason_of(error)}") from error
                log.warning("database error, trying again", consumer=self._name, reason=reason_of(error))
                self._closed.wait(RECOVER_SECONDS)
        self._drop()

    def _connected(self) -> Iterator[tuple[FeedItem, Place]]:
        self._reading = self._database.connect(DatabaseRole.READ, application="temple feed")
        self._moving = self._database.connect(DatabaseRole.DELIVER, application="temple feed")
        while not self._closed.is_set():
            consumer = self._consumer()
            if isinstance(consumer, str):
                yield from self._begin(consumer)
                continue
            self._stored, self._state, self._version = consumer.place, consumer.state, consumer.version
            page = list(self._page(consumer))
            if not page:
                if not self._follow:
                    self._require_going(consumer)
                    break
                self._note_standing(consumer)
                self._closed.wait(POLL_SECONDS)
                continue
            try:
                for item, place in page:
                    if self._closed.is_set():
                        break
                    yield item, place
                    # the next one is asked for: this one is done
                    self._done = place
            finally:
                self._move_to_done()
        self._drop()

    def _consumer(self) -> _Consumer | str:
        """Why it has to begin, where it has to."""
        values = {"projection": self._projection.name, "consumer": self._name}
        row = self._read().execute(statement("feed_consumer_read"), values).fetchone()
        if row is None:
            raise UnknownName("projection in this ledger", self._projection.name)
        version, state, checkpoint, of_version, position, operation, user_id, its_state = row
        if version != self._projection.version:
            self._follow_version(version)
        if of_version is None:
            return NEW
        if of_version != version:
            return f"version {version} has taken over from version {of_version}"
        if its_state == "behind":
            return "what it had not read was deleted: it was away for too long, or a person was erased"
        if its_state == "beginning":
            return UNFINISHED
        return _Consumer(version, Place(position, operation, user_id), its_state, checkpoint, state)

    def _follow_version(self, version: int) -> None:
        """The one that readers see now. Raises Refused where this process does not have its code."""
        found = self._versions.get(version)
        if found is None:
            raise Refused(
                f"readers see version {version} of {self._projection.name}, and this process has version "
                f"{self._projection.version}; install the same one"
            )
        self._projection = placed_as(found, active=True)
        self._fold = Fold(self._projection, self._catalogue)

    def _begin(self, reason: str) -> Iterator[tuple[FeedItem, Place]]:
        values = {"projection": self._projection.name, "consumer": self._name}
        try:
            version, position = self._move_connection().execute(statement("feed_register"), values).fetchall()[0]
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            raise Refused(
                f"{self._projection.name} is split into lanes, and has no feed; for one, first run: temple projection "
                f"lanes {self._projection.name} --join --apply"
            ) from error
        self._version, self._stored, self._state = version, Place(position, 0, ""), "beginning"
        with_rows = self._start == "rows" or reason not in (NEW, UNFINISHED)
        with self._database.connect(DatabaseRole.READ, application="temple feed") as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            # whoever takes the rows may take their time
            set_for_session(connection, "idle_in_transaction_session_timeout", SNAPSHOT_IDLE)
            with connection.transaction():
                at = self._checkpoint(connection)
                key = {**self._projection.key.parameters, "position": at}
                row = connection.execute(statement("feed_last_operation"), key).fetchone()
                place = Place(at, int(row[0]) if row is not None else 0, _LAST)
                if with_rows:
                    wait_until_durable(self._read())
                    yield Beginning(self._projection.name, version, Position(at), reason), self._stored
                    for user_id, rows in self._snapshot(connection):
                        if self._closed.is_set():
                            return
                        yield self._reset(user_id, rows, at, None), self._stored
        if with_rows:
            # the snapshot is over: whoever takes their time now holds up no switch
            yield Complete(self._projection.name, version, Position(at)), place
        if self._state == "beginning":
            self._move(self._move_connection(), place)

    def _snapshot(self, connection: Connection) -> Iterator[tuple[str, dict[str, list[Any]]]]:
        """Every member's rows, by user_id."""
        streams = [self._rows_of(connection, number) for number in range(len(self._projection.tables))]
        merged = heapq.merge(*streams, key=lambda each: each[0])
        for user_id, found in groupby(merged, key=lambda each: each[0]):
            rows: dict[str, list[Any]] = {}
            for _, table, row in found:
                rows.setdefault(table, []).append(row)
            yield user_id, rows

    def _rows_of(self, connection: Connection, number: int) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
        table = self._projection.tables[number]
        with connection.cursor(f"feed_{number}") as cursor:
            cursor.itersize = ROWS_AT_A_TIME
            cursor.execute(rows_by_member(table))
            for user_id, *row in cursor:
                yield user_id, table.name, tuple(row)

    def _page(self, consumer: _Consumer) -> Iterator[tuple[FeedItem, Place]]:
        connection = self._read()
        values = {**self._projection.key.parameters, **consumer.place._asdict(), "limit": PAGE}
        rows = connection.execute(statement("feed_page"), values).fetchall()
        if not rows:
            return
        wait_until_durable(connection)
        wanted = PositionSet.of(Position(position) for position, operation, *_ in rows if not operation)
        found = {each.position: each for page in events_at(connection, wanted, PAGE) for each in page}
        for position, operation, user_id, before, after in rows:
            place = Place(position, operation, user_id)
            if operation:
                after_rows = rows_from_json(self._projection.tables, after)
                yield self._reset(user_id, after_rows, position, operation), place
                continue
            if position not in found:
                raise Refused(f"the event at position {position} is not in the log any more")
            event = self._fold.event_of(found[Position(position)])
            before_state, after_state = self._state_of(before), self._state_of(after)
            yield (
                Change(
                    self._projection.name,
                    consumer.version,
                    user_id,
                    Position(position),
                    event,
                    before_state,
                    after_state,
                ),
                place,
            )

    def _state_of(self, text: str) -> Any:
        rows = rows_from_json(self._projection.tables, text)
        return self._projection.state_of(rows) if rows else None

    def _reset(self, user_id: str, rows: dict[str, list[Any]], at: int, operation: int | None) -> Reset[Any]:
        after = self._projection.state_of(rows) if any(rows.values()) else None
        return Reset(self._projection.name, self._version, user_id, Position(at), operation, after)

    def _move_to_done(self) -> None:
        done, self._done = self._done, None
        if done is not None and self._stored is not None and done > self._stored:
            self._move(self._move_connection(), done)

    def _move(self, connection: Connection, to: Place) -> None:
        if self._stored is None or (to <= self._stored and self._state == "reading"):
            return
        values = {
            **self._projection.key.parameters,
            "consumer": self._name,
            **self._stored._asdict(),
            "state": self._state,
            **{f"to_{name}": value for name, value in to._asdict().items()},
        }
        if connection.execute(statement("feed_move"), values).fetchone() is None:
            raise Refused(f"consumer {self._name} was moved by another process; one process reads under one name")
        self._stored, self._state = to, "reading"

    def _checkpoint(self, connection: Connection) -> int:
        values = {"projection": self._projection.name, "consumer": self._name}
        row = connection.execute(statement("feed_consumer_read"), values).fetchone()
        return 0 if row is None else int(row[2])

    def _require_going(self, consumer: _Consumer) -> None:
        if consumer.projection_state == ProjectionState.TRIGGER:
            raise Refused(_STANDS.format(projection=self._projection.name))

    def _note_standing(self, consumer: _Consumer) -> None:
        if consumer.projection_state == ProjectionState.TRIGGER and self._noted != consumer.projection_state:
            log.warning(_STANDS.format(projection=self._projection.name), consumer=self._name)
        self._noted = consumer.projection_state

    def _read(self) -> Connection:
        if self._reading is None:
            raise DatabaseUnavailable("the feed has no connection")
        return self._reading

    def _move_connection(self) -> Connection:
        if self._moving is None:
            raise DatabaseUnavailable("the feed has no connection")
        return self._moving

    def _drop(self) -> None:
        for connection in (self._reading, self._moving):
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.close()
        self._reading = self._moving = None


_LAST: Final = "\U0010ffff"
"""Behind every member."""
_STANDS: Final = (
    "{projection} is maintained by the trigger, and its feed stands still until temple trigger disable: then every "
    "member with events since is reset"
)


def forget_consumer(database: Database, projection: str, consumer: str) -> bool:
    """Whether there was one: from now on nothing is stored for it."""
    with database.connect(DatabaseRole.DELIVER, application="temple feed") as connection:
        values = {"projection": projection, "consumer": consumer}
        return connection.execute(statement("feed_forget"), values).fetchone() == (True,)
