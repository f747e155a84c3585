"""Keeping deliveries."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.store import StoredDelivery, store
from tests.inbox.builders import NOON, delivery, kept, rows
from tests.runner.test_runner import wait_until


def test_deliveries_are_kept_in_the_order_in_which_they_came(database: Database) -> None:
    first = kept(database, *[delivery(f"{number}") for number in (3, 1, 2)])
    assert rows(database, "body") == [b"3", b"1", b"2"]
    assert [each.id for each in first] == rows(database, "id")
    assert not any(each.repeated for each in first)


def test_a_delivery_that_comes_again_is_counted_and_not_kept_twice(database: Database) -> None:
    (first,) = kept(database, delivery("a", minute=1))
    again = kept(database, delivery("b"), delivery("a", minute=9), delivery("a", minute=5), delivery("b"))
    assert [(each.id == first.id, each.repeated) for each in again] == [
        (False, False),
        (True, True),
        (True, True),
        (False, True),
    ]
    assert rows(database, "body, repeats, extract(minute from last_received_at)::int") == [(b"a", 2, 9), (b"b", 1, 0)]
    with database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select source, received, repeats from inbox_source").fetchall() == [("bells", 5, 3)]


def test_writers_at_once_keep_each_delivery_once_count_all_and_lock_nobody_out_for_ever(database: Database) -> None:
    numbers = list(range(20))

    def write(seed: int) -> list[StoredDelivery]:
        mine = random.Random(seed).sample(numbers, len(numbers))
        return kept(database, *[delivery(f"{each}", source=f"bells{each % 2}") for each in mine])

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(write, range(16)))
    assert sum(not each.repeated for written in done for each in written) == 20
    assert sorted(rows(database, "repeats")) == [15] * 20
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute("select received, repeats from inbox_source order by source").fetchall()
    assert found == [(160, 150), (160, 150)]


def test_of_one_source_a_smaller_id_was_committed_earlier(database: Database) -> None:
    """A writer that draws its ids and dawdles holds up the others of its source, and of no other one."""
    kept(database, delivery("first"), delivery("other", source="gongs"))
    with database.connect(DatabaseRole.APPEND, autocommit=False) as slow:
        store(slow, [delivery("slow")])
        assert kept(database, delivery("of another source", source="gongs"))
        with database.connect(DatabaseRole.APPEND) as quick:
            quick.execute("set lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                store(quick, [delivery("quick")])


def test_no_id_is_drawn_while_another_writer_of_the_source_has_drawn_one(database: Database) -> None:
    """The writer that is slow waits in the middle of its statement, where it has drawn its ids and counted nothing."""
    kept(database, delivery("first"))
    with database.connect(DatabaseRole.APPEND, autocommit=False) as in_the_way, ThreadPoolExecutor(1) as pool:
        in_the_way.execute(
            "insert into inbox (source, kind, received_at, digest, body, details, last_received_at) "
            "values ('bells', 'rung', now(), sha256('shared'), '', '{}', now())"
        )
        slow = pool.submit(kept, database, delivery("drawn"), delivery("shared"))
        with database.connect(DatabaseRole.LOGIN) as watching:
            wait_until(
                lambda: (
                    watching.execute(
                        "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%inbox%'"
                    ).rowcount
                    == 1
                )
            )
        with database.connect(DatabaseRole.APPEND) as quick:
            quick.execute("set lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                store(quick, [delivery("quick")])
        in_the_way.rollback()
        assert [each.repeated for each in slow.result()] == [False, False]


def test_what_is_kept_is_never_altered(database: Database) -> None:
    kept(database, delivery("a"))
    for statement in ("update inbox set body = ''", "update inbox set received_at = now()", "truncate inbox"):
        with database.connect(DatabaseRole.APPEND) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.mark.parametrize("role", [DatabaseRole.READ, DatabaseRole.PROJECT])
def test_who_only_reads_sees_everything_but_bodies_and_changes_nothing(database: Database, role: DatabaseRole) -> None:
    kept(database, delivery("a"))
    with database.connect(role) as connection:
        assert connection.execute("select id, kind, size, state from inbox").fetchone() is not None
        for statement in ("select body from inbox", "update inbox set state = 'translated'", "delete from inbox"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_details_and_origin_come_back_as_they_were_given(database: Database) -> None:
    given = replace(delivery("a"), origin="main", details={"sequence": 7, "resumed": None})
    kept(database, given)
    assert rows(database, "origin, details, received_at") == [("main", {"sequence": 7, "resumed": None}, NOON)]
