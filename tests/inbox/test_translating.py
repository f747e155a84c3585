"""Translating deliveries into events."""

import errno
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from temple_ledger.domain.errors import DatabaseUnavailable, InvalidEvent
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox import worker as worker_of_inbox
from temple_ledger.infrastructure.ingestion.inbox.delivery import InboxDelivery
from temple_ledger.infrastructure.ingestion.inbox.worker import Stepped, Translation, TranslationWorker
from temple_ledger.infrastructure.log.append import LogAppender
from tests.inbox.builders import NOON, Bells, delivery, kept, rows, rung
from tests.killed import Moment, run_killed
from tests.log.builders import rows as log_rows
from tests.log.faulty_wire import faulty_wire


@pytest.fixture
def bells(database: Database) -> Database:
    Bells.table(database)
    return database


def step(database: Database, translator: Bells | None = None, **named: Any) -> Stepped:
    with TranslationWorker(database, translator or Bells(), **named) as worker:
        return worker.step()


def known(database: Database) -> dict[str, int]:
    """What the translator remembers: who rang, and how often."""
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        return dict(connection.execute("select who, times from bell").fetchall())


def counted(database: Database) -> Any:
    with database.connect(DatabaseRole.READ) as connection:
        return connection.execute("select deliveries, events, conflicts, failures from translator").fetchone()


def test_deliveries_are_translated_in_the_order_in_which_they_came(bells: Database) -> None:
    kept(bells, delivery("carl", minute=3), delivery("ada", minute=2), delivery("bob", minute=1))
    assert step(bells) == Stepped(deliveries=3, events=3, drained=True)
    assert log_rows(bells, "user_id") == ["carl", "ada", "bob"]
    assert rows(bells, "state") == ["translated"] * 3


def test_a_delivery_that_can_not_be_translated_fails_and_the_others_go_on(bells: Database) -> None:
    kept(bells, *[delivery(body) for body in ("ada", "eve!", "?", "test", "bob")])
    assert step(bells) == Stepped(deliveries=5, events=2, failed=1, drained=True)
    assert rows(bells, "state") == ["translated", "failed", "unparseable", "set_aside", "translated"]
    assert known(bells) == {"ada": 1, "bob": 1}
    assert counted(bells) == (5, 2, 0, 1)
    assert log_rows(bells, "user_id") == ["ada", "bob"]


def test_the_note_of_a_failed_delivery_says_where_and_never_what_was_in_it(bells: Database) -> None:
    kept(bells, delivery("eve!"), delivery("x" * 200))
    step(bells)
    first, second = rows(bells, "note")
    assert first.startswith("ValueError, at tests.inbox.builders:")
    assert second.startswith("InvalidEvent: the database cannot hold it (SQLSTATE 22001")
    assert "eve" not in first
    assert "xxx" not in second


def test_a_delivery_whose_time_has_not_come_stays_in_the_inbox_with_a_note(bells: Database) -> None:
    minutes_ahead = (datetime.now(UTC) - NOON) // timedelta(minutes=1) + 2 * 24 * 60
    kept(bells, delivery("ada"), delivery("eve", minute=minutes_ahead), delivery("bob"))
    assert step(bells) == Stepped(deliveries=3, events=2, failed=1, drained=True)
    assert rows(bells, "state") == ["translated", "failed", "translated"]
    assert "in the future" in rows(bells, "note")[1]
    assert log_rows(bells, "user_id") == ["ada", "bob"]


def test_a_batch_is_no_longer_than_it_may_be(bells: Database) -> None:
    kept(bells, *[delivery(f"{number}") for number in range(5)])
    with TranslationWorker(bells, Bells(), batch=2) as worker:
        assert worker.step() == Stepped(deliveries=2, events=2)
        assert worker.step() == Stepped(deliveries=2, events=2)
        assert worker.step() == Stepped(deliveries=1, events=1, drained=True)


def test_each_source_has_its_own_translator(bells: Database) -> None:
    kept(bells, delivery("ada"), delivery("bob", source="gongs"))
    step(bells)
    assert rows(bells, "state") == ["translated", "waiting"]
    step(bells, Bells(source="gongs"))
    assert rows(bells, "state") == ["translated", "translated"]


