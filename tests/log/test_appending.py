"""Each event once, however often it is appended and whatever happens on the way."""

import threading
from collections.abc import Iterator
from datetime import timedelta, timezone
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from temple_ledger.domain.errors import DatabaseUnavailable, EventConflict, InvalidEvent
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import Appended, LogAppender
from tests.log.builders import INSERT, NOON, joined, rows
from tests.log.faulty_wire import faulty_wire
from tests.runner.test_runner import wait_until

COLUMNS = "event_id, timestamp, event_type, user_id, action, target, metadata::text, source"


@pytest.fixture
def appender(database: Database) -> Iterator[LogAppender]:
    with LogAppender(database) as opened:
        yield opened


def test_an_event_is_stored_as_it_was_given(database: Database, appender: LogAppender) -> None:
    entry = joined("ada", target="Oracle", metadata='{"note": "tab\\there", "granted_by": "grace"}')
    appended = appender.append(entry)
    assert appended.added
    assert rows(database, COLUMNS) == [tuple(entry)]


def test_an_event_that_is_appended_again_adds_nothing(database: Database, appender: LogAppender) -> None:
    entry = joined("ada")
    first = appender.append(entry)
    assert appender.append(entry) == Appended(first.position, added=False)
    assert rows(database) == [first.position]


def test_the_same_instant_in_another_zone_is_the_same_event(appender: LogAppender) -> None:
    entry = joined("ada")
    appender.append(entry)
    elsewhere = entry.timestamp.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert not appender.append(entry._replace(timestamp=elsewhere)).added


@pytest.mark.parametrize(
    "again",
    ['{"b": 2, "a": 1}', '{ "a" : 1,"b":2 }', '{"a": 1.0, "b": 2}', '{"a": 7, "b": 2, "a": 1}'],
    ids=["order", "spaces", "number", "last key wins"],
)
def test_metadata_is_compared_by_what_it_says(appender: LogAppender, again: str) -> None:
    entry = joined("ada", metadata='{"a": 1, "b": 2}')
    appender.append(entry)
    assert not appender.append(entry._replace(metadata=again)).added


OTHER_CONTENT: dict[str, dict[str, Any]] = {
    "timestamp": {"timestamp": NOON + timedelta(microseconds=1)},
    "event_type": {"event_type": "discord_leave"},
    "user_id": {"user_id": "grace"},
    "action": {"action": "left"},
    "target": {"target": ""},
    "metadata": {"metadata": "{}"},
    "metadata null": {"metadata": "null"},
    "source": {"source": "manual"},
}


@pytest.mark.parametrize("other", OTHER_CONTENT.values(), ids=OTHER_CONTENT.keys())
def test_an_event_id_with_another_content_is_refused(
    database: Database, appender: LogAppender, other: dict[str, Any]
) -> None:
    entry = joined("ada")
    position = appender.append(entry).position
    with pytest.raises(EventConflict, match="another content") as conflict:
        appender.append(entry._replace(**other))
    assert (conflict.value.event_id, conflict.value.position) == (str(entry.event_id), position)
    assert rows(database, COLUMNS) == [tuple(entry)]


def test_many_get_positions_in_their_order(database: Database, appender: LogAppender) -> None:
    entries = [joined(f"member-{number}") for number in range(2_000)]
    outcomes = appender.append_many(entries)
    assert rows(database, "user_id") == [entry.user_id for entry in entries]
    assert rows(database) == [outcome.position for outcome in outcomes]
    assert all(isinstance(outcome, Appended) and outcome.added for outcome in outcomes)


def test_of_two_with_one_event_id_the_first_counts(database: Database, appender: LogAppender) -> None:
    first, same, other = joined("ada"), joined("ada"), joined("grace")
    event_id = first.event_id
    outcomes = appender.append_many([first, same._replace(event_id=event_id), other._replace(event_id=event_id)])
    assert isinstance(outcomes[0], Appended)
    position = outcomes[0].position
    assert outcomes[:2] == [Appended(position, added=True), Appended(position, added=False)]
    assert isinstance(outcomes[2], EventConflict)
    assert outcomes[2].position == position
    assert rows(database, "user_id") == ["ada"]


def test_conflicts_among_many_are_reported_and_the_others_kept(database: Database, appender: LogAppender) -> None:
    known, old = joined("ada"), joined("grace")
    appender.append_many([known, old])
    new = joined("mary")
    outcomes = appender.append_many([known._replace(user_id="eve"), new, old])
    assert isinstance(outcomes[0], EventConflict)
    assert [outcome.added for outcome in outcomes[1:] if isinstance(outcome, Appended)] == [True, False]
    assert rows(database, "user_id") == ["ada", "grace", "mary"]


def test_none_are_many_too(appender: LogAppender) -> None:
    assert appender.append_many([]) == []


