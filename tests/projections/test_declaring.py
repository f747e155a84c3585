"""A mistake in a projection is a sentence when it is declared, or parks a member: it is never silent."""

import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import EventMisdeclared, LedgerError, ProjectionMisdeclared
from temple_ledger.domain.event import Event, Target, UnknownEvent
from temple_ledger.domain.events import (
    MembershipChanged,
    MembershipEvent,
    MembershipStarted,
    RoleAdded,
    RoleEvent,
    RoleRemoved,
)
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import BuiltInProjection, MemberProjection
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.testing.histories import at, joined, pledged, role_added, role_removed
from temple_ledger.projections.testing.specification import Specification
from temple_ledger.projections.values import ColumnType

COUNTS = Table("example_counts", columns=(Column("number", ColumnType.BIGINT),))


def counting(rows: Any = None, name: str = "counts") -> MemberProjection[int]:
    return MemberProjection(
        name,
        version=1,
        tables=(COUNTS,),
        initial=int,
        rows=rows or (lambda number: {COUNTS.name: ((number,),)}),
        state=lambda rows: rows[COUNTS.name][0][0] if rows.get(COUNTS.name) else 0,
    )


def one_more(number: int, _: Event) -> int:
    return number + 1


@pytest.mark.parametrize("model", [Event, UnknownEvent, MembershipEvent, RoleEvent])
def test_a_rule_for_a_class_that_is_never_an_event_is_refused(model: type[Event]) -> None:
    with pytest.raises(ProjectionMisdeclared, match=f"{model.__name__} is a base class|{model.__name__} is in no cat"):
        counting().on(model)(one_more)


def test_whoever_names_a_base_class_is_told_which_classes_are_events() -> None:
    with pytest.raises(ProjectionMisdeclared, match="MembershipChanged, MembershipDeclined, MembershipEnded"):
        counting().on(MembershipEvent)(one_more)


class Nobodys(Event):
    pass


def test_a_rule_for_a_class_without_a_name_is_refused_when_it_is_loaded() -> None:
    projection = counting()
    projection.on(Nobodys)(one_more)
    with pytest.raises(EventMisdeclared, match=r"Nobodys is in no catalogue: name its type"):
        Fold(projection, CATALOGUE)


def test_the_annotation_says_which_event_a_rule_is_about() -> None:
    projection = counting()

    @projection.on
    def _(number: int, event: RoleAdded | RoleRemoved) -> int:
        return number + len(event.role)

    assert set(projection.steps) == {RoleAdded, RoleRemoved}
    Specification(projection).given(role_added("ada", "xyz"), joined("ada")).then_rows("ada", COUNTS.name, [(3,)])


def test_a_rule_for_classes_may_be_annotated_with_their_base() -> None:
    projection = counting()

    @projection.on(MembershipStarted, MembershipChanged)
    def _(number: int, event: MembershipEvent) -> int:
        return number + len(event.tier or "")

    Specification(projection).given(pledged("ada", "Gold")).then_rows("ada", COUNTS.name, [(4,)])


def test_a_rule_whose_annotation_is_another_event_is_refused() -> None:
    def rule(number: int, event: RoleRemoved) -> int:
        return number + len(event.role)

    register: Any = counting().on(RoleAdded)
    with pytest.raises(ProjectionMisdeclared, match=r"registered for RoleAdded and annotated for RoleRemoved"):
        register(rule)


def test_a_bare_rule_without_an_annotation_is_refused() -> None:
    register: Any = counting().on
    with pytest.raises(ProjectionMisdeclared, match="does not say which event it is about"):
        register(lambda number, event: number)
    with pytest.raises(ProjectionMisdeclared, match="which is no event"):
        register(_about_a_text)
    with pytest.raises(ProjectionMisdeclared, match="MembershipEvent is a base class"):
        register(_about_a_base)


def _about_a_text(number: int, event: str) -> int:
    return number + len(event)


def _about_a_base(number: int, event: MembershipEvent) -> int:
    return number + len(event.source)


def test_two_rules_for_one_event_are_refused() -> None:
    projection = counting()
    projection.on(RoleAdded)(one_more)
    with pytest.raises(ProjectionMisdeclared, match="two rules for RoleAdded"):
        projection.on(RoleAdded)(one_more)


class Waved(Event, type="test/waved"):
    at_whom: Target
    times: int = 1


def waves() -> MemberProjection[int]:
    projection = counting(name="waves")

    @projection.on
    def _(number: int, event: Waved) -> int:
        return number + event.times

    return projection


