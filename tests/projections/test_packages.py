"""A package that cannot be loaded is named with its reason, and all the others are loaded."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.packages import Loaded, load

EVENTS, PROJECTIONS = "temple_ledger.events", "temple_ledger.projections"
OURS = [each.name for each in BUILT_IN]

SOURCE = """
from temple_ledger import Column, ColumnType, Event, EventType, MemberProjection, RoleAdded, Table

class {event}(Event, type="{type}"):
    times: int = 1

TABLE = Table("{table}", columns=(Column("number", ColumnType.INTEGER),), key=())
{name} = MemberProjection("{name}", version=1, tables=(TABLE,), initial=int,
    rows=lambda number: {{TABLE.name: [(number,)]}}, state=lambda rows: rows[TABLE.name][0][0] if rows else 0)

@{name}.on
def _(number: int, event: {event}) -> int:
    return number + event.times
"""

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module of an author's, whose name is the package's."""
    monkeypatch.syspath_prepend(tmp_path)
    written: list[str] = []

    def module(package: str, text: str = SOURCE, **names: str) -> None:
        usual = {"event": "Waved", "type": f"{package}/happened", "table": f"{package}_table"}
        text = text.format(**{**usual, "name": f"{package}_counts", **names})
        (tmp_path / f"{package}.py").write_text(text, encoding="utf-8")
        written.append(package)

    yield module
    for name in written:
        sys.modules.pop(name, None)


def loaded(*places: str, events: tuple[str, ...] = ()) -> Loaded:
    points = [EntryPoint(place.partition(":")[2], place, PROJECTIONS) for place in places]
    return load([EntryPoint(place.partition(":")[0], place, EVENTS) for place in events], points)


def reasons(found: Loaded) -> dict[str, str]:
    return {each.name: each.reason for each in found.failed}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_module_of_theirs", "ModuleNotFoundError"),
        ("\n1 / 0", "theirs.py:2 in <module>)"),
        ("raise SystemExit(3)", "SystemExit"),
        ("x = (", "SyntaxError"),
        ("theirs_counts = 7", "it is no projection"),
        ("unrelated = 7", "AttributeError"),
        (SOURCE.replace("version=1", "version=0"), "needs a version of at least 1"),
        (SOURCE.replace("event: {event}", "event: str"), "which is no event"),
        (SOURCE.replace(', type="{type}"', ""), "is in no catalogue"),
    ],
)
def test_a_projection_that_cannot_be_loaded_is_named_and_the_others_are_there(
    write: Write, text: str, reason: str
) -> None:
    write("theirs", text)
    write("other")
    found = loaded("theirs:theirs_counts", "other:other_counts")
    assert list(found.projections) == [*OURS, "other_counts"]
    assert reason in reasons(found)["theirs_counts"]
    assert str(found.failed[0]).startswith("projection theirs_counts (theirs:theirs_counts) cannot be loaded: ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_module_of_theirs", "ModuleNotFoundError"),
        ("EVENTS = 7", "it is no list of event types"),
        ("EVENTS = [7]", "which is no event"),
        (
            "from temple_ledger import RoleAdded, EventType\nEVENTS = [EventType('a', 'b', RoleAdded, version=2)]",
            "no upcaster from version 1",
        ),
    ],
)
def test_event_types_that_cannot_be_loaded_are_named_and_the_others_are_there(
    write: Write, text: str, reason: str
) -> None:
    write("theirs", text)
    write("other", SOURCE + "\nEVENTS = [EventType('other', 'listed', {event})]")
    found = loaded(events=("theirs:EVENTS", "other:EVENTS"))
    assert reason in reasons(found)["theirs"]
    assert found.catalogue.find("other", "listed") is not None
    assert found.catalogue.find("discord_join", "joined") is not None


def test_an_event_is_in_the_catalogue_where_a_loaded_rule_reads_it(write: Write) -> None:
    write("other")
    assert loaded("other:other_counts").catalogue.find("other", "happened") is not None


def test_of_two_packages_with_one_event_name_neither_is_loaded(write: Write) -> None:
    for name in ("first", "second"):
        write(name, type="shared/event")
    write("third")
    found = loaded("first:first_counts", "second:second_counts", "third:third_counts")
    assert list(found.projections) == [*OURS, "third_counts"]
    assert reasons(found) == {
        "first_counts": "event shared/event is claimed by second:second_counts too",
        "second_counts": "event shared/event is claimed by first:first_counts too",
    }
    assert found.catalogue.find("shared", "event") is None


def test_no_package_gets_a_name_of_ours(write: Write) -> None:
    write("theirs", type="discord_join/joined")
    write("tables", table="temple_member_status")
    write("same", SOURCE.replace('MemberProjection("{name}"', 'MemberProjection("members"'))
    found = loaded("theirs:theirs_counts", "tables:tables_counts", "same:same_counts")
    assert list(found.projections) == OURS
    assert reasons(found) == {
        "theirs_counts": "event discord_join/joined is Temple Ledger's own",
        "tables_counts": "table temple_member_status is Temple Ledger's own",
        "members": "projection members is Temple Ledger's own",
    }


@pytest.mark.parametrize("name", ["table", "name"])
def test_of_two_packages_with_one_table_or_projection_neither_is_loaded(write: Write, name: str) -> None:
    for module in ("first", "second"):
        write(module, **{name: "shared"})
    place = "shared" if name == "name" else "{}_counts"
    found = loaded(*(f"{module}:{place.format(module)}" for module in ("first", "second")))
    assert list(found.projections) == OURS
    assert [each.reason.split(" is claimed")[0].split(" ")[1] for each in found.failed] == ["shared", "shared"]


def test_a_projection_whose_rules_read_events_of_a_broken_package_is_not_loaded(write: Write) -> None:
    write("theirs", SOURCE + "\nEVENTS = [7]")
    write(
        "reader",
        SOURCE.replace('class {event}(Event, type="{type}"):\n    times: int = 1', "from theirs import {event}"),
    )
    write("other")
    found = loaded("reader:reader_counts", "theirs:theirs_counts", "other:other_counts", events=("theirs:EVENTS",))
    assert list(found.projections) == [*OURS, "other_counts"]
    assert "its rule for Waved needs a package that is not loaded: events theirs" in reasons(found)["reader_counts"]


def test_a_package_may_list_its_event_under_another_name_than_the_class_says(write: Write) -> None:
    write("other", SOURCE + "\nEVENTS = [EventType('other', 'listed', {event})]")
    found = loaded("other:other_counts", events=("other:EVENTS",))
    assert (list(found.projections), list(found.failed)) == ([*OURS, "other_counts"], [])