@pytest.mark.parametrize(
    "columns",
    [
        {"user_id": "x" * 101},
        {"user_id": None},
        {"user_id": "nul\x00"},
        {"user_id": "half \ud83d"},
        {"metadata": "{"},
        {"metadata": '{"a": "\\u0000"}'},
    ],
    ids=["too long", "missing", "NUL", "lone surrogate", "no JSON", "NUL in JSON"],
)
def test_what_no_row_can_hold_is_invalid_and_its_content_is_not_repeated(
    database: Database, appender: LogAppender, columns: dict[str, Any]
) -> None:
    entry = joined("ada")._replace(**columns)
    with pytest.raises(InvalidEvent, match=r"^[^\n]+$") as invalid:
        appender.append(entry)
    assert "xxx" not in str(invalid.value)
    with pytest.raises(InvalidEvent):
        appender.append_many([joined("grace"), entry])
    assert rows(database) == []


def test_a_lost_answer_ends_as_one_event(database: Database) -> None:
    """The commit succeeds, the client sees an error: what it appends again is there already."""
    with faulty_wire(database) as wire, LogAppender(wire.database) as appender:
        appender.append(joined("before"))
        entry = joined("ada", source="lost")
        wire.lose_the_answer_to(b"lost")
        assert not appender.append(entry).added
        assert rows(database, "user_id") == ["before", "ada"]


def test_a_lost_answer_to_many_ends_as_one_event_each(database: Database) -> None:
    with faulty_wire(database) as wire, LogAppender(wire.database) as appender:
        wire.lose_the_answer_to(b"lost")
        outcomes = appender.append_many([joined("ada", source="lost"), joined("grace")])
        assert [isinstance(outcome, Appended) and outcome.added for outcome in outcomes] == [False, False]
        assert rows(database, "user_id") == ["ada", "grace"]


def test_a_lost_connection_is_opened_again(database: Database, appender: LogAppender) -> None:
    appender.append(joined("ada"))
    with database.connect(DatabaseRole.LOGIN) as admin:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'temple append' and datname = current_database()"
        )
    assert appender.append(joined("grace")).added
    assert rows(database, "user_id") == ["ada", "grace"]


def test_patience_has_an_end(database: Database) -> None:
    with faulty_wire(database) as wire, LogAppender(wire.database, patience_seconds=0.2) as appender:
        wire.cut()
        with pytest.raises(DatabaseUnavailable, match=r"^[^\n]+$"):
            appender.append(joined("ada"))


def test_a_database_that_was_never_there_is_told_at_once(database: Database) -> None:
    with faulty_wire(database) as wire:
        wire.cut()
        with pytest.raises(DatabaseUnavailable):
            LogAppender(wire.database)


def test_an_append_waits_for_no_other(database: Database, appender: LogAppender) -> None:
    with database.connect(DatabaseRole.APPEND, autocommit=False) as other:
        other.execute(INSERT, {"user_id": "slow"})
        assert appender.append(joined("ada")).added
        other.rollback()


def test_two_that_append_one_event_at_once_agree(database: Database, appender: LogAppender) -> None:
    """The second waits until the first has decided."""
    entry = joined("ada")
    outcomes: list[Appended] = []
    with database.connect(DatabaseRole.APPEND, autocommit=False) as first:
        first.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source)"
            " values (%s, %s, %s, %s, %s, %s)",
            (entry.event_id, entry.timestamp, entry.event_type, entry.user_id, entry.action, entry.source),
        )
        second = threading.Thread(target=lambda: outcomes.append(appender.append(entry)))
        second.start()
        wait_for_a_lock(database)
        first.commit()
        second.join(60)
    assert [outcome.added for outcome in outcomes] == [False]
    assert len(rows(database)) == 1


def test_deadlocked_appenders_both_succeed(database: Database) -> None:
    """Two append the same events in opposite orders: one is chosen to fail, and tries again."""
    entries = [joined(f"member-{number}", event_id=uuid4()) for number in range(3_000)]
    outcomes: list[list[Appended | EventConflict]] = []

    def append(some: list[LogEntry]) -> None:
        with LogAppender(database) as appender:
            outcomes.append(appender.append_many(some))

    threads = [threading.Thread(target=append, args=(some,)) for some in (entries, entries[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    added = [outcome for each in outcomes for outcome in each if isinstance(outcome, Appended) and outcome.added]
    assert len(outcomes) == 2
    assert len(added) == len(entries) == len(rows(database))


def wait_for_a_lock(database: Database) -> None:
    """Until some backend of this database waits for another one."""
    with database.connect(DatabaseRole.LOGIN) as admin:
        waiting = b"select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        wait_until(lambda: admin.execute(waiting).fetchone() is not None)


def test_the_log_can_not_be_changed_by_whoever_appends(database: Database, appender: LogAppender) -> None:
    appender.append(joined("ada"))
    for attempt in ("update webhook_audit_log set user_id = 'eve'", "delete from webhook_audit_log"):
        with database.connect(DatabaseRole.APPEND) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(attempt.encode())
