"""An event that was made without the model's check is the event that the check would have made."""

import pickle
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_core import core_schema

from temple_ledger.domain.catalogue import CATALOGUE, EventType
from temple_ledger.domain.errors import UndecodableEvent
from temple_ledger.domain.event import Event, Name100
from temple_ledger.domain.events import RoleAdded
from temple_ledger.domain.plain_events import plain_fields
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded

TIMES = [datetime(2026, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 1, 1), None]  # noqa: DTZ001
TEXTS = st.sampled_from(["", "Oracle", "é" * 50, "x" * 50, "x" * 51, "x" * 100, "x" * 101])
VALUES = TEXTS.map(lambda text: f'"{text}"') | st.sampled_from(["null", "7", "[]", "{}", "true"])


class Renamed(Event):
    """A field that must be there, and one that has a value of its own where it is not."""

    metadata_fields: ClassVar[tuple[str, ...]] = ("name", "by")

    name: Annotated[str, StringConstraints(min_length=2)]
    by: str = "nobody"


TYPES = [*CATALOGUE, EventType("temple_name", "renamed", Renamed)]


@st.composite
def rows(draw: st.DrawFn) -> tuple[EventType, Recorded]:
    known = draw(st.sampled_from(TYPES))
    names = draw(st.lists(st.sampled_from([*known.model.metadata_fields, "else"]), unique=True))
    metadata = draw(
        st.none()
        | st.just("{" + ", ".join(f'"{name}": {draw(VALUES)}' for name in names) + "}")
        | st.sampled_from(["null", "[1]", "7"])
    )
    occurred_at = draw(st.sampled_from(TIMES))
    user_id, target, source = draw(TEXTS), draw(st.none() | TEXTS), draw(TEXTS)
    return known, Recorded(Position(7), occurred_at, known.event_type, user_id, known.action, target, metadata, source)


def outcome(decode: Any, row: Recorded) -> Event | str:
    try:
        event: Event = decode(row)
    except UndecodableEvent as error:
        return str(error)
    return event


GOOD = Recorded(Position(7), TIMES[0], "discord_role_change", "ada", "added", "Oracle", '{"granted_by": "mod"}', "test")


@given(rows())
@example((CATALOGUE.type_of(RoleAdded), GOOD))
@example((CATALOGUE.type_of(RoleAdded), GOOD._replace(metadata_text=None)))
@example((TYPES[-1], GOOD._replace(metadata_text=None)))
@example((TYPES[-1], GOOD._replace(metadata_text='{"by": "mod"}')))
@example((TYPES[-1], GOOD._replace(metadata_text='{"name": "Oracle"}')))
def test_it_is_the_same_event_or_the_same_refusal(drawn: tuple[EventType, Recorded]) -> None:
    known, row = drawn
    assert plain_fields(known.model) is not None
    made, checked = outcome(known.decode, row), outcome(known._checked, row)
    assert made == checked
    if isinstance(made, Event) and isinstance(checked, Event):
        assert type(made) is type(checked)
        assert hash(made) == hash(checked)
        assert repr(made) == repr(checked)
        assert made.model_fields_set == checked.model_fields_set
        assert made.model_dump(exclude_unset=True) == checked.model_dump(exclude_unset=True)
        assert made.model_dump_json() == checked.model_dump_json()
        assert made.model_copy(update={"user_id": "grace"}) == checked.model_copy(update={"user_id": "grace"})
        assert pickle.loads(pickle.dumps(made)) == checked  # noqa: S301


@given(rows())
@example((CATALOGUE.type_of(RoleAdded), GOOD))
def test_its_fields_alone_are_those_of_the_event_or_it_is_the_same_refusal(drawn: tuple[EventType, Recorded]) -> None:
    known, row = drawn
    slots, checked = outcome(known.decode_into_slots, row), outcome(known._checked, row)
    if isinstance(checked, str):
        assert slots == checked
    else:
        assert {name: getattr(slots, name) for name in known.model.model_fields} == dict(checked)