def waved(times: int, hours: float) -> Waved:
    return Waved(user_id="ada", occurred_at=at(hours), source="test", at_whom="bob", times=times)


def test_an_own_event_needs_no_entry_point_where_a_rule_reads_it(database: Database) -> None:
    Specification(waves()).given(waved(2, 1), waved(3, 2)).then_rows("ada", COUNTS.name, [(5,)])
    projection = waves()
    ledger = LedgerScenario(database, projections=[projection])
    ledger.given(waved(2, 1), waved(3, 2))
    ledger.then_rows(projection, COUNTS.name, "ada", [(5,)])


ODD_ROWS = {
    "rows of a table that is not declared": lambda number: {COUNTS.name: ((number,),), "elsewhere": ((1,),)},
    "None": lambda number: None,
    "a row that is too short": lambda number: {COUNTS.name: ((),)},
    "no rows but a number": lambda number: {COUNTS.name: 7},
    "rows that cannot be compared": lambda number: {COUNTS.name: ([object()],)},
}


@pytest.mark.parametrize("odd", ODD_ROWS)
def test_rows_that_cannot_be_stored_park_the_member_live_and_in_replay(database: Database, odd: str) -> None:
    projection = counting(ODD_ROWS[odd])
    projection.on(RoleAdded)(one_more)
    Specification(projection).given(role_added("ada", "x")).then_parked("ada", 1)
    ledger = LedgerScenario(database, projections=[projection])
    (position,) = ledger.given(role_added("ada", "x"))
    step = ledger.catch_up()[projection.name]
    assert [failure.position for failure in step.failures] == [position]
    ledger.then_verified()


@pytest.mark.parametrize(
    "rows", [lambda number: {COUNTS.name: [[number]]}, lambda number: {COUNTS.name: iter([(number,)])}]
)
def test_rows_may_be_lists_and_iterators(database: Database, rows: Any) -> None:
    projection = counting(rows)
    projection.on(RoleAdded)(one_more)
    ledger = LedgerScenario(database, projections=[projection])
    for hour in range(3):
        ledger.given(role_added("ada", "x", at(hour)))
        ledger.then_rows(projection, COUNTS.name, "ada", [(hour + 1,)])


GRANTED = Table(
    "example_granted",
    columns=(Column("role", ColumnType.TEXT), Column("times", ColumnType.BIGINT)),
    key=("role", "times"),
)


def in_place() -> MemberProjection[list[tuple[str, int]]]:
    """Its state is the list of its rows, and the rule appends to it."""
    projection: MemberProjection[list[tuple[str, int]]] = MemberProjection(
        "in_place",
        version=1,
        tables=(GRANTED,),
        initial=list,
        rows=lambda state: {GRANTED.name: state},
        state=lambda rows: list(rows.get(GRANTED.name, ())),
    )

    @projection.on
    def _(state: list[tuple[str, int]], event: RoleAdded) -> list[tuple[str, int]]:
        state.append((event.role, len(state)))
        return state

    return projection


def test_rows_stored_live_are_right_even_where_a_rule_changes_its_state_in_place(database: Database) -> None:
    projection = in_place()
    ledger = LedgerScenario(database, projections=[projection])
    with database.connect(DatabaseRole.PROJECT) as connection:
        processor = processor_of(projection, transactions(connection), catalogue=CATALOGUE)
        for hour in range(5):
            ledger.given(role_added("ada", "x", at(hour)))
            processor.step(upto=settled_head(connection), limit=100)
    ledger.then_verified()
    assert sorted(ledger.rows(projection, GRANTED.name, "ada")) == [("x", number) for number in range(5)]


def test_a_step_that_failed_leaves_nothing_in_memory_that_a_rule_changed(database: Database) -> None:
    projection = in_place()
    ledger = LedgerScenario(database, projections=[projection])
    with database.connect(DatabaseRole.PROJECT) as connection:
        processor = processor_of(projection, transactions(connection), catalogue=CATALOGUE)
        ledger.given(role_added("ada", "x", at(1)))
        processor.step(upto=settled_head(connection), limit=100)
        ledger.given(role_added("ada", "x", at(2)))
        with database.connect(DatabaseRole.OWNER) as owner:
            owner.execute("alter table example_granted rename to elsewhere")
        with pytest.raises(Exception, match="example_granted"):
            processor.step(upto=settled_head(connection), limit=100)
        with database.connect(DatabaseRole.OWNER) as owner:
            owner.execute("alter table elsewhere rename to example_granted")
        processor.step(upto=settled_head(connection), limit=100)
    ledger.then_verified()
    assert sorted(ledger.rows(projection, GRANTED.name, "ada")) == [("x", 0), ("x", 1)]


