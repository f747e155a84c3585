"""What a fold is given of the log: the events that it knows, and their payloads where it looks at them."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.log_entry import entry_of
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.read_models.member_stream import member_histories, member_stream
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import members

FOLD: Fold[Any] = Fold(members, catalogue=CATALOGUE)
ALL = Position(1_000_000)


@pytest.fixture
def reading(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with LogAppender(database) as appender:
        for user_id, event_type, action in (
            ("grace", "discord_join", "joined"),
            ("ada", "discord_role_change", "added"),
            ("ada", "discord_message_pin", "pinned"),
            ("mary", "discord_message_pin", "pinned"),
            ("ada", "discord_join", "joined"),
        ):
            columns = {
                "timestamp": "2026-01-01T00:00:00Z",
                "event_type": event_type,
                "user_id": user_id,
                "action": action,
                "target": "Oracle",
                "metadata": {"granted_by": f"mod of {event_type}"},
                "source": "test",
            }
            appender.append(entry_of(columns, catalogue=CATALOGUE))
    with database.connect(DatabaseRole.READ) as connection:
        yield connection


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
