"""Stable names on one side, classes on the other; old shapes stay readable."""

from typing import ClassVar
from uuid import UUID

import pytest

from temple_ledger.domain.catalogue import CATALOGUE, Catalogue, EventType, Shape
from temple_ledger.domain.errors import EventMisdeclared, UndecodableEvent
from temple_ledger.domain.event import Event, UnknownEvent
from temple_ledger.domain.events import MemberJoined, MemberLeft, RoleAdded
from temple_ledger.domain.log_entry import entry_of_event, recorded_of
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.testing.histories import at


def recorded(event_type: str, action: str, target: str | None = None, metadata: str | None = None) -> Recorded:
    return Recorded(Position(7), at(1), event_type, "ada", action, target, metadata, "test")


@pytest.mark.parametrize("known", list(CATALOGUE), ids=lambda known: known.name)
def test_what_was_encoded_decodes_to_the_same_event(known: EventType) -> None:
    fields = {"user_id": "ada", "occurred_at": at(1), "source": "test"}
    if known.model.target_field is not None:
        fields[known.model.target_field] = "Oracle"
    fields |= dict.fromkeys(known.model.metadata_fields, "said")
    event = known.model.model_validate(fields)
    row = recorded_of(entry_of_event(event, event_id=UUID(int=1), catalogue=CATALOGUE))
    assert (row.event_type, row.action) == (known.event_type, known.action)
    assert CATALOGUE.decode(row).model_copy(update={"position": None}) == event


def test_what_is_not_in_the_catalogue_is_kept_as_unknown() -> None:
    event = CATALOGUE.decode(recorded("discord_message_pin", "pinned", metadata='{"deep": {"er": 1}}'))
    assert isinstance(event, UnknownEvent)
    assert (event.event_type, event.action, event.position) == ("discord_message_pin", "pinned", 7)


@pytest.mark.parametrize("metadata", ["null", "[1]", '"text"', "7", '{"granted_by": ""}', '{"granted_by": 7}', None])
def test_metadata_counts_only_as_non_empty_strings_of_an_object(metadata: str | None) -> None:
    event = CATALOGUE.decode(recorded("discord_role_change", "added", "Oracle", metadata))
    assert isinstance(event, RoleAdded)
    assert event.granted_by is None


def test_metadata_that_no_field_is_read_from_is_not_decoded() -> None:
    row = recorded("discord_join", "joined", metadata='{"n": ' + "1" * 5_000 + "}")
    assert isinstance(CATALOGUE.decode(row), MemberJoined)
    with pytest.raises(UndecodableEvent, match="metadata cannot be decoded"):
        CATALOGUE.decode(row._replace(event_type="discord_leave", action="left"))


def test_a_reason_longer_than_any_column_is_no_obstacle() -> None:
    event = CATALOGUE.decode(recorded("discord_leave", "left", metadata='{"reason": "' + "x" * 600 + '", "by": "mod"}'))
    assert isinstance(event, MemberLeft)
    assert event.by == "mod"


class Bowed(Event):
    """An event of somebody's own, in its third shape."""

    target_field: ClassVar[str | None] = "to_whom"
    metadata_fields: ClassVar[tuple[str, ...]] = ("depth",)

    to_whom: str
    depth: str | None = None


def _named_target(shape: Shape) -> Shape:
    return Shape(str(shape.metadata.get("whom", "nobody")), shape.metadata)


def _depth_in_words(shape: Shape) -> Shape:
    return Shape(
        shape.target, {**shape.metadata, "depth": "deep" if shape.metadata.get("degrees", 0) > 45 else "slight"}
    )


BOWED = EventType("temple_bow", "bowed", Bowed, version=3, upcasters={1: _named_target, 2: _depth_in_words})


@pytest.mark.parametrize(
    ("target", "metadata"),
    [
        (None, '{"whom": "Oracle", "degrees": 60}'),
        ("Oracle", '{"event_version": 2, "degrees": 60}'),
        ("Oracle", '{"event_version": 3, "depth": "deep"}'),
    ],
)
def test_an_older_shape_is_upcast_step_by_step(target: str | None, metadata: str) -> None:
    catalogue = CATALOGUE.extended([BOWED])
    event = catalogue.decode(recorded("temple_bow", "bowed", target, metadata))
    assert isinstance(event, Bowed)
    assert (event.to_whom, event.depth) == ("Oracle", "deep")


def test_a_new_event_is_written_in_the_newest_shape() -> None:
    catalogue = CATALOGUE.extended([BOWED])
    bow = Bowed(user_id="ada", occurred_at=at(1), source="test", to_whom="Oracle", depth="deep")
    entry = entry_of_event(bow, event_id=UUID(int=1), catalogue=catalogue)
    assert catalogue.decode(recorded_of(entry)) == bow.model_copy(update={"position": 0})


def test_a_shape_of_tomorrow_is_not_guessed_at() -> None:
    catalogue = CATALOGUE.extended([BOWED])
    with pytest.raises(UndecodableEvent, match="version 4"):
        catalogue.decode(recorded("temple_bow", "bowed", "Oracle", '{"event_version": 4}'))


def test_a_missing_upcaster_and_a_name_taken_twice_are_refused() -> None:
    with pytest.raises(EventMisdeclared, match="no upcaster from version 2"):
        EventType("temple_bow", "bowed", Bowed, version=3, upcasters={1: _named_target})
    with pytest.raises(EventMisdeclared, match="the name of two events"):
        Catalogue([BOWED, EventType("temple_bow", "bowed", RoleAdded)])
