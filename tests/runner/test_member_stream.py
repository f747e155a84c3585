"""What a fold is given of the log: the events that it knows, and their payloads where it looks at them."""

from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.log_entry import entry_of
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.read_models import member_stream as member_stream_module
from temple_ledger.infrastructure.read_models.member_stream import member_histories, member_stream
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import members

FOLD: Fold[Any] = Fold(members, catalogue=CATALOGUE)
ALL = Position(1_000_000)


@pytest.fixture
def reading(database: Database) -> Iterator[psycopg.Connection[Any]]:
    _append(
        database,
        ("grace", "discord_join", "joined"),
        ("ada", "discord_role_change", "added"),
        ("ada", "discord_message_pin", "pinned"),
        ("mary", "discord_message_pin", "pinned"),
        ("ada", "discord_join", "joined"),
    )
    with database.connect(DatabaseRole.READ) as connection:
        yield connection


def _append(database: Database, *events: tuple[str, str, str]) -> None:
    with LogAppender(database) as appender:
        for second, (user_id, event_type, action) in enumerate(events):
            columns = {
                "timestamp": f"2026-01-01T00:00:{second:02}Z",
                "event_type": event_type,
                "user_id": user_id,
                "action": action,
                "target": "Oracle",
                "metadata": {"granted_by": f"mod of {event_type}"},
                "source": "test",
            }
            appender.append(entry_of(columns, catalogue=CATALOGUE))


def test_a_stream_has_each_member_with_the_events_that_the_fold_knows(reading: psycopg.Connection[Any]) -> None:
    found = [
        (user_id, {each.position for each in events or ()})
        for user_id, events in member_stream(reading, FOLD, upto=ALL)
    ]
    assert found == [("ada", {2, 5}), ("grace", {1})]


def test_payloads_come_only_where_the_fold_looks_at_them(reading: psycopg.Connection[Any]) -> None:
    events = dict(member_histories(reading, FOLD, ["ada"], upto=ALL))["ada"] or ()
    payloads = {each.event_type: each.metadata_text for each in events}
    assert payloads["discord_join"] is None
    assert "granted_by" in (payloads["discord_role_change"] or "")


def test_histories_are_those_of_the_members_asked_for_up_to_the_position(reading: psycopg.Connection[Any]) -> None:
    def positions(user_ids: list[str], upto: int) -> dict[str, list[int]]:
        found = member_histories(reading, FOLD, user_ids, upto=Position(upto))
        return {user_id: sorted(each.position for each in events or ()) for user_id, events in found}

    assert positions(["ada", "ada", "nobody", "mary"], 5) == {"ada": [2, 5], "mary": [], "nobody": []}
    assert positions(["ada", "grace"], 4) == {"ada": [2], "grace": [1]}
    assert positions([], 5) == {}


GRANTED: Final = ("discord_role_change", "added")
"""Its payload takes some 40 bytes."""


def test_histories_that_are_too_much_together_are_all_read(
    database: Database, reading: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _append(database, ("eve", *GRANTED), ("kim", *GRANTED), ("zoe", *GRANTED))
    monkeypatch.setattr(member_stream_module, "MOST_BYTES", 100)
    found = dict(member_histories(reading, FOLD, ["eve", "kim", "zoe"], upto=ALL))
    positions = {user_id: [each.position for each in events or ()] for user_id, events in found.items()}
    assert positions == {"eve": [6], "kim": [7], "zoe": [8]}


def test_a_history_whose_payloads_are_too_much_for_memory_is_none(
    database: Database, reading: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _append(database, *[("ada", *GRANTED)] * 4)
    monkeypatch.setattr(member_stream_module, "MOST_BYTES", 100)
    found = dict(member_histories(reading, FOLD, ["ada", "grace"], upto=ALL))
    assert found["ada"] is None
    assert [each.position for each in found["grace"] or ()] == [1]


def test_a_history_of_too_many_events_for_memory_is_none(
    reading: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_stream_module, "MOST_EVENTS", 2)
    found = dict(member_histories(reading, FOLD, ["ada", "grace"], upto=ALL))
    assert found["ada"] is None
    assert [each.position for each in found["grace"] or ()] == [1]