def test_both_kits_see_a_rule_that_changes_its_state_in_place(database: Database) -> None:
    history = [role_added("ada", "x", at(hour)) for hour in range(5)]
    projection = in_place()
    spec, ledger = Specification(projection), LedgerScenario(database, projections=[projection])
    spec.given(*history)
    ledger.given(*history)
    rows = [("x", number) for number in range(5)]
    with pytest.raises(AssertionError, match=r"the rule on line \d+ of .* changes its state in place"):
        spec.then_rows("ada", GRANTED.name, rows)
    with pytest.raises(AssertionError, match=r"the rule on line \d+ of .* changes its state in place"):
        ledger.then_rows(projection, GRANTED.name, "ada", rows)


class Calls(NamedTuple):
    calls: list[int]


def poisoned(calls: Calls) -> MemberProjection[int]:
    projection = counting(name="poisoned")

    @projection.on
    def _(number: int, event: RoleAdded) -> int:
        calls.calls.append(1)
        if event.role == "poison":
            raise ValueError("a bug")
        return number + 1

    return projection


@pytest.mark.parametrize("order", ["newest first", "oldest first"])
@pytest.mark.parametrize("poison", [0, 1, 1_000, 1_998, 1_999])
def test_a_raising_event_is_found_in_a_few_folds_whatever_the_order_of_arrival(order: str, poison: int) -> None:
    calls = Calls([])
    projection = poisoned(calls)
    spec = Specification(projection)
    number = 2_000
    for place in range(number):
        when = at(number - place if order == "newest first" else place)
        spec.given(role_added("ada", "poison" if place == poison else "x", when))
    done = Fold(projection, CATALOGUE).whole(spec.log)
    assert done.parked_at == poison + 1
    assert done.rows == ({} if poison == 0 else {COUNTS.name: ((poison,),)})
    assert len(calls.calls) <= number * (math.log2(number) + 3)


def test_of_many_raising_events_the_first_by_position_parks() -> None:
    calls = Calls([])
    projection = poisoned(calls)
    spec = Specification(projection)
    for place in range(500):
        spec.given(role_added("ada", "poison" if place >= 7 else "x", at(500 - place)))
    done = Fold(projection, CATALOGUE).whole(spec.log)
    assert (done.parked_at, done.error) == (8, "ValueError: a bug")
    assert done.rows == {COUNTS.name: ((7,),)}


def test_role_removed_rules_never_see_role_added() -> None:
    projection = counting()

    @projection.on
    def _(number: int, event: RoleRemoved) -> int:
        return number - len(event.role)

    Specification(projection).given(role_added("ada", "x"), role_removed("ada", "xy")).then_rows(
        "ada", COUNTS.name, [(-2,)]
    )


def test_every_mistake_is_an_error_of_ours() -> None:
    assert issubclass(EventMisdeclared, LedgerError)
    assert issubclass(ProjectionMisdeclared, LedgerError)


class Bowed(Event, type="temple_bow/bowed"):
    pass


def rows_with(metadata: str | None) -> list[Recorded]:
    occurred_at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Recorded(Position(1), occurred_at, "discord_role_change", "ada", "added", "Oracle", metadata, "test"),
        Recorded(Position(2), occurred_at, "temple_bow", "ada", "bowed", None, metadata, "test"),
    ]


@pytest.mark.parametrize("metadata", [None, "{}", '{"event_version": 1}'])
def test_a_rule_of_an_author_gets_an_instance_of_its_own_class(metadata: str | None) -> None:
    seen: list[type] = []

    def note(number: int, event: RoleAdded | Bowed) -> int:
        seen.append(type(event))
        return number + 1

    ours = BuiltInProjection[int](
        "ours",
        version=1,
        tables=(COUNTS,),
        initial=int,
        rows=lambda number: {COUNTS.name: ((number,),)},
        state=lambda rows: rows[COUNTS.name][0][0],
    )
    theirs = counting()
    theirs.on(note)
    Fold(theirs, CATALOGUE).in_order(None, rows_with(metadata))
    assert seen == [RoleAdded, Bowed]
    # of a projection of our own, only events of our own come as their fields alone
    seen.clear()
    ours.on(note)
    Fold(ours, CATALOGUE).in_order(None, rows_with(metadata))
    assert seen[1] is Bowed
