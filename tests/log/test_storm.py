"""Sixteen appenders that commit out of order: the reader sees each event once, a naive one does not."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.reader import GapReader, events
from tests.log.builders import INSERT, rows

SECONDS = 5.0
APPENDERS = 16
SLOW = "select pg_sleep(%(seconds)s)"

Connection = psycopg.Connection[Any]


def nap(connection: Connection, dice: random.Random, longest: float) -> None:
    """Within the database, so that the transaction is open meanwhile."""
    connection.execute(SLOW, {"seconds": dice.uniform(0.0, longest)})


def one_event(connection: Connection, dice: random.Random, user_id: str) -> None:
    with connection.transaction():
        connection.execute(INSERT, {"user_id": user_id})
        nap(connection, dice, 0.02)


def many_events(connection: Connection, dice: random.Random, user_id: str) -> None:
    with connection.transaction():
        for _ in range(dice.randint(2, 5)):
            connection.execute(INSERT, {"user_id": user_id})
            nap(connection, dice, 0.01)


def rolled_back(connection: Connection, dice: random.Random, user_id: str) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(INSERT, {"user_id": user_id})
        nap(connection, dice, 0.02)


def half_rolled_back(connection: Connection, dice: random.Random, user_id: str) -> None:
    with connection.transaction():
        connection.execute(INSERT, {"user_id": user_id})
        with connection.transaction(force_rollback=True):
            connection.execute(INSERT, {"user_id": user_id})
            nap(connection, dice, 0.01)
        with connection.transaction():
            connection.execute(INSERT, {"user_id": user_id})
            nap(connection, dice, 0.01)


def prepared(connection: Connection, dice: random.Random, user_id: str) -> None:
    # the name is the thread's own, so that two never meet
    gid = f"storm-{connection.info.backend_pid}"
    connection.execute("begin")
    connection.execute(INSERT, {"user_id": user_id})
    connection.execute(f"prepare transaction '{gid}'".encode())
    nap(connection, dice, 0.03)
    connection.execute(f"{dice.choice(['commit', 'commit', 'rollback'])} prepared '{gid}'".encode())


WAYS: tuple[Callable[[Connection, random.Random, str], None], ...] = (
    one_event,
    one_event,
    one_event,
    many_events,
    many_events,
    rolled_back,
    half_rolled_back,
)


def append_until(stop: threading.Event, database: Database, number: int, seed: int) -> None:
    dice = random.Random(seed * 100 + number)
    ways = (*WAYS, prepared) if number < 2 else WAYS
    with database.connect(DatabaseRole.APPEND) as connection:
        while not stop.is_set():
            dice.choice(ways)(connection, dice, f"member-{number}")


def read_until(stop: threading.Event, database: Database, seen: list[int]) -> None:
    """As the runner reads: look, then take what is settled; after the storm, to the end."""
    with database.connect(DatabaseRole.PROJECT) as connection:
        reader = GapReader(connection, page=50)
        after = START
        while True:
            ended = stop.is_set()
            look = reader.look(after)
            while page := events(connection, after, look.settled, 20):
                seen.extend(event.position for event in page)
                after = page[-1].position
            after = max(after, look.settled)
            if ended and look.settled == look.head:
                return


def read_naively_until(stop: threading.Event, database: Database, seen: list[int]) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        after = START
        while not stop.is_set():
            page = events(connection, after, Position(2**62), 1_000)
            seen.extend(event.position for event in page)
            after = page[-1].position if page else after


def test_in_a_storm_nothing_is_skipped_and_each_event_is_seen_once(database: Database) -> None:
    seed = random.randrange(10_000)
    storm_over, readers_over = threading.Event(), threading.Event()
    seen: list[int] = []
    seen_naively: list[int] = []
    appenders = [
        threading.Thread(target=append_until, args=(storm_over, database, number, seed)) for number in range(APPENDERS)
    ]
    readers = [
        threading.Thread(target=read_until, args=(readers_over, database, seen)),
        threading.Thread(target=read_naively_until, args=(readers_over, database, seen_naively)),
    ]
    for thread in [*readers, *appenders]:
        thread.start()
    storm_over.wait(SECONDS)
    storm_over.set()
    for thread in appenders:
        thread.join(60)
    readers_over.set()
    for thread in readers:
        thread.join(60)
        assert not thread.is_alive(), "a reader waits for what never comes"

    there = rows(database)
    assert len(there) > 500
    assert there[-1] > len(there), "without gaps it was no storm"
    assert seen == there, f"seed {seed}"
    assert len(seen_naively) < len(there)


def test_backends_that_are_killed_leave_gaps_that_pass(database: Database) -> None:
    """Each kill ends a transaction somewhere between its insert and its commit."""
    seed = random.randrange(10_000)
    dice = random.Random(seed)
    over = threading.Event()
    seen: list[int] = []

    def append() -> None:
        while not over.is_set():
            with suppress(psycopg.OperationalError):
                append_until(over, database, 5, dice.randrange(10_000))

    threads = [threading.Thread(target=append) for _ in range(4)]
    reader = threading.Thread(target=read_until, args=(over, database, seen))
    for thread in [*threads, reader]:
        thread.start()
    with database.connect(DatabaseRole.LOGIN) as admin:
        for _ in range(20):
            nap(admin, dice, 0.1)
            admin.execute(
                "select pg_terminate_backend(pid) from pg_locks"
                " where relation = 'webhook_audit_log'::regclass and mode = 'RowExclusiveLock' and pid is not null"
                " and database = (select oid from pg_database where datname = current_database())"
            )
    over.set()
    for thread in [*threads, reader]:
        thread.join(60)
    # a thread may have been between its last commit and its end when the reader looked for the last time
    rest: list[int] = []
    read_until(over, database, rest)
    assert rest == rows(database), f"seed {seed}"
    assert seen == rest[: len(seen)]
    assert len(seen) > 20
