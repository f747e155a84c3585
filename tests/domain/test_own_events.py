"""An author's event: whatever was appended reads back equal, or the append is refused with a sentence."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from types import new_class
from typing import Annotated, Any, ClassVar, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, field_validator

from temple_ledger.domain.catalogue import CATALOGUE, EventType, declared_type
from temple_ledger.domain.errors import EventMisdeclared, InvalidEvent, UndecodableEvent
from temple_ledger.domain.event import Event, Name100, Payload, Target
from temple_ledger.domain.events import RoleAdded, RoleRemoved
from temple_ledger.domain.log_entry import entry_of, entry_of_event, recorded_of
from temple_ledger.domain.position import START
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.infrastructure.log.settled import settled_head

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Severity(StrEnum):
    MILD = "mild"
    GRAVE = "grave"


class Number(Enum):
    ONE = 1
    TWO = 2


class Rule(BaseModel):
    model_config = ConfigDict(frozen=True)
    paragraph: int
    title: str | None = None


class Warned(Event, type="moderation/warned"):
    channel: Target | None = None
    by: str
    points: int = 1
    public: bool = False
    note: str | None = "none given"
    tags: list[str] = Field(default_factory=list)
    fine: Decimal | None = None
    day: date | None = None
    hour: time | None = None
    lasts: timedelta | None = None
    until: datetime | None = None
    severity: Severity = Severity.MILD
    number: Number | None = None
    rule: Rule | None = None
    rules: tuple[Rule, ...] = ()
    weights: dict[str, float] = Field(default_factory=dict)
    id: UUID | None = None
    anything: Any = None
    empty: str = "something"
    ratio: float = 0.0


def warned(**fields: Any) -> Warned:
    return Warned(**{"user_id": "ada", "occurred_at": NOW, "source": "bot", "by": "mod", **fields})


def read_back(event: Event) -> Event:
    entry = entry_of_event(event, event_id=UUID(int=1), catalogue=CATALOGUE)
    known = CATALOGUE.type_of(type(event))
    return known.decode(recorded_of(entry)).model_copy(update={"position": None})


EVERYTHING: Mapping[str, Any] = {
    "channel": "general",
    "points": 5,
    "public": True,
    "note": None,
    "tags": ["a", "", "ü"],
    "fine": Decimal("12.3400"),
    "day": date(2026, 2, 28),
    "hour": time(23, 59, 59, 1),
    "lasts": timedelta(days=3, microseconds=7),
    "until": NOW + timedelta(hours=1),
    "severity": Severity.GRAVE,
    "number": Number.TWO,
    "rule": Rule(paragraph=3, title="be kind"),
    "rules": (Rule(paragraph=1), Rule(paragraph=2, title="")),
    "weights": {"a": 0.1, "b": 1e22},
    "id": UUID(int=7),
    "anything": {"nested": [1, 2.5, None, {"deep": False}]},
    "empty": "",
    "ratio": 5e-324,
}


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_value_of_any_type_reads_back_equal(name: str) -> None:
    event = warned(**{name: EVERYTHING[name]})
    assert read_back(event) == event


def test_what_was_appended_reads_back_equal_from_the_database(database: Database) -> None:
    event = warned(**EVERYTHING)
    with LogAppender(database) as appender:
        appender.append(entry_of_event(event, event_id=UUID(int=1), catalogue=CATALOGUE))
    with database.connect(DatabaseRole.PROJECT) as connection:
        (row,) = events(connection, after=START, upto=settled_head(connection), limit=10)
    assert CATALOGUE.type_of(Warned).decode(row).model_copy(update={"position": None}) == event


@given(
    st.builds(
        warned,
        points=st.integers(-(10**30), 10**30),
        public=st.booleans(),
        tags=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)),
        ratio=st.floats(allow_nan=False, allow_infinity=False),
        weights=st.dictionaries(st.sampled_from("abc"), st.floats(allow_nan=False, allow_infinity=False)),
        fine=st.decimals(allow_nan=False, allow_infinity=False) | st.none(),
        note=st.none() | st.just("") | st.just("x"),
    )
)
def test_any_history_of_values_reads_back_equal(event: Warned) -> None:
    assert read_back(event) == event


@pytest.mark.parametrize("name", ["by", "note", "empty"])
def test_an_empty_text_of_an_author_counts(name: str) -> None:
    assert getattr(read_back(warned(**{name: ""})), name) == ""


def test_of_our_own_events_only_a_text_with_characters_counts() -> None:
    event = RoleAdded(user_id="ada", occurred_at=NOW, source="discord", role="1", granted_by=None)
    row = recorded_of(entry_of_event(event, event_id=UUID(int=1), catalogue=CATALOGUE))
    for text in ('{"granted_by": ""}', '{"granted_by": 7}', '{"granted_by": null}', "{}", "[]", "null", None):
        found = CATALOGUE.decode(row._replace(metadata_text=text))
        assert isinstance(found, RoleAdded)
        assert found.granted_by is None


class Lossy(Event, type="test/lossy"):
    number: Annotated[float, PlainSerializer(lambda value: round(value))]


class Infinite(Event, type="test/infinite"):
    number: float
    data: bytes = b""


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Lossy(user_id="a", occurred_at=NOW, source="s", number=1.5), "number would read back as 2"),
        (Infinite(user_id="a", occurred_at=NOW, source="s", number=float("inf")), "number"),
        (Infinite(user_id="a", occurred_at=NOW, source="s", number=float("nan")), "number"),
        (Infinite(user_id="a", occurred_at=NOW, source="s", number=1, data=b"\xff"), "JSON cannot hold"),
        (warned(tags=["\0"]), "NUL"),
        (warned(note="\ud800"), "test|moderation/warned|half|JSON"),
    ],
)
def test_what_would_not_read_back_equal_is_refused(event: Event, why: str) -> None:
    with pytest.raises(InvalidEvent, match=why):
        entry_of_event(event, event_id=UUID(int=1), catalogue=CATALOGUE)


def test_a_field_that_is_missing_is_named() -> None:
    row = recorded_of(entry_of_event(warned(), event_id=UUID(int=1), catalogue=CATALOGUE))._replace(metadata_text="{}")
    with pytest.raises(UndecodableEvent, match=r"metadata\.by is missing; moderation/warned needs one"):
        CATALOGUE.type_of(Warned).decode(row)


def test_keys_that_the_class_does_not_know_are_passed_over() -> None:
    row = recorded_of(entry_of_event(warned(), event_id=UUID(int=1), notes={"channel_name": "x"}, catalogue=CATALOGUE))
    assert CATALOGUE.type_of(Warned).decode(row).model_copy(update={"position": None}) == warned()


def test_a_note_cannot_stand_in_the_place_of_a_field() -> None:
    with pytest.raises(InvalidEvent, match="notes may not use 'note'"):
        entry_of_event(warned(), event_id=UUID(int=1), notes={"note": "x"}, catalogue=CATALOGUE)


class Moved(Event, type="test/moved", version=3, aliases=("old/moved",)):
    to: Target
    steps: int
    how: str = "walking"


@Moved.upcasts(1)
def _(old: Payload) -> Payload:
    return {"to": old["to"], "steps": int(old["count"])}


@Moved.upcasts(2)
def _(old: Payload) -> Payload:
    return {**old, "how": old["how"].lower()} if "how" in old else old


def moved_row(metadata: str, event_type: str = "test") -> Any:
    event = Moved(user_id="ada", occurred_at=NOW, source="s", to="hall", steps=1)
    return recorded_of(entry_of_event(event, event_id=UUID(int=1), catalogue=CATALOGUE))._replace(
        event_type=event_type, metadata_text=metadata
    )


def test_an_older_row_goes_through_each_upcaster_target_included() -> None:
    catalogue = CATALOGUE.with_models([Moved])
    found = catalogue.decode(moved_row('{"count": "7"}'))
    assert isinstance(found, Moved)
    assert (found.to, found.steps, found.how) == ("hall", 7, "walking")
    found = catalogue.decode(moved_row('{"steps": 2, "how": "RUNNING", "event_version": 2}'))
    assert isinstance(found, Moved)
    assert (found.steps, found.how) == (2, "running")


def test_a_row_under_an_alias_is_the_same_event() -> None:
    found = CATALOGUE.with_models([Moved]).decode(moved_row('{"steps": 2, "event_version": 3}', "old"))
    assert isinstance(found, Moved)


def test_an_upcaster_that_raises_is_an_undecodable_row_with_its_reason() -> None:
    with pytest.raises(UndecodableEvent, match=r"test/moved: the upcaster from version 1 failed: KeyError: 'count'"):
        CATALOGUE.with_models([Moved]).decode(moved_row("{}"))


class Picky(Event, type="test/picky"):
    number: int

    @field_validator("number")
    @classmethod
    def _never(cls, number: int) -> int:
        if number > 7:
            raise RuntimeError("too much")
        return number


def test_a_model_that_raises_is_an_undecodable_row_with_its_reason() -> None:
    event = Picky(user_id="a", occurred_at=NOW, source="s", number=1)
    row = recorded_of(entry_of_event(event, event_id=UUID(int=1), catalogue=CATALOGUE))._replace(
        metadata_text='{"number": 8}'
    )
    with pytest.raises(UndecodableEvent, match="test/picky: RuntimeError: too much"):
        CATALOGUE.type_of(Picky).decode(row)


@pytest.mark.parametrize("version", ["2", '"1"', "true", "0", "1.5", "null", "[]"])
@pytest.mark.parametrize("model", [RoleAdded, RoleRemoved])
def test_a_version_that_this_process_does_not_know_is_not_guessed_at(model: Any, version: str) -> None:
    event = model(user_id="ada", occurred_at=NOW, source="discord", role="1")
    row = recorded_of(entry_of_event(event, event_id=UUID(int=1), catalogue=CATALOGUE))._replace(
        metadata_text=f'{{"event_version": {version}}}'
    )
    with pytest.raises(UndecodableEvent, match="is not known here, only version 1"):
        CATALOGUE.decode(row)
    line = {
        "timestamp": "2026-03-01T00:00:00Z",
        "event_type": row.event_type,
        "action": row.action,
        "user_id": "ada",
        "target": "1",
        "source": "test",
        "metadata": row.metadata,
    }
    with pytest.raises(InvalidEvent, match="is not known here"):
        entry_of(line, CATALOGUE)


def declared(**arguments: Any) -> type[Event]:
    body = arguments.pop("body", {})
    names = {"__module__": __name__, "__annotations__": body}
    return cast("type[Event]", new_class("Made", (Event,), arguments, lambda space: space.update(names)))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"type": "warned"}, "is no name of an event: it is event_type/action"),
        ({"type": "a/b/c"}, "is no name of an event"),
        ({"type": f"{'x' * 51}/y"}, "at most 50 characters each"),
        ({"type": "a/b", "aliases": ("c",)}, "'c' is no name of an event"),
        ({"type": "a/b", "version": 0}, "versions begin with 1"),
        ({"version": 2}, "no type to give them to"),
        ({"type": "a/b", "body": {"event_version": int}}, "every event has this already"),
        ({"type": "a/b", "body": {"source": str}}, "every event has this already"),
        ({"type": "a/b", "body": {"one": Target, "two": Target | None}}, "has two targets, one and two"),
    ],
)
def test_a_mistake_in_a_declaration_is_a_sentence_when_the_class_is_made(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(EventMisdeclared, match=why):
        declared(**arguments)


def test_a_version_without_its_upcaster_is_refused_at_first_use() -> None:
    with pytest.raises(EventMisdeclared, match="no upcaster from version 1"):
        declared_type(declared(type="a/b", version=2))


def test_an_upcaster_of_no_version_is_refused() -> None:
    with pytest.raises(EventMisdeclared, match="there is nothing to upcast from version 3"):
        Moved.upcasts(3)
    with pytest.raises(EventMisdeclared, match="two upcasters from version 1"):
        Moved.upcasts(1)


class Nameless(Event):
    metadata_fields: ClassVar[tuple[str, ...]] = ("points",)
    points: int = 0


def test_a_class_without_a_name_says_what_it_needs() -> None:
    event = Nameless(user_id="a", occurred_at=NOW, source="s")
    with pytest.raises(EventMisdeclared, match=r"Nameless is in no catalogue: name its type"):
        entry_of_event(event, event_id=UUID(int=1), catalogue=CATALOGUE)


def test_in_a_catalogue_its_numbers_read_back_too() -> None:
    catalogue = CATALOGUE.extended([EventType("old", "style", Nameless)])
    event = Nameless(user_id="a", occurred_at=NOW, source="s", points=5)
    entry = entry_of_event(event, event_id=UUID(int=1), catalogue=catalogue)
    assert catalogue.decode(recorded_of(entry)).model_copy(update={"position": None}) == event


class Aliased(Event, type="test/aliased"):
    by_whom: Annotated[Name100, Field(alias="byWhom")]


def test_a_field_with_an_alias_is_stored_by_its_name() -> None:
    event = Aliased.model_validate({"user_id": "a", "occurred_at": NOW, "source": "s", "byWhom": "x"})
    entry = entry_of_event(event, event_id=UUID(int=1), catalogue=CATALOGUE)
    assert entry.metadata == '{"by_whom":"x"}'
    assert read_back(event) == event
