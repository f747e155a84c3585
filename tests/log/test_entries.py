"""What a line must be to become an entry, where it is easily got wrong."""

import json
from typing import Any, ClassVar

import pytest
from pydantic import field_validator, model_validator

from temple_ledger.domain.catalogue import CATALOGUE, EventType, Shape
from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.event import Event, Name100
from temple_ledger.domain.log_entry import LogEntry, entry_of, entry_of_line, metadata_text
from tests.log.builders import line


class Promoted(Event):
    """Asks more of the member than other events do."""

    target_field: ClassVar[str | None] = "role"

    role: Name100

    @field_validator("user_id")
    @classmethod
    def not_eve(cls, user_id: str) -> str:
        if user_id == "eve":
            raise ValueError("eve is not promoted")
        return user_id


class Renamed(Event):
    metadata_fields: ClassVar[tuple[str, ...]] = ("name",)

    name: str | None = None

    @model_validator(mode="after")
    def not_itself(self) -> "Renamed":
        if self.name == self.user_id:
            raise ValueError("the name is the member's id")
        return self


def second_version(shape: Shape) -> Shape:
    if shape.metadata.get("unit") == "months":
        return shape
    raise InvalidEvent("unit is missing")


class Extended(Event):
    pass


OURS = CATALOGUE.extended(
    [
        EventType("career", "promoted", Promoted),
        EventType("career", "renamed", Renamed),
        EventType("career", "extended", Extended, version=2, upcasters={1: second_version}),
    ]
)


def entry(**columns: Any) -> LogEntry:
    return entry_of_line(json.dumps(line(**columns)), OURS)


@pytest.mark.parametrize("again", [1, 2])
def test_each_row_is_asked_what_its_event_type_asks(again: int) -> None:
    """However many rows like it were taken before."""
    for _ in range(again):
        assert entry(user_id="ada", event_type="career", action="promoted", target="Oracle").target == "Oracle"
    with pytest.raises(InvalidEvent, match="eve is not promoted"):
        entry(user_id="eve", event_type="career", action="promoted", target="Oracle")
    for _ in range(again):
        entry(user_id="ada", event_type="career", action="renamed", metadata={"name": "grace"})
    with pytest.raises(InvalidEvent, match="the name is"):
        entry(user_id="grace", event_type="career", action="renamed", metadata={"name": "grace"})
    for _ in range(again):
        entry(event_type="career", action="extended", metadata={"unit": "months"})
    with pytest.raises(InvalidEvent, match="unit is missing"):
        entry(event_type="career", action="extended", metadata={})


def test_a_granter_that_is_too_long_is_told_after_one_that_is_not() -> None:
    for granted_by in ("grace", None, 7, ["grace"], {"id": 1}, "", "x" * 100):
        entry(event_type="discord_role_change", action="added", target="Oracle", metadata={"granted_by": granted_by})
    with pytest.raises(InvalidEvent, match=r"metadata\.granted_by has 101 characters"):
        entry(event_type="discord_role_change", action="added", target="Oracle", metadata={"granted_by": "x" * 101})


@pytest.mark.parametrize("name", ["event_type", "user_id", "action", "source"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [("", "is empty"), (None, "is missing"), (0, "is not a string"), ([], "is not a string"), ("\x00", "NUL")],
)
def test_a_required_text_is_named(name: str, value: Any, reason: str) -> None:
    with pytest.raises(InvalidEvent, match=f"^{name} .*{reason}"):
        entry_of({**line(), name: value}, catalogue=CATALOGUE)


@pytest.mark.parametrize(
    ("name", "most"), [("event_type", 50), ("user_id", 100), ("action", 50), ("source", 50), ("target", 100)]
)
def test_a_text_may_be_as_long_as_its_column(name: str, most: int) -> None:
    """In characters, not in bytes."""
    for character in "x🜚":
        assert len(getattr(entry_of({**line(), name: character * most}, catalogue=CATALOGUE), name)) == most
        with pytest.raises(InvalidEvent, match=f"{name} has {most + 1} characters, at most {most} fit"):
            entry_of({**line(), name: character * (most + 1)}, catalogue=CATALOGUE)


@pytest.mark.parametrize("target", [0, False, [], {}])
def test_a_target_that_is_no_text_is_refused(target: Any) -> None:
    with pytest.raises(InvalidEvent, match="target is not a string"):
        entry_of({**line(), "target": target}, catalogue=CATALOGUE)


def test_an_empty_target_is_a_text() -> None:
    assert entry_of(line(target=""), catalogue=CATALOGUE).target == ""


@pytest.mark.parametrize("spelling", ["{}", "{{{}}}", "urn:uuid:{}"])
def test_an_event_id_may_be_spelled_as_uuids_are(spelling: str) -> None:
    given = line()
    spelled = spelling.format(given["event_id"].upper()) if spelling == "{}" else spelling.format(given["event_id"])
    assert str(entry_of({**given, "event_id": spelled}, catalogue=CATALOGUE).event_id) == given["event_id"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_can_not_say_is_refused(number: float) -> None:
    with pytest.raises(InvalidEvent, match="number out of range"):
        metadata_text({"deep": [number]})


def test_a_number_that_no_parser_reads_back_is_refused() -> None:
    assert metadata_text({"n": 10**4_000})
    with pytest.raises(InvalidEvent, match="more than 4,300 digits"):
        metadata_text({"n": 10**5_000})


def test_what_only_becomes_a_text_in_json_is_asked_like_a_text() -> None:
    with pytest.raises(InvalidEvent, match="granted_by"):
        entry_of(
            line(
                event_id="00000000-0000-0000-0000-000000000001",
                event_type="discord_role_change",
                action="added",
                target="Oracle",
                metadata={"granted_by": b"x" * 101},
            ),
            catalogue=CATALOGUE,
        )


def test_a_text_may_speak_of_such_numbers() -> None:
    assert json.loads(metadata_text({"NaN": "Infinity"})) == {"NaN": "Infinity"}


def test_metadata_may_be_64_levels_deep() -> None:
    assert metadata_text(json.loads("[" * 64 + "]" * 64))
    with pytest.raises(InvalidEvent, match="deeper than 64"):
        metadata_text(json.loads("[" * 65 + "]" * 65))
