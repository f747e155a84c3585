"""Whoever appends: single events and many, transactions that roll back or roll back in part, every isolation level."""

import json
import random
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Transaction

from temple_ledger.domain.errors import EventConflict, LedgerError
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import Appended, LogAppender, append_within
from tests.chaos.acknowledged import Acknowledged
from tests.chaos.processes import pause

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
MEMBERS: Final = tuple(str(7_000_000_000_000_000_00 + number) for number in range(200))
ROLES: Final = tuple(str(4_000_000_000_000_000_00 + number) for number in range(12))
KINDS: Final = (
    ("discord_join", "joined"),
    *[("discord_role_change", "added")] * 8,
    *[("discord_role_change", "removed")] * 5,
    ("discord_leave", "left"),
    ("patreon_membership", "changed"),
    ("patreon_membership", "ended"),
    ("member_inactivity", "marked"),
    ("discord_message_pin", "pinned"),
)
LATE: Final = 0.02
PATIENCE_SECONDS: Final = 5.0

Connection = psycopg.Connection[Any]


class Clock:
    """When things happen, for all who append: with a clock each, nearly everything of the slower ones would be late."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = 0

    def next(self, dice: random.Random) -> datetime:
        """As late as the one before, or a little later."""
        with self._lock:
            return START + timedelta(seconds=self._seconds)


class Persons:
    """Members who ask to be erased one day: nobody appends about them from then on."""

    def __init__(self, first: int = 8_000_000_000_000_000_00) -> None:
        self._numbers = count(first)
        self._lock = threading.Lock()
        self._there = [str(next(self._numbers)) for _ in range(5)]

    def draw(self, dice: random.Random) -> str:
        with self._lock:
            return dice.choice(self._there)

    def leave(self, dice: random.Random) -> str:
        """Another one comes instead."""
        with self._lock:
            place = dice.randrange(len(self._there))
            gone, self._there[place] = self._there[place], str(next(self._numbers))
            return gone


class Appender:
    """One thread's. Its events are those of its seed; how they are cut into transactions is, too."""

    def __init__(self, database: Database, record: Acknowledged, persons: Persons, clock: Clock, seed: str) -> None:
        self.database = database
        self.record = record
        self.persons = persons
        self.clock = clock
        self.dice = random.Random(seed)
        self.met: set[str] = set()
        self._appender: LogAppender | None = None
        self._connection: Connection | None = None

    def run(self, ended: threading.Event, pace: float) -> None:
        ways: Sequence[Callable[[], None]] = (
            *[self.many] * 4,
            self.one,
            self.rolled_back,
            self.partly_rolled_back,
            lambda: self.within("repeatable read"),
            lambda: self.within("serializable"),
        )
        while not ended.is_set():
            try:
                self.dice.choice(ways)()
            except (psycopg.Error, LedgerError) as error:
                # nobody knows what became of it: no promise was made
                self.met.add(getattr(error, "sqlstate", None) or type(error).__name__)
                self.close()
                pause(0.1)
            pause(self.dice.uniform(0, 2 * pace))
        self.close()

    def close(self) -> None:
        for each in (self._appender, self._connection):
            if each is not None:
                each.close()
        self._appender = self._connection = None

    def one(self) -> None:
        (entry,) = self.entries(1)
        self._promised([entry], [self.appender().append(entry)])

    def many(self) -> None:
        self.append_some(self.dice.randint(2, 20))

    def append_some(self, number: int) -> None:
        entries = self.entries(number)
        self._promised(entries, self.appender().append_many(entries))

    def rolled_back(self) -> None:
        entries = self.entries(self.dice.randint(1, 5))
        connection = self.connection()
        with connection.transaction(force_rollback=True):
            append_within(connection, entries)
        self.record.add_rolled_back(each.event_id for each in entries)

    def partly_rolled_back(self) -> None:
        stays, goes = self.entries(2), self.entries(3)
        connection = self.connection()
        with connection.transaction() as whole:
            outcomes = append_within(connection, stays)
            with connection.transaction(force_rollback=True):
                append_within(connection, goes)
        if whole.status is not Transaction.Status.COMMITTED:
            # the driver passes over a connection that was lost while it rolled back to the savepoint
            raise psycopg.OperationalError("the connection was lost")
        self._promised(stays, outcomes)
        self.record.add_rolled_back(each.event_id for each in goes)

    def within(self, level: str) -> None:
        entries, connection = self.entries(2), self.connection()
        with connection.transaction():
            connection.execute(f"set transaction isolation level {level}".encode())
            connection.execute("select 1 from webhook_audit_log limit 1")
            outcomes = append_within(connection, entries)
        self._promised(entries, outcomes)

    def appender(self) -> LogAppender:
        if self._appender is None:
            self._appender = LogAppender(self.database, patience_seconds=PATIENCE_SECONDS)
        return self._appender

    def connection(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self.database.connect(DatabaseRole.APPEND, application="storm append")
        return self._connection

    def entries(self, number: int) -> list[LogEntry]:
        return [self._entry() for _ in range(number)]

    def _entry(self) -> LogEntry:
        dice = self.dice
        event_type, action = dice.choice(KINDS)
        when = self.clock.next(dice)
        if dice.random() < LATE:
            when -= timedelta(seconds=dice.randrange(3_600))
        role = event_type == "discord_role_change"
        target = dice.choice(ROLES) if role else "Oracle" if action == "changed" else None
        granted_by = dice.choice([None, {"granted_by": "mod"}, {"granted_by": ""}, {"granted_by": "bot"}])
        user_id = dice.choice(MEMBERS) if dice.random() < 0.97 else self.persons.draw(dice)
        metadata = None if granted_by is None or not role else json.dumps(granted_by)
        return LogEntry(UUID(int=dice.getrandbits(128)), when, event_type, user_id, action, target, metadata, "storm")

    def _promised(self, entries: Sequence[LogEntry], outcomes: Sequence[Appended | EventConflict]) -> None:
        self.record.add_events(
            (entry.event_id, outcome.position, entry.user_id)
            for entry, outcome in zip(entries, outcomes, strict=True)
            if isinstance(outcome, Appended)
        )
