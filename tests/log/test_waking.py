"""Told when there may be more; and what is told to nobody is found by polling."""

import errno
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.log.wakeup import Wakeup
from tests.log.builders import joined, rows
from tests.log.faulty_wire import faulty_wire

LONG = 60.0
"""Whoever waits in vain waits for so long, and then the test fails."""


@pytest.fixture
def wakeup(database: Database) -> Iterator[Wakeup]:
    """Listening already."""
    with Wakeup(database) as opened:
        assert opened.wait(0)
        yield opened


@pytest.fixture
def notifier(database: Database) -> Iterator[Notifier]:
    with Notifier(database) as opened:
        yield opened


def notifications(connection: psycopg.Connection[Any], seconds: float) -> int:
    return len(list(connection.notifies(timeout=seconds)))


def test_an_append_ends_a_wait(database: Database, wakeup: Wakeup, notifier: Notifier) -> None:
    with LogAppender(database, notifier=notifier) as appender:
        appender.append(joined("ada"))
    assert wakeup.wait(LONG)


def test_nothing_new_is_waited_for_in_vain(wakeup: Wakeup) -> None:
    started = time.monotonic()
    assert not wakeup.wait(0.2)
    assert time.monotonic() - started >= 0.2


def test_a_new_listener_looks_first(database: Database) -> None:
    """What was committed before it listened, nobody told it."""
    with Wakeup(database) as wakeup:
        assert wakeup.wait(LONG)


def test_a_crowd_of_appends_is_announced_together(database: Database) -> None:
    with database.connect(DatabaseRole.READ) as listener:
        listener.execute("listen temple_log")
        with Notifier(database, soon_seconds=0.2, every_seconds=LONG) as notifier:
            for _ in range(500):
                notifier.notify()
        # the last one when it is closed
        assert list(listener.notifies(timeout=LONG, stop_after=1))
        assert notifications(listener, 0.2) < 10


def test_what_came_alone_after_an_announcement_is_announced_soon(database: Database) -> None:
    with (
        database.connect(DatabaseRole.READ) as listener,
        Notifier(database, soon_seconds=0.01, every_seconds=10 * LONG) as notifier,
    ):
        listener.execute("listen temple_log")
        for _ in range(3):
            notifier.notify()
            assert list(listener.notifies(timeout=LONG, stop_after=1))


def test_an_append_that_adds_nothing_is_not_announced(database: Database, notifier: Notifier) -> None:
    entry = joined("ada")
    with LogAppender(database) as appender:
        appender.append(entry)
    with database.connect(DatabaseRole.READ) as listener:
        listener.execute("listen temple_log")
        with LogAppender(database, notifier=notifier) as appender:
            appender.append(entry)
        assert notifications(listener, 0.2) == 0


def test_a_notifier_without_a_database_fails_no_append(database: Database) -> None:
    with faulty_wire(database) as wire:
        wire.cut()
        with (
            Notifier(wire.database) as notifier,
            LogAppender(database, notifier=notifier) as appender,
        ):
            assert appender.append(joined("ada")).added
            assert appender.append(joined("grace")).added
    assert rows(database, "user_id") == ["ada", "grace"]


class Short(psycopg.Cursor[Any]):
    """Once, the machine has no descriptor left for a statement of that name."""

    of = ""

    def execute(self, query: Any, *arguments: Any, **named: Any) -> "Short":
        if Short.of and query == statement(Short.of):
            Short.of = ""
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        super().execute(query, *arguments, **named)
        return self


def test_a_notifier_outlives_a_machine_that_has_no_descriptor_left(database: Database, wakeup: Wakeup) -> None:
    Short.of = "log_notify"
    with Notifier(Database(database.dsn, cursors=Short), every_seconds=0.0) as notifier:
        deadline = time.monotonic() + LONG
        while not wakeup.wait(0.05):
            assert time.monotonic() < deadline
            notifier.notify()
    assert Short.of == ""


def test_a_listener_outlives_a_machine_that_has_no_descriptor_left(database: Database) -> None:
    Short.of = "log_listen"
    with Wakeup(Database(database.dsn, cursors=Short)) as wakeup:
        assert wakeup.wait(LONG)
    assert Short.of == ""


def test_a_notifier_whose_connection_is_lost_opens_another(database: Database, wakeup: Wakeup) -> None:
    with Notifier(database) as notifier:
        notifier.notify()
        assert wakeup.wait(LONG)
        end_connections_of(database, "temple notify")
        deadline = time.monotonic() + LONG
        notifier.notify()
        while not wakeup.wait(0.1):
            assert time.monotonic() < deadline
            notifier.notify()


def test_a_call_from_another_thread_ends_a_wait(wakeup: Wakeup) -> None:
    timer = threading.Timer(0.1, wakeup.wake)
    timer.start()
    assert wakeup.wait(LONG)
    timer.join()


def test_a_call_before_the_wait_ends_it_and_no_other(wakeup: Wakeup) -> None:
    wakeup.wake()
    wakeup.wake()
    assert wakeup.wait(LONG)
    assert not wakeup.wait(0.05)


def test_a_signal_ends_a_wait(wakeup: Wakeup) -> None:
    def on_alarm(number: int, frame: FrameType | None) -> None:
        wakeup.wake()

    before = signal.signal(signal.SIGALRM, on_alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert wakeup.wait(LONG)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_lost_connection_ends_the_wait_and_is_opened_again(database: Database, wakeup: Wakeup) -> None:
    end_connections_of(database, "temple wakeup")
    assert wakeup.wait(LONG), "a notification may have been lost with it"
    assert wakeup.wait(LONG), "opened again, and nobody told what came in between"
    with Notifier(database) as notifier:
        notifier.notify()
        assert wakeup.wait(LONG)


def test_a_database_that_is_away_is_waited_for(database: Database) -> None:
    with faulty_wire(database) as wire, Wakeup(wire.database) as wakeup:
        wire.cut()
        assert not wakeup.wait(0.1)
        assert not wakeup.wait(0.1)
        wakeup.wake()
        assert wakeup.wait(LONG)


def test_a_closed_wakeup_can_still_be_called(wakeup: Wakeup) -> None:
    """By a signal that comes late."""
    wakeup.close()
    wakeup.wake()
    wakeup.close()


def end_connections_of(database: Database, application: str) -> None:
    with database.connect(DatabaseRole.LOGIN) as admin:
        found = admin.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name = %s and datname = current_database()",
            (application,),
        ).fetchall()
    assert found
