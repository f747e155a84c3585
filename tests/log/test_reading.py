"""What the log gives to those who fold it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta
from typing import Any

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import UndecodableEvent
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.domain.position import START, Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log import reader
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.reader import events, events_at, member_events
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.projections.activity import HourBriefs, activity
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.tally import Brief, BuiltInTally
from tests.log.builders import NOON, joined, rows

ALL = Position(2**62)


@pytest.fixture
def reading(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect(DatabaseRole.PROJECT) as opened:
        yield opened


def append(database: Database, *entries: LogEntry) -> None:
    with LogAppender(database) as appender:
        appender.append_many(entries)


def insert_at(database: Database, timestamp: str, user_id: str = "ada") -> None:
    """Times and payloads that our appender refuses, and another one may have stored."""
    with database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, metadata, source)"
            " values (gen_random_uuid(), %s, 'discord_join', %s, 'joined', %s, 'discord')",
            (timestamp, user_id, '{"n": ' + "9" * 5_000 + "}"),
        )


def test_an_event_is_read_as_it_was_appended(database: Database, reading: psycopg.Connection[Any]) -> None:
    append(database, joined("ada", target="Oracle", metadata='{"by": "grace"}'))
    assert events(reading, START, ALL, 10) == [
        Recorded(Position(1), NOON, "discord_join", "ada", "joined", "Oracle", '{"by": "grace"}', "discord")
    ]


def test_times_are_in_the_one_utc(database: Database, reading: psycopg.Connection[Any]) -> None:
    """The same object, which makes comparing them cheap."""
    append(database, joined("ada"))
    [found] = events(reading, START, ALL, 10)
    assert found.occurred_at is not None
    assert found.occurred_at.tzinfo is UTC


def test_events_come_by_position_between_two_of_them(database: Database, reading: psycopg.Connection[Any]) -> None:
    append(database, *(joined("ada", minute) for minute in range(10, 0, -1)))
    found = events(reading, Position(2), Position(7), 3)
    assert [event.position for event in found] == [3, 4, 5]
    assert [event.position for event in events(reading, Position(5), Position(7), 3)] == [6, 7]
    assert events(reading, Position(10), ALL, 3) == []


def test_a_page_without_payloads_is_the_same_events_and_as_long_as_it_may_be(
    database: Database, reading: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    append(database, *(joined("ada", minute, metadata='{"by": "grace"}') for minute in range(3)))
    whole = events(reading, START, ALL, 3)
    monkeypatch.setattr(reader, "PAGE_BYTES", 1)
    assert events(reading, START, ALL, 3) == whole[:1]
    assert events(reading, START, ALL, 3, payloads=False) == [each._replace(metadata_text=None) for each in whole]


def test_a_tally_of_our_own_that_is_stepped_alone_is_read_without_payloads(
    database: Database, reading: psycopg.Connection[Any]
) -> None:
    append(database, joined("ada", metadata='{"by": "grace"}'))
    given: list[Recorded] = []

    class LookingOn(HourBriefs):
        def of(self, events: Sequence[Recorded]) -> list[Brief]:
            given.extend(events)
            return super().of(events)

    looking_on = BuiltInTally("activity", version=1, table=activity.table, briefs=LookingOn)
    processor_of(looking_on, transactions(reading), catalogue=CATALOGUE).step(upto=Position(1), limit=1)
    assert [(each.user_id, each.metadata_text) for each in given] == [("ada", None)]


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_events_at_chosen_positions_come_in_pages_whatever_lies_between(
    database: Database, reading: psycopg.Connection[Any], limit: int
) -> None:
    append(database, *(joined("ada", minute) for minute in range(10)))
    chosen = PositionSet([(2, 3), (5, 5), (9, 40)])
    pages = list(events_at(reading, chosen, limit))
    assert [event.position for page in pages for event in page] == [2, 3, 5, 9, 10]
    assert max(map(len, pages)) <= limit
    assert [event for page in pages for event in page] == [
        event for event in events(reading, START, ALL, 10) if event.position in chosen
    ]


@pytest.mark.parametrize(
    "timestamp", ["infinity", "-infinity", "4713-01-01 BC", "294276-12-31", "10000-01-01 00:00+00"]
)
def test_a_time_that_python_can_not_hold_fails_no_page(
    database: Database, reading: psycopg.Connection[Any], timestamp: str
) -> None:
    append(database, joined("ada"))
    insert_at(database, timestamp)
    append(database, joined("grace"))
    assert [event.occurred_at for event in events(reading, START, ALL, 10)] == [NOON, None, NOON]
    assert [event.occurred_at for event in member_events(reading, ["ada"], ALL)].count(None) == 1


@pytest.mark.parametrize("timestamp", ["0001-01-01 00:00+00", "9999-12-31 23:59:59.999999+00"])
def test_the_first_and_the_last_time_are_read(
    database: Database, reading: psycopg.Connection[Any], timestamp: str
) -> None:
    insert_at(database, timestamp)
    [found] = events(reading, START, ALL, 10)
    assert found.occurred_at is not None


def test_a_payload_that_python_can_not_hold_fails_only_itself(
    database: Database, reading: psycopg.Connection[Any]
) -> None:
    insert_at(database, "2026-01-01 00:00+00")
    append(database, joined("grace"))
    bad, good = events(reading, START, ALL, 10)
    with pytest.raises(UndecodableEvent):
        _ = bad.metadata
    assert good.metadata == {}


def test_members_events_come_as_they_fold(database: Database, reading: psycopg.Connection[Any]) -> None:
    append(
        database,
        joined("grace", 5),
        joined("ada", 3),
        joined("ada", 1),
        joined("mary", 0),
        joined("grace", 1),
        joined("ada", 3),
    )
    found = member_events(reading, ["grace", "ada", "nobody", "ada"], ALL)
    assert [(event.user_id, event.position) for event in found] == [
        ("ada", 3),
        ("ada", 2),
        ("ada", 6),
        ("grace", 5),
        ("grace", 1),
    ]
    assert [event.position for event in member_events(reading, ["ada"], Position(3))] == [3, 2]
    assert member_events(reading, [], ALL) == []


def test_as_of_a_date_and_as_known_then(database: Database, reading: psycopg.Connection[Any]) -> None:
    append(database, joined("ada", 0))
    append(database, joined("ada", 10))
    append(database, joined("ada", 5))
    known = rows(database, "recorded_at")

    def positions(**conditions: Any) -> list[int]:
        return [event.position for event in member_events(reading, ["ada"], ALL, **conditions)]

    assert positions(until=NOON + timedelta(minutes=5)) == [1, 3]
    assert positions(recorded_until=known[1]) == [1, 2]
    assert positions(until=NOON + timedelta(minutes=5), recorded_until=known[1]) == [1]
