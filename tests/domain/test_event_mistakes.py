"""What an author does wrong with an event is a sentence, where the class is made or where the event is stored."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import new_class
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pytest
from pydantic import ConfigDict, NaiveDatetime, PlainSerializer

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import EventMisdeclared, InvalidEvent, UndecodableEvent
from temple_ledger.domain.event import Event, Payload, Target
from temple_ledger.domain.log_entry import entry_of, entry_of_event
from temple_ledger.projections.testing.histories import at

ID = UUID(int=1)


def made(fields: dict[str, Any], *, type: Any = "library/lent", **arguments: Any) -> Any:  # noqa: A002 - the argument
    return new_class("Lent", (Event,), {"type": type, **arguments}, lambda space: space.update(__annotations__=fields))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"type": 3}, "3 is no name of an event: it is a text"),
        ({"type": "library/le\x00nt"}, "has a character that nobody sees"),
        ({"type": "library/le\u202ent"}, "has a character that nobody sees"),
        ({"type": "library / lent"}, "begins or ends with a space"),
        ({"version": "2"}, "versions begin with 1, and this one is '2'"),
        ({"version": True}, "versions begin with 1, and this one is True"),
        ({"aliases": "library/borrowed"}, "aliases are a tuple; one alone needs a comma, .'library/borrowed',."),
    ],
)
def test_the_arguments_of_a_class_are_checked(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(EventMisdeclared, match=why):
        made({"book": str}, **arguments)


@pytest.mark.parametrize("name", ["position", "upcasts", "originator_id", "declaration", "metadata_fields"])
def test_a_field_cannot_have_the_name_of_what_every_event_has(name: str) -> None:
    with pytest.raises(EventMisdeclared, match=f"Lent.{name}: every event has this already"):
        made({name: str})


def test_a_field_may_have_a_name_that_pydantic_had_long_ago_and_nothing_warns_of_it() -> None:
    lent = made({"copy": str, "json": str, "schema": str}, type="library/copied")
    # in a process of its own, since pytest has filters of its own
    code = "from temple_ledger import Event\nclass Lent(Event, type='a/b'):\n  copy: str\n  json: str\n  schema: str"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    event = lent(user_id="ada", occurred_at=at(1), source="desk", copy="3", json="4", schema="5")
    entry = entry_of_event(event, event_id=ID, catalogue=CATALOGUE.with_models([lent]))
    assert entry.metadata == '{"copy":"3","json":"4","schema":"5"}'


@pytest.mark.parametrize(
    ("config", "why"),
    [(ConfigDict(frozen=False), "Lent: an event is a fact"), (ConfigDict(extra="allow"), "Lent: extra='allow' takes")],
)
def test_a_class_whose_events_could_be_changed_or_lose_a_value_is_refused(config: ConfigDict, why: str) -> None:
    with pytest.raises(EventMisdeclared, match=why):
        new_class("Lent", (Event,), {"type": "library/lent"}, lambda space: space.update(model_config=config))


def test_a_field_that_would_not_be_stored_is_refused() -> None:
    with pytest.raises(EventMisdeclared, match=r"Lent._note: a field does not begin with an underscore"):
        made({"_note": str})


@pytest.mark.parametrize("hint", [set[str], frozenset[str], set[int] | None, dict[str, set[int]]])
def test_a_set_is_refused_since_it_would_be_stored_in_another_order_each_time(hint: Any) -> None:
    with pytest.raises(EventMisdeclared, match=r"Lent.tags: a set has no order"):
        made({"tags": hint})
    made({"tags": Annotated[set[str], PlainSerializer(sorted)], "seen": ClassVar[set[str]]})


class Shelf:
    pass


@pytest.mark.parametrize("hint", [Shelf, list[Shelf], dict[str, Shelf] | None])
def test_a_type_that_is_no_json_is_refused_in_a_sentence_with_its_field(hint: Any) -> None:
    with pytest.raises(EventMisdeclared, match=r"Lent.shelf has a type that cannot be written as JSON .*Shelf.*; use "):
        made({"book": str, "shelf": hint})


def test_so_is_one_whose_name_is_written_as_a_text() -> None:
    with pytest.raises(EventMisdeclared, match=r"Lent has a type that cannot be written as JSON .*Shelf"):
        new_class(
            "Lent",
            (Event,),
            {"type": "library/lent"},
            lambda space: space.update(__annotations__={"shelf": "Shelf"}, __module__=__name__),
        )


def test_a_field_without_a_type_is_refused() -> None:
    with pytest.raises(EventMisdeclared, match=r"Lent: a field has no type .points = 5.; write its type"):
        new_class("Lent", (Event,), {"type": "library/lent"}, lambda space: space.update(points=5, __annotations__={}))


class Lent(Event, type="library/lent_on_time", version=2):
    book: Target
    due_at: datetime
    reminders: tuple[datetime, ...] = ()
    by_the_clock_at_the_desk: NaiveDatetime | None = None


@Lent.upcasts(1)
def _(old: Payload) -> Payload:
    return {**old, "due_at": old["until"]}


KNOWN = CATALOGUE.with_models([Lent])
NAIVE = datetime(2026, 1, 2)  # noqa: DTZ001 - that is what is refused


def row(**metadata: Any) -> dict[str, Any]:
    return {
        "timestamp": "2026-01-01T00:00:00Z",
        "event_type": "library",
        "action": "lent_on_time",
        "user_id": "ada",
        "source": "desk",
        "target": "dune",
        "metadata": metadata,
    }


def lent(**fields: Any) -> Lent:
    return Lent(**{"user_id": "ada", "occurred_at": at(1), "source": "desk", "book": "dune", "due_at": at(9), **fields})


@pytest.mark.parametrize(("name", "value"), [("due_at", NAIVE), ("reminders", (at(2), NAIVE))])
def test_an_instant_without_an_offset_is_refused_at_every_door(name: str, value: Any) -> None:
    with pytest.raises(InvalidEvent, match=rf"{name} has no offset \(2026-01-02 00:00:00\): write"):
        entry_of_event(lent(**{name: value}), event_id=ID, catalogue=KNOWN)
    with pytest.raises(InvalidEvent, match="due_at has no offset"):
        entry_of(row(event_version=2, due_at="2026-01-02T00:00:00"), KNOWN)


def test_a_time_of_no_zone_is_stored_where_it_is_asked_for() -> None:
    entry = entry_of_event(lent(by_the_clock_at_the_desk=NAIVE), event_id=ID, catalogue=KNOWN)
    assert "2026-01-02T00:00:00" in str(entry.metadata)


@pytest.mark.parametrize(
    ("given", "why"),
    [(None, "this is None"), (Lent, "this is the class Lent: call it, with the fields"), ("dune", "this is a str")],
)
def test_what_is_no_event_is_named(given: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        entry_of_event(given, event_id=ID, catalogue=KNOWN)


def test_an_id_and_a_target_are_checked_before_they_reach_the_database() -> None:
    with pytest.raises(InvalidEvent, match="event_id is not a UUID, but 'order 3'"):
        entry_of_event(lent(), event_id="order 3", catalogue=KNOWN)  # type: ignore[arg-type]
    with pytest.raises(InvalidEvent, match="target has a NUL character"):
        entry_of_event(lent(book="du\x00ne"), event_id=ID, catalogue=KNOWN)


def test_a_row_of_the_newest_version_that_does_not_say_so_is_told_what_it_counts_as() -> None:
    hint = "KeyError: 'until'; a row without event_version is of version 1, and the newest is 2"
    with pytest.raises(UndecodableEvent, match=hint):
        entry_of(row(due_at="2026-01-02T00:00:00Z"), KNOWN)
    with pytest.raises(UndecodableEvent) as caught:
        entry_of(row(due_at="2026-01-02T00:00:00Z", event_version=1), KNOWN)
    assert "a row without" not in str(caught.value)


@pytest.mark.parametrize(("returned", "what"), [(None, "nothing"), (3, "3"), ([], r"\[\]")])
def test_an_upcaster_returns_the_fields_by_name(returned: Any, what: str) -> None:
    upcast: Callable[[Payload], Any] = lambda old: returned  # noqa: E731 - for its type
    older = made({"book": str}, type="library/older", version=2)
    older.upcasts(1)(upcast)
    columns = {**row(event_version=1), "action": "older", "target": None}
    with pytest.raises(UndecodableEvent, match=f"it returned {what}, and not the fields by name"):
        entry_of(columns, CATALOGUE.with_models([older]))


def test_times_with_an_offset_are_as_good_as_ever() -> None:
    entry = entry_of_event(lent(due_at=datetime(2026, 1, 2, tzinfo=UTC)), event_id=ID, catalogue=KNOWN)
    assert "2026-01-02T00:00:00Z" in str(entry.metadata)