def test_an_event_that_the_log_has_with_another_content_is_noted_and_stops_nothing(bells: Database) -> None:
    with LogAppender(bells) as appender:
        appender.append(rung("ada", NOON)._replace(action="silent"))
        appender.append(rung("bob", NOON))
    kept(bells, delivery("ada"), delivery("bob"), delivery("carl"))
    assert step(bells) == Stepped(deliveries=3, events=1, conflicts=1, drained=True)
    assert rows(bells, "state") == ["translated"] * 3
    (note, *others) = rows(bells, "note")
    assert note == f"event_id {rung('ada', NOON).event_id} is in the log with another content"
    assert others == [None, None]
    assert counted(bells) == (3, 1, 1, 0)


def test_what_time_alone_makes_due_is_appended_once_nothing_waits(bells: Database) -> None:
    kept(bells, *[delivery(f"{number}") for number in range(3)])
    now = NOON
    clocks = Bells(due_at=[(NOON, "tower"), (NOON + timedelta(hours=1), "station")])
    with TranslationWorker(bells, clocks, batch=3, clock=lambda: now) as worker:
        # the batch was full: there may be more, which could change what is due
        assert worker.step() == Stepped(deliveries=3, events=3)
        assert worker.step() == Stepped(events=1, due=1, drained=True)
        assert worker.step() == Stepped(drained=True)
        now += timedelta(hours=1)
        assert worker.step() == Stepped(events=1, due=1, drained=True)
    assert log_rows(bells, "user_id") == ["0", "1", "2", "tower", "station"]


def test_a_failure_of_what_is_due_keeps_no_delivery_from_being_translated(bells: Database) -> None:
    class Broken(Bells):
        def due(self, connection: psycopg.Connection[Any], now: datetime) -> Sequence[LogEntry]:
            raise InvalidEvent("out of order")

    kept(bells, delivery("ada"))
    assert step(bells, Broken()) == Stepped(deliveries=1, events=1, drained=True)


def test_a_delivery_is_not_blamed_for_what_would_fail_for_all(bells: Database) -> None:
    with bells.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("drop table bell")
    kept(bells, delivery("ada"))
    with pytest.raises(Exception, match="tables are missing"):
        step(bells)
    assert rows(bells, "state") == ["waiting"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC])
def test_a_delivery_is_not_blamed_for_what_the_machine_has_not_left(bells: Database, number: int) -> None:
    kept(bells, delivery("ada"))
    with pytest.raises(OSError, match=os.strerror(number)):
        step(bells, Short(number=number))
    assert rows(bells, "state") == ["waiting"]
    assert step(bells).events == 1


@dataclass
class Short(Bells):
    """On a machine that has none left, of whatever that error means."""

    number: int = errno.EMFILE

    def translate(self, connection: psycopg.Connection[Any], delivery: InboxDelivery) -> Translation:
        raise OSError(self.number, os.strerror(self.number))


@dataclass
class Interrupted(Bells):
    """Meets an error of the database that passes, once."""

    met: list[str] = field(default_factory=list)

    def translate(self, connection: psycopg.Connection[Any], delivery: InboxDelivery) -> Translation:
        if not self.met and delivery.body == b"bob":
            self.met.append("once")
            raise psycopg.errors.DeadlockDetected
        return super().translate(connection, delivery)


def test_an_error_that_passes_lets_the_whole_batch_be_done_again(bells: Database) -> None:
    kept(bells, delivery("ada"), delivery("bob"))
    assert step(bells, Interrupted()) == Stepped(deliveries=2, events=2, drained=True)
    assert known(bells) == {"ada": 1, "bob": 1}


def test_while_one_translates_a_source_another_leaves_it_alone(bells: Database) -> None:
    kept(bells, delivery("ada"))
    step(bells)
    kept(bells, delivery("bob"))
    with bells.connect(DatabaseRole.TRANSLATE, autocommit=False) as first:
        first.execute("select from translator where source = 'bells' for update")
        assert step(bells) == Stepped(elsewhere=True)
    assert step(bells).deliveries == 1