@given(rows())
def test_what_surely_decodes_does(drawn: tuple[EventType, Recorded]) -> None:
    known, row = drawn
    metadata = None if row.metadata_text is None else row.metadata
    if known.surely_decodes(row.target, metadata):
        row = row._replace(user_id="ada", source="test", occurred_at=TIMES[0])
        assert isinstance(outcome(known.decode, row), Event)


def test_a_good_row_needs_no_check() -> None:
    assert CATALOGUE.type_of(RoleAdded).surely_decodes("Oracle", {"granted_by": "mod", "more": [1]})
    assert not CATALOGUE.type_of(RoleAdded).surely_decodes(None, {})
    assert not CATALOGUE.type_of(RoleAdded).surely_decodes("Oracle", {"granted_by": "x" * 101})


def _upper(value: str) -> str:
    return value.upper()


class Validated(Event):
    target_field: ClassVar[str | None] = "role"
    role: Name100

    @field_validator("role")
    @classmethod
    def _known_role(cls, value: str) -> str:
        return _upper(value)


class Together(Event):
    target_field: ClassVar[str | None] = "role"
    role: Name100

    @model_validator(mode="after")
    def _not_oneself(self) -> "Together":
        assert self.role != self.user_id
        return self


class Changed(Event):
    target_field: ClassVar[str | None] = "role"
    role: Annotated[str, AfterValidator(_upper)]


class Patterned(Event):
    target_field: ClassVar[str | None] = "role"
    role: Annotated[str, StringConstraints(pattern="^[0-9]+$")]


class Number(Event):
    target_field: ClassVar[str | None] = "count"
    count: int


class OneOf(Event):
    target_field: ClassVar[str | None] = "role"
    role: Literal["Oracle"]


class OfTheGuild(Event):
    user_id: Literal["guild"]


class Made(Event):
    metadata_fields: ClassVar[tuple[str, ...]] = ("note",)
    note: str = Field(default_factory=lambda: "made")


class Aliased(Event):
    metadata_fields: ClassVar[tuple[str, ...]] = ("by",)
    by: str | None = Field(None, alias="granted_by")


class DefaultChecked(Event):
    metadata_fields: ClassVar[tuple[str, ...]] = ("by",)
    by: Name100 = Field("", validate_default=True)


class Twice(Event):
    target_field: ClassVar[str | None] = "role"
    metadata_fields: ClassVar[tuple[str, ...]] = ("role",)
    role: str = "none"


class OtherOrder(Event):
    target_field: ClassVar[str | None] = "role"
    metadata_fields: ClassVar[tuple[str, ...]] = ("by",)
    by: str | None = None
    role: str


class OwnSchema(Event):
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return core_schema.no_info_after_validator_function(cls.not_oneself, handler(source))

    @staticmethod
    def not_oneself(event: Any) -> Any:
        assert event.user_id != event.source
        return event


class Many(Event):
    metadata_fields: ClassVar[tuple[str, ...]] = ("a", "b", "c", "d", "e", "f")
    a: str | None = None
    b: str | None = None
    c: str | None = None
    d: str | None = None
    e: str | None = None
    f: str | None = None


class NotRead(Event):
    note: str = "constant"


class Finished(Event):
    def model_post_init(self, context: Any, /) -> None:
        assert self.user_id != "nobody"


@pytest.mark.parametrize(
    "model",
    [
        Validated,
        Together,
        Changed,
        Patterned,
        Number,
        OneOf,
        OfTheGuild,
        Made,
        NotRead,
        Finished,
        Aliased,
        DefaultChecked,
        Twice,
        OtherOrder,
        OwnSchema,
        Many,
    ],
    ids=lambda model: model.__name__,
)
def test_a_model_that_asks_more_than_how_long_a_text_is_checks_its_events_itself(model: type[BaseModel]) -> None:
    assert issubclass(model, Event)
    assert plain_fields(model) is None
