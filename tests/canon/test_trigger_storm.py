"""Eight appenders at once with the trigger on: they wait for one another, and the rows are the fold."""

import random
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.rollups import rollup_drift
from temple_ledger.infrastructure.read_models.operations import parked, retry
from temple_ledger.infrastructure.read_models.trigger_mode import enable
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.projections.members import members, role_headcount
from tests.canon.drawn import Row, insert
from tests.canon.folds import by_python, drift, slowly, stored

APPENDERS = 8
TRANSACTIONS = 45
MEMBERS = [f"member-{number}" for number in range(6)]
KINDS = [
    ("discord_join", "joined"),
    *[("discord_role_change", "added")] * 8,
    *[("discord_role_change", "removed")] * 6,
    ("patreon_membership", "changed"),
    ("member_inactivity", "marked"),
]
RARE = ("discord_leave", "left")

Connection = psycopg.Connection[Any]
Way = Callable[[Connection, random.Random], None]


def rows(dice: random.Random, number: int) -> Sequence[Row]:
    """Few members and twentieths of seconds: some late, some at the same time as another, most in order.

    A late one makes good whatever went wrong before it, so there must not be too many.
    """
    made = []
    for _ in range(number):
        event_type, action = dice.choice(KINDS) if dice.random() < 0.97 else RARE
        now = datetime.now(UTC)
        when = now.replace(microsecond=now.microsecond // 50_000 * 50_000)
        if dice.random() < 0.05:
            when -= timedelta(seconds=dice.randrange(3))
        by = dice.choice([None, '{"granted_by": "mod"}', '{"granted_by": "bot"}'])
        target = f"role-{dice.randrange(12)}"
        made.append(Row(uuid4(), when.isoformat(), event_type, dice.choice(MEMBERS), action, target, by, "storm"))
    return made


def nap(connection: Connection, dice: random.Random) -> None:
    """Within the database, so that the transaction is open meanwhile."""
    connection.execute("select pg_sleep(%s)", (dice.uniform(0, 0.004),))


def one(connection: Connection, dice: random.Random) -> None:
    insert(connection, rows(dice, 1))


def one_and_a_nap(connection: Connection, dice: random.Random) -> None:
    with connection.transaction():
        insert(connection, rows(dice, 1))
        nap(connection, dice)


def many(connection: Connection, dice: random.Random) -> None:
    insert(connection, rows(dice, dice.randint(2, 12)))


def some_statements(connection: Connection, dice: random.Random) -> None:
    with connection.transaction():
        for _ in range(dice.randint(2, 3)):
            insert(connection, rows(dice, 1))
            nap(connection, dice)


def rolled_back(connection: Connection, dice: random.Random) -> None:
    with connection.transaction(force_rollback=True):
        insert(connection, rows(dice, dice.randint(1, 3)))
        nap(connection, dice)


def half_rolled_back(connection: Connection, dice: random.Random) -> None:
    with connection.transaction():
        insert(connection, rows(dice, 1))
        with connection.transaction(force_rollback=True):
            insert(connection, rows(dice, 2))
            nap(connection, dice)


def prepared(connection: Connection, dice: random.Random) -> None:
    gid = f"canon-{connection.info.backend_pid}"
    connection.execute("begin")
    insert(connection, rows(dice, 1))
    connection.execute(f"prepare transaction '{gid}'".encode())
    nap(connection, dice)
    connection.execute(f"{dice.choice(['commit', 'rollback'])} prepared '{gid}'".encode())


def carefully(connection: Connection, dice: random.Random) -> None:
    """In an isolation level that cannot see what the others do: whoever is met is parked."""
    connection.execute("begin isolation level repeatable read")
    connection.execute("select 1 from webhook_audit_log limit 1")
    nap(connection, dice)
    insert(connection, rows(dice, 1))
    connection.execute("commit")


WAYS: Sequence[Way] = (one, one, one, one_and_a_nap, many, some_statements, rolled_back, half_rolled_back)


def append(database: Database, seed: int, ways: Sequence[Way], met: list[str]) -> None:
    dice = random.Random(seed)
    with database.connect(DatabaseRole.APPEND) as connection:
        for _ in range(TRANSACTIONS):
            way = dice.choice(ways)
            try:
                way(connection, dice)
            except psycopg.Error as error:
                # as every appender has to: nothing of it was kept, and it may be tried again
                connection.execute("rollback")
                met.append(str(error.sqlstate))


def storm(database: Database, *more: Sequence[Way]) -> list[str]:
    """The SQLSTATEs of what the appenders met."""
    with database.connect(DatabaseRole.LOGIN) as login:
        login.execute(f"alter database {login.info.dbname} set deadlock_timeout = '20ms'".encode())
    seed, met = random.randrange(10_000), list[str]()
    ways = [*more, *[WAYS] * (APPENDERS - len(more))]
    threads = [
        threading.Thread(target=append, args=(database, seed * 100 + number, each, met))
        for number, each in enumerate(ways)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), f"seed {seed}"
    return met


def then_the_rows_are_the_fold(database: Database) -> None:
    with database.connect(DatabaseRole.READ) as read:
        there = stored(read, MEMBERS)
        assert there == by_python(read, MEMBERS)
        assert (there.roles, there.statuses) == slowly(read, MEMBERS, there.parked)
        assert drift(read) == []
        assert list(rollup_drift(read, role_headcount)) == []
    assert verify(database, members, catalogue=CATALOGUE).ok


def test_in_a_storm_the_rows_are_the_fold(database: Database) -> None:
    enable(database, catalogue=CATALOGUE, by="ada")
    met = storm(database, (*WAYS, prepared))
    assert set(met) <= {"40P01"}, "a deadlock is all that whoever appends may meet"
    then_the_rows_are_the_fold(database)


def test_in_a_storm_with_other_isolation_levels_the_rows_are_the_fold_after_a_retry(database: Database) -> None:
    enable(database, catalogue=CATALOGUE, by="ada")
    met = storm(database, (carefully,), (carefully, one))
    assert set(met) <= {"40P01"}
    with database.connect(DatabaseRole.READ) as read:
        failures = parked(read, projection="members")
    assert not retry(database, members, failures, catalogue=CATALOGUE, by="ada")
    then_the_rows_are_the_fold(database)