def test_many_translators_at_once_translate_each_delivery_once(bells: Database) -> None:
    kept(bells, *[delivery(f"{number % 30}", minute=number, kind=f"{number}") for number in range(30)])
    threads = [threading.Thread(target=_drain, args=(bells,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(bells, "state") == ["translated"] * 30
    assert set(known(bells).values()) == {1}
    assert counted(bells) == (30, 30, 0, 0)


def _drain(database: Database) -> None:
    with TranslationWorker(database, Bells(), batch=3) as worker:
        while not (stepped := worker.step()).drained or stepped.elsewhere:
            pass


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("bodies", [["ada", "bob", "ada"], ["ada", "eve!", "bob"]], ids=["all good", "one fails"])
def test_killed_at_any_point_state_events_and_marks_agree(bells: Database, bodies: list[str], moment: Moment) -> None:
    for at in range(1, 60):
        # the same who again is another delivery, of another kind
        given_now = [delivery(f"{at}{body}", minute=place) for place, body in enumerate(dict.fromkeys(bodies))]
        kept(bells, *given_now)
        killed = run_killed(lambda: _step_quietly(bells), at=at, moment=moment)
        _require_agreement(bells)
        step(bells)
        _require_agreement(bells)
        assert "waiting" not in rows(bells, "state")
        if not killed:
            assert at > 5, "it was never killed"
            return
    pytest.fail("it never got to its end")


def _step_quietly(database: Database) -> None:
    step(database)


def _require_agreement(database: Database) -> None:
    """Each delivery is marked, remembered and in the log, or nothing of the three."""
    marked = sorted(body.decode() for body, state in rows(database, "body, state") if state == "translated")
    assert sorted(known(database)) == marked
    assert sorted(log_rows(database, "user_id")) == marked


def test_run_is_woken_by_a_delivery_and_ends_when_it_is_told(bells: Database) -> None:
    stop = threading.Event()
    with TranslationWorker(bells, Bells()) as worker:
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        for who in ("ada", "bob"):
            kept(bells, delivery(who))
            worker.wake()
            _wait_for_event(bells, who)
        stop.set()
        worker.wake()
        thread.join(60)
        assert not thread.is_alive()


@dataclass
class OneByOne(Bells):
    """Of what is due, the first that is not in the log yet; see `Translator`, which remembers nothing elsewhere."""

    def due(self, connection: psycopg.Connection[Any], now: datetime) -> Sequence[LogEntry]:
        query = "select user_id from webhook_audit_log where event_type = 'bell'"
        rung_already = {row[0] for row in connection.execute(query)}
        return [rung(who, at) for at, who in self.due_at if at <= now and who not in rung_already][:1]


def test_run_asks_again_at_once_while_something_is_due(bells: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_of_inbox, "DUE_SECONDS", 3_600.0)
    due = OneByOne(due_at=[(NOON, f"clock-{number}") for number in range(5)])
    stop = threading.Event()
    with TranslationWorker(bells, due) as running:
        thread = threading.Thread(target=running.run, args=(stop,))
        thread.start()
        try:
            for number in range(5):
                _wait_for_event(bells, f"clock-{number}")
        finally:
            stop.set()
            running.wake()
            thread.join(60)
    assert log_rows(bells, "user_id") == [f"clock-{number}" for number in range(5)]


def test_run_outlives_the_databases_absence(bells: Database) -> None:
    stop = threading.Event()
    with faulty_wire(bells) as wire:
        wire.cut()
        with TranslationWorker(wire.database, Bells(), patience_seconds=0.1) as worker:
            with pytest.raises(DatabaseUnavailable):
                worker.step()
            thread = threading.Thread(target=worker.run, args=(stop,))
            thread.start()
            kept(bells, delivery("ada"))
            wire.mend()
            _wait_for_event(bells, "ada")
            stop.set()
            worker.wake()
            thread.join(60)
            assert not thread.is_alive()


def _wait_for_event(database: Database, who: str) -> None:
    deadline = threading.Event()
    for _ in range(200):
        if who in log_rows(database, "user_id"):
            return
        deadline.wait(0.05)
    pytest.fail(f"{who} was never translated")


HISTORY = ["ada", "?", "bob", "eve!", "test", "carl", "mallory!", "dora", "zoe"]


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 200])
def test_what_comes_of_deliveries_does_not_depend_on_the_batches(bells: Database, batch: int) -> None:
    kept(bells, *[delivery(body, minute=place) for place, body in enumerate(HISTORY)])
    failed = 0
    while not (stepped := step(bells, batch=batch)).drained:
        failed += stepped.failed
    assert failed + stepped.failed == 2
    expected = {"eve!": "failed", "mallory!": "failed", "?": "unparseable", "test": "set_aside"}
    assert rows(bells, "state") == [expected.get(each, "translated") for each in HISTORY]
    assert log_rows(bells, "user_id") == [each for each in HISTORY if each not in expected]
    assert set(known(bells)) == {each for each in HISTORY if each not in expected}
