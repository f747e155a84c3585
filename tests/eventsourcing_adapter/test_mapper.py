"""What the library's stored events say, and how they are read."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import ProgrammingError, StoredEvent

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import UnknownEvent
from temple_ledger.domain.events import MemberJoined, RoleAdded
from temple_ledger.domain.log_entry import entry_of_line
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.eventsourcing_adapter.mapper import EventMapper, UndecodableRow, notification_of

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
GRANTED = RoleAdded(user_id="ada", occurred_at=NOON, source="discord", role="Oracle", granted_by="grace")

mapper = EventMapper(catalogue=CATALOGUE)


def row(
    position: int = 7,
    *,
    occurred_at: datetime | None = NOON,
    name: str = "discord_role_change/added",
    target: str | None = "Oracle",
    metadata: str | None = '{"granted_by": "grace"}',
) -> Recorded:
    event_type, _, action = name.partition("/")
    event_id = UUID(int=position)
    return Recorded(Position(position), occurred_at, event_type, "ada", action, target, metadata, "discord", event_id)


def test_a_notification_names_the_member_the_position_and_the_event_type() -> None:
    notification = notification_of(row(7))

    assert notification.originator_id == "ada"
    assert notification.originator_version == notification.id == 7
    assert notification.topic == "discord_role_change/added"


def test_the_state_is_a_line_that_an_import_takes() -> None:
    entry = entry_of_line(notification_of(row(7)).state, catalogue=CATALOGUE)

    assert (entry.event_id, entry.user_id, entry.timestamp) == (UUID(int=7), "ada", NOON)
    assert (entry.event_type, entry.action, entry.target) == ("discord_role_change", "added", "Oracle")
    assert entry.metadata is not None
    assert json.loads(entry.metadata) == {"granted_by": "grace"}


def test_a_row_becomes_the_event_of_the_catalogue() -> None:
    assert mapper.to_domain_event(notification_of(row(7))) == GRANTED.model_copy(update={"position": 7})


def test_a_stored_event_that_came_another_way_is_read_from_its_state() -> None:
    seen = notification_of(row(7))

    sent = StoredEvent(seen.originator_id, seen.originator_version, seen.topic, seen.state)

    assert mapper.to_domain_event(sent) == mapper.to_domain_event(seen)


def test_a_row_that_the_catalogue_does_not_know_is_an_unknown_event() -> None:
    event = mapper.to_domain_event(notification_of(row(name="guild_raid/warned", target=None, metadata=None)))

    assert isinstance(event, UnknownEvent)
    assert (event.event_type, event.action, event.position) == ("guild_raid", "warned", 7)


BAD_ROWS = {
    "no role": row(target=None),
    "a number of 5,000 digits": row(metadata='{"n": ' + "1" * 5000 + "}"),
    "depth 1,000": row(metadata='{"n": ' + "[" * 1000 + "]" * 1000 + "}"),
    "an infinite time": row(occurred_at=None),
}


@pytest.mark.parametrize("bad", BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_row_that_can_not_be_decoded_is_said_to_be_one(bad: Recorded) -> None:
    event = mapper.to_domain_event(notification_of(bad))

    assert isinstance(event, UndecodableRow)
    assert (event.originator_id, event.originator_version) == ("ada", 7)
    assert event.topic == "discord_role_change/added"
    assert event.reason


def test_metadata_that_an_event_does_not_read_can_not_spoil_it() -> None:
    huge = row(name="discord_join/joined", target=None, metadata='{"n": ' + "1" * 5000 + "}")

    assert mapper.to_domain_event(notification_of(huge)) == MemberJoined(
        user_id="ada", occurred_at=NOON, source="discord", position=Position(7)
    )


def test_a_fact_that_is_saved_twice_has_one_id() -> None:
    first, second = mapper.to_stored_event(GRANTED), mapper.to_stored_event(GRANTED)

    assert first == second
    assert first.originator_version == 0
    assert entry_of_line(first.state, catalogue=CATALOGUE).event_id == UUID(json.loads(first.state)["event_id"])


def test_what_is_not_in_the_catalogue_is_not_saved() -> None:
    broken: DomainEventProtocol[str] = UndecodableRow("ada", Position(1), "a/b", "broken")
    unknown = UnknownEvent(user_id="a", occurred_at=NOON, source="s", event_type="a", action="b")

    for stranger in (broken, unknown):
        with pytest.raises(ProgrammingError):
            mapper.to_stored_event(stranger)


@pytest.mark.parametrize("state", [b"state1", b"[]", b"{}", b"3"])
def test_a_state_that_is_no_row_is_said_to_be_none(state: bytes) -> None:
    assert isinstance(mapper.to_domain_event(StoredEvent("ada", 1, "topic1", state)), UndecodableRow)
