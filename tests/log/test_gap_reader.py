"""Nothing is passed that may still appear, and nothing is waited for that cannot."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any, ClassVar

import psycopg
import pytest

from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.reader import GapReader
from tests.log.builders import INSERT, rows

Connection = psycopg.Connection[Any]


class Watched(psycopg.Cursor[Any]):
    """Counts the statements of a look, and lets something happen before one of them."""

    executed = 0
    before: ClassVar[dict[int, Callable[[], None]]] = {}

    def execute(self, *args: Any, **options: Any) -> "Watched":
        Watched.before.pop(Watched.executed, lambda: None)()
        Watched.executed += 1
        super().execute(*args, **options)
        return self


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect(DatabaseRole.PROJECT) as opened:
        yield opened


@pytest.fixture
def reader(connection: Connection) -> GapReader:
    return GapReader(connection)


@contextmanager
def appending(database: Database) -> Iterator[Connection]:
    """A transaction that is still open; rolled back at the end unless it was ended before."""
    opened = database.connect(DatabaseRole.APPEND, autocommit=False)
    try:
        yield opened
    finally:
        opened.rollback()
        opened.close()


def insert(connection: Connection, user_id: str = "ada") -> int:
    row = connection.execute(INSERT, {"user_id": user_id}).fetchone()
    assert row is not None
    return int(row[0])


def committed(database: Database, number: int = 1) -> list[int]:
    with database.connect(DatabaseRole.APPEND) as opened:
        return [insert(opened) for _ in range(number)]


def test_an_empty_log_is_settled_at_the_start(reader: GapReader) -> None:
    look = reader.look(START)
    assert (look.settled, look.head, look.blocked_by, look.blocked_since) == (START, START, (), None)


def test_positions_without_a_gap_are_settled_at_once(database: Database, reader: GapReader) -> None:
    last = committed(database, 3)[-1]
    assert reader.look(START).settled == last


def test_positions_without_a_gap_are_settled_while_others_append(database: Database, reader: GapReader) -> None:
    last = committed(database, 3)[-1]
    with appending(database) as other:
        insert(other)
        look = reader.look(START)
    assert (look.settled, look.blocked_by) == (last, ())


def test_an_open_transaction_holds_back_what_comes_after_its_event(database: Database, reader: GapReader) -> None:
    before = committed(database)[0]
    with appending(database) as slow:
        insert(slow)
        after = committed(database)[0]
        look = reader.look(START)
        assert (look.settled, look.head) == (before, after)
        assert [blocker.pid for blocker in look.blocked_by] == [slow.info.backend_pid]
        assert reader.look(look.settled).settled == before
        slow.commit()
        look = reader.look(look.settled)
    assert (look.settled, look.blocked_by, look.blocked_since) == (after, (), None)


def test_a_gap_left_by_a_rollback_passes(database: Database, reader: GapReader) -> None:
    with appending(database) as slow:
        insert(slow)
        after = committed(database)[0]
        assert reader.look(START).settled == START
        slow.rollback()
        assert reader.look(START).settled == after


def test_a_gap_from_before_the_first_look_passes_at_once(database: Database, reader: GapReader) -> None:
    with appending(database) as gone:
        insert(gone)
    after = committed(database)[0]
    assert reader.look(START).settled == after


def test_one_proof_covers_every_gap(database: Database, connection: Connection) -> None:
    reader = GapReader(connection, page=2)
    committed(database)
    for _ in range(5):
        with appending(database) as gone:
            insert(gone)
        committed(database)
    assert reader.look(START).settled == rows(database)[-1]


def test_a_gap_that_a_rolled_back_savepoint_left_passes(database: Database, reader: GapReader) -> None:
    with appending(database) as slow:
        slow.execute("savepoint half")
        insert(slow)
        slow.execute("rollback to savepoint half")
        after = committed(database)[0]
        assert reader.look(START).settled == after


def test_an_event_of_a_released_savepoint_is_waited_for(database: Database, reader: GapReader) -> None:
    with appending(database) as slow:
        slow.execute("savepoint half")
        inner = insert(slow)
        slow.execute("release savepoint half")
        after = committed(database)[0]
        assert reader.look(START).settled < inner
        slow.commit()
        assert reader.look(START).settled == after


def test_whoever_appends_later_does_not_hold_back_an_earlier_gap(database: Database, reader: GapReader) -> None:
    with appending(database) as first, appending(database) as second:
        insert(first)
        after = committed(database)[0]
        assert reader.look(START).settled == START
        insert(second)
        first.rollback()
        look = reader.look(START)
    assert (look.settled, look.blocked_by) == (after, ())


def test_what_was_filled_passes_while_a_later_gap_is_waited_for(database: Database, reader: GapReader) -> None:
    with appending(database) as first, appending(database) as second:
        insert(first)
        middle = Position(committed(database)[0])
        waiting = insert(second)
        last = committed(database)[0]
        assert reader.look(START).settled == START
        first.commit()
        look = reader.look(START)
        assert look.settled == middle == waiting - 1
        assert [blocker.pid for blocker in look.blocked_by] == [second.info.backend_pid]
        second.commit()
        assert reader.look(middle).settled == last


def test_a_transaction_that_appends_nothing_blocks_nothing(database: Database, reader: GapReader) -> None:
    """However long it runs and whatever else it writes; nor does one on the log of another database."""
    with database.connect(DatabaseRole.PROJECT, autocommit=False) as long:
        long.execute("select count(*) from webhook_audit_log")
        long.execute("insert into ledger_operation (kind, performed_by) values ('replay', 'ada')")
        with appending(database) as gone:
            insert(gone)
        after = committed(database)[0]
        assert reader.look(START).settled == after


def test_an_appender_in_another_database_blocks_nothing(
    database: Database, reader: GapReader, connection: Connection
) -> None:
    with database.connect(DatabaseRole.LOGIN) as admin:
        name = f"{admin.info.dbname}_other"
        admin.execute(f"create database {name}".encode())
    other = Database(database.dsn.replace(connection.info.dbname, name))
    try:
        with other.connect(DatabaseRole.LOGIN, autocommit=False) as elsewhere:
            elsewhere.execute("create table webhook_audit_log (id bigint)")
            elsewhere.execute("insert into webhook_audit_log values (1)")
            with appending(database) as gone:
                insert(gone)
            after = committed(database)[0]
            assert reader.look(START).settled == after
    finally:
        with database.connect(DatabaseRole.LOGIN) as admin:
            admin.execute(f"drop database {name} with (force)".encode())


@pytest.mark.parametrize("noted_before", [True, False], ids=["noted before it was prepared", "noted after"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_prepared_transaction_is_waited_for_until_it_is_ended(
    database: Database, reader: GapReader, noted_before: bool, end: str
) -> None:
    with appending(database) as slow:
        inside = insert(slow)
        after = committed(database)[0]
        if noted_before:
            assert reader.look(START).settled == START
        slow.execute("prepare transaction 'ghost'")
        slow.rollback()
        insert(slow)  # the session goes on, with another transaction
        look = reader.look(START)
        assert look.settled == START
        assert [(blocker.pid, blocker.gid) for blocker in look.blocked_by if blocker.gid] == [(None, "ghost")]
        assert str(look.blocked_by[0]) == "prepared transaction 'ghost'" or len(look.blocked_by) == 2
        assert all(blocker.since is not None for blocker in look.blocked_by if blocker.gid)
        slow.rollback()
        assert reader.look(START).settled == START
        slow.autocommit = True
        slow.execute(f"{end} prepared 'ghost'".encode())
        assert reader.look(START).settled == after
    assert (inside in rows(database)) is (end == "commit")


def test_a_transaction_that_locked_the_table_first_is_waited_for(database: Database, reader: GapReader) -> None:
    """A stronger lock does not stand in for the one that an insert takes."""
    with database.connect(DatabaseRole.OWNER, autocommit=False) as owner:
        owner.execute("lock table webhook_audit_log in share row exclusive mode")
        with appending(database) as gone:
            gone.execute("set lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                insert(gone)
        first = insert(owner)
        owner.commit()
        insert(owner)
        last = committed(database)[0]
        assert reader.look(START).settled == first
        owner.commit()
        assert reader.look(START).settled == last


def test_a_gap_is_blocked_since_it_was_first_seen(database: Database, reader: GapReader) -> None:
    with appending(database) as slow:
        insert(slow)
        committed(database)
        since = reader.look(START).blocked_since
        committed(database)
        assert since is not None
        assert reader.look(START).blocked_since == since


def test_a_look_with_nothing_new_is_one_query(database: Database, connection: Connection) -> None:
    last = Position(committed(database, 3)[-1])
    reader = GapReader(connection)
    reader.look(START)
    connection.cursor_factory = Watched
    Watched.executed = 0
    reader.look(last)
    assert Watched.executed == 1


def test_what_is_settled_stays_settled_for_whoever_asks_from_further_back(
    database: Database, reader: GapReader
) -> None:
    settled = reader.look(Position(committed(database, 3)[0])).settled
    with appending(database) as gone:
        insert(gone)
    last = committed(database)[0]
    assert reader.look(settled).settled == last
    assert reader.look(START).settled == last


def test_a_look_behind_where_it_began_asks_again(database: Database, connection: Connection) -> None:
    with appending(database) as slow:
        gap = insert(slow)
        last = Position(committed(database)[0])
        reader = GapReader(connection)
        assert reader.look(last).settled == last
        assert reader.look(START).settled == gap - 1


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_nothing_that_happens_between_two_statements_of_a_look_is_missed(
    database: Database, connection: Connection, end: str
) -> None:
    """One appender that was noted ends, another begins and is overtaken, each at every step of three looks."""
    connection.cursor_factory = Watched
    steps = range(10)
    for ending, beginning in product(steps, steps):
        start = Position(committed(database)[0])
        with appending(database) as first, appending(database) as second:
            insert(first)
            committed(database)
            overtaken: list[int] = []

            def begin(second: Connection = second, overtaken: list[int] = overtaken) -> None:
                overtaken.append(insert(second))
                committed(database)

            def finish(first: Connection = first) -> None:
                getattr(first, end)()

            Watched.executed = 0
            Watched.before = {ending: finish, beginning: begin} if ending != beginning else {ending: begin}
            reader = GapReader(connection)
            for _ in range(3):
                settled = reader.look(start).settled
                assert not overtaken or settled < overtaken[0], f"ending at {ending}, beginning at {beginning}"
            Watched.before = {}
            first.rollback()
            second.commit()
            assert reader.look(start).settled == rows(database)[-1]


def test_a_long_log_is_settled_page_by_page_while_somebody_writes(database: Database, connection: Connection) -> None:
    last = committed(database, 10)[-1]
    with appending(database) as opened:
        insert(opened)
        reader = GapReader(connection, page=4)
        settled = START
        for expected in (4, 8, 10):
            settled = reader.look(settled).settled
            assert settled == last - 10 + expected


def test_a_long_log_that_nobody_writes_to_is_settled_at_once_with_its_gaps(
    database: Database, connection: Connection
) -> None:
    committed(database, 5)
    with appending(database) as opened:
        insert(opened)
    last = committed(database, 5)[-1]
    assert GapReader(connection, page=4).look(START).settled == last


def test_a_reader_takes_no_connection_whose_statements_share_a_snapshot(database: Database) -> None:
    with (
        database.connect(DatabaseRole.PROJECT, autocommit=False) as connection,
        pytest.raises(ValueError, match="autocommit"),
    ):
        GapReader(connection)


def test_a_look_within_a_transaction_is_refused(connection: Connection, reader: GapReader) -> None:
    with connection.transaction(), pytest.raises(ValueError, match="end the transaction"):
        reader.look(START)
