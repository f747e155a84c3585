"""The kit without a database says what was expected and found, and where in the author's code it failed."""

import re
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from temple_ledger import (
    Column,
    ColumnType,
    Event,
    EventMisdeclared,
    Increments,
    MemberProjection,
    Payload,
    Recorded,
    RoleAdded,
    RoleRemoved,
    Row,
    Specification,
    Table,
    Tally,
    TallySpecification,
    UnknownName,
    at,
    joined,
    projection,
    role_added,
    role_removed,
    stored_row,
)
from temple_ledger.projections.testing.every_way import batch_sizes
from tests.examples.grants import GRANTS, grants, joins


class Fined(Event, type="kit/fined", version=2, aliases=("kit/punished",)):
    cents: int


@Fined.upcasts(1)
def _(old: Payload) -> Payload:
    return {"cents": old["euros"] * 100}


class Fines(Row, table="example_fines"):
    cents: int = 0
    last: str | None = None


fines = projection("fines", version=1, state=Fines)


@fines.on
def _(row: Fines, event: Fined) -> Fines:
    return row.replace(cents=row.cents + event.cents, last=str(1 // event.cents))


def fined(cents: int, hours: float = 0) -> Fined:
    return Fined(user_id="ada", occurred_at=at(hours), source="test", cents=cents)


def message(error: pytest.ExceptionInfo[BaseException]) -> str:
    return str(error.value)


def test_expected_stands_beside_found_with_a_mark_below_what_differs() -> None:
    spec = Specification(grants).given(role_added("ada", "Oracle", at(1)), role_added("ada", "Seeker", at(2)))
    with pytest.raises(AssertionError) as error:
        spec.then_rows("ada", GRANTS.name, [("Seeker", 1, at(2)), ("Oracle", 3, at(1)), ("Scribe", 1, at(1))])
    assert message(error) == (
        "example_grants of ada, - expected, + found:\n"
        "    role      times  last_at\n"
        "  - 'Oracle'  3      2026-01-01 01:00:00+00:00\n"
        "  + 'Oracle'  1      2026-01-01 01:00:00+00:00\n"
        "              ^\n"
        "  - 'Scribe'  1      2026-01-01 01:00:00+00:00\n"
        "    'Seeker'  1      2026-01-01 02:00:00+00:00"
    )


def test_many_rows_are_shown_in_part_and_those_that_differ_first() -> None:
    spec = Specification(grants).given(*(role_added("ada", f"{number:03}", at(0)) for number in range(100)))
    with pytest.raises(AssertionError) as error:
        spec.then_rows("ada", GRANTS.name, [(f"{number:03}", 1, at(0)) for number in range(99)])
    assert "+ '099'" in message(error)
    assert "and 70 lines more" in message(error)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("Oracle", 1), "example_grants has 3 columns, the row has 2"),
        (("Oracle", "1", at(1)), "example_grants.times is a str, not a whole number"),
        (("Oracle", True, at(1)), "example_grants.times is a bool, not a whole number"),
    ],
)
def test_an_expected_row_that_no_table_holds_is_a_mistake_of_the_test(row: Any, why: str) -> None:
    spec = Specification(grants).given(role_added("ada", "Oracle", at(1)))
    with pytest.raises(AssertionError, match=re.escape(f"cannot be one of example_grants: {why}")):
        spec.then_rows("ada", GRANTS.name, [row])


def test_a_table_that_the_projection_lacks_has_no_rows_to_compare() -> None:
    spec = Specification(grants).given(role_added("ada", "Oracle", at(1)))
    with pytest.raises(AssertionError, match="grants has no table 'exmple_grants'; it has example_grants"):
        spec.then_rows("ada", "exmple_grants", [])
    with pytest.raises(AssertionError, match="a table goes by its name here, as in 'example_grants'"):
        spec.then_rows("ada", GRANTS, [])  # type: ignore[arg-type]


def test_a_member_of_whom_nothing_was_given_is_a_mistake_of_the_test() -> None:
    spec = Specification(grants).given(role_added("ada", "Oracle", at(1)))
    with pytest.raises(AssertionError, match="no event of 'adda' was given; there are events of ada"):
        spec.then_rows("adda", GRANTS.name, [])


def test_two_expected_rows_with_one_key_are_a_mistake_of_the_test() -> None:
    spec = Specification(grants).given(role_added("ada", "Oracle", at(1)))
    with pytest.raises(AssertionError, match="two rows of example_grants, which has the key role"):
        spec.then_rows("ada", GRANTS.name, [("Oracle", 1, at(1)), ("Oracle", 2, at(1))])


def test_a_rule_that_raises_is_shown_with_its_line_and_its_event() -> None:
    spec = Specification(fines).given(fined(100, 1), fined(0, 2))
    with pytest.raises(AssertionError) as error:
        spec.then_row("ada", Fines())
    lines = Path(__file__).read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "str(1 // event.cents)" in text)
    assert message(error).splitlines()[:3] == [
        "ada is parked:",
        "the event at position 2 cannot be folded: ZeroDivisionError: integer division or modulo by zero",
        "  the event: kit/fined of ada, at 2026-01-01T02:00:00.000000+00:00",
    ]
    assert f"{__file__}:{line} in _" in message(error)
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_a_parked_member_has_the_rows_before_it_once_the_test_says_so() -> None:
    spec = Specification(fines).given(fined(100, 1), fined(0, 2))
    spec.then_parked("ada", 2, "ZeroDivisionError")
    spec.then_row("ada", Fines(cents=100, last="0"))


def test_parked_elsewhere_or_for_another_reason_is_a_failure() -> None:
    spec = Specification(fines).given(fined(100, 1), fined(0, 2))
    with pytest.raises(AssertionError, match=r"ada is not parked at position 1:\n.* position 2 .*ZeroDivisionError"):
        spec.then_parked("ada", 1)
    with pytest.raises(AssertionError, match="not parked at position 2 with 'KeyError' in the reason"):
        spec.then_parked("ada", 2, "KeyError")
    with pytest.raises(AssertionError, match="ada is not parked: every event can be folded"):
        Specification(fines).given(fined(1)).then_parked("ada", 1)


def test_rows_of_an_older_version_go_through_its_upcaster() -> None:
    spec = Specification(fines).given(stored_row("kit/fined", "ada", at(1), euros=3))
    spec.given(stored_row("kit/punished", "ada", at(2), version=2, cents=7))
    spec.then_row("ada", Fines(cents=307, last="0"))


def test_an_upcaster_that_raises_is_shown_with_its_line() -> None:
    spec = Specification(fines).given(stored_row("kit/fined", "ada", at(1), dollars=3))
    with pytest.raises(AssertionError, match=r"the upcaster from version 1 failed: KeyError: 'euros'[\s\S]*test_kit"):
        spec.then_row("ada", Fines())


def test_a_stored_row_under_a_name_that_is_no_event_is_refused() -> None:
    with pytest.raises(UnknownName, match="no event 'kit/find'; did you mean kit/fined"):
        Specification(fines).given(stored_row("kit/find", "ada", euros=3))
    with pytest.raises(EventMisdeclared, match="is no name of an event"):
        stored_row("fined", "ada")


def test_nothing_changed_compares_with_what_was_before_the_last_when() -> None:
    spec = Specification(grants).given(role_added("ada", "Oracle", at(1)))
    spec.when(joined("ada", at(2)), role_removed("ada", "Oracle", at(3))).then_nothing_changed("ada")
    spec.when(role_added("ada", "Oracle", at(4)))
    with pytest.raises(AssertionError, match=r"rows of ada changed\nexample_grants, - expected, \+ found"):
        spec.then_nothing_changed("ada")


def test_nothing_can_have_changed_where_nothing_happened() -> None:
    with pytest.raises(AssertionError, match=r"give it with when"):
        Specification(grants).given(role_added("ada", "Oracle", at(1))).then_nothing_changed("ada")


COUNTED = Table("example_counted", columns=(Column("number", ColumnType.BIGINT),))


def counted(name: str, initial: Any, rows: Any, state: Any) -> MemberProjection[Any]:
    return MemberProjection(name, version=1, tables=(COUNTED,), initial=initial, rows=rows, state=state)


def test_a_state_that_is_more_than_its_rows_is_found() -> None:
    forgetful = counted(
        "forgetful",
        tuple[str, ...],
        lambda roles: {COUNTED.name: ((len(set(roles)),),)},
        lambda rows: ("?",) * rows[COUNTED.name][0][0] if rows.get(COUNTED.name) else (),
    )
    forgetful.on(RoleAdded)(lambda roles, event: (*roles, event.role))
    spec = Specification(forgetful).given(*(role_added("ada", role, at(1)) for role in "abc"))
    with pytest.raises(AssertionError, match=r"other rows in batches of 1, each continued from the stored rows"):
        spec.then_rows("ada", COUNTED.name, [(3,)])


class Mood(StrEnum):
    CALM = "calm"
    ANGRY = "angry"

    def worse(self) -> "Mood":
        return Mood.ANGRY


class Temper(Row, table="example_temper"):
    mood: str = Mood.CALM


def test_a_value_comes_back_as_the_database_gives_it() -> None:
    temper = projection("temper", version=1, state=Temper)

    @temper.on
    def _(row: Temper, event: RoleRemoved) -> Temper:
        mood: Any = row.mood
        return row.replace(mood=mood.worse())

    spec = Specification(temper).given(role_removed("ada", "x", at(1)), role_removed("ada", "y", at(2)))
    with pytest.raises(AssertionError, match="has no attribute 'worse'"):
        spec.then_row("ada", Temper(mood="angry"))


def test_a_rule_that_remembers_elsewhere_is_found() -> None:
    seen: list[str] = []
    remembering = counted(
        "remembering", int, lambda number: {COUNTED.name: ((number,),)}, lambda rows: rows[COUNTED.name][0][0]
    )

    @remembering.on
    def _(number: int, event: RoleAdded) -> int:
        seen.append(event.role)
        return len(seen)

    spec = Specification(remembering).given(role_added("ada", "x"))
    with pytest.raises(AssertionError, match="looks at something that is not in the event"):
        spec.then_rows("ada", COUNTED.name, [(1,)])


def test_a_rule_that_fails_for_want_of_a_later_event_is_found() -> None:
    strict = counted(
        "strict",
        lambda: -1,
        lambda number: {COUNTED.name: ((number,),)},
        lambda rows: rows[COUNTED.name][0][0] if rows.get(COUNTED.name) else -1,
    )

    @strict.on
    def _(number: int, event: RoleRemoved) -> int:
        if number < 0:
            raise ValueError("was never added")
        return number - 1

    strict.on(RoleAdded)(lambda number, event: 1)
    spec = Specification(strict).given(role_removed("ada", "x", at(2)), role_added("ada", "x", at(1)))
    with pytest.raises(AssertionError, match=r"parked at position 1 .* \(ValueError: was never added\)"):
        spec.then_rows("ada", COUNTED.name, [(0,)])


class Uncopied:
    """A state that no copy is made of: comparing says nothing about it."""

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("not this one")


def test_a_state_that_cannot_be_copied_fails_no_test() -> None:
    odd = counted("odd", Uncopied, lambda _: {COUNTED.name: ((1,),)}, lambda _: Uncopied())
    odd.on(RoleAdded)(lambda state, event: state)
    Specification(odd).given(role_added("ada", "x")).then_rows("ada", COUNTED.name, [(1,)])


def test_a_short_history_is_folded_in_every_size_and_a_long_one_in_a_bounded_number() -> None:
    assert batch_sizes(5) == [1, 2, 3, 4, 5]
    assert batch_sizes(10_000) == [1, 2, 3, 7, 100, 5_001, 9_999, 10_000]


@pytest.mark.parametrize("newest_first", [False, True])
def test_what_a_test_costs_grows_with_the_history_and_not_with_its_square(newest_first: bool) -> None:
    calls: list[int] = []
    busy = counted(
        "busy", int, lambda number: {COUNTED.name: ((number,),)}, lambda rows: rows[COUNTED.name][0][0] if rows else 0
    )

    @busy.on
    def _(number: int, event: RoleAdded) -> int:
        calls.append(1)
        return number + 1

    def calls_for(number: int) -> int:
        calls.clear()
        order = range(number, 0, -1) if newest_first else range(number)
        Specification(busy).given(*(role_added("ada", "x", at(hour)) for hour in order)).then_rows(
            "ada", COUNTED.name, [(number,)]
        )
        return len(calls)

    assert calls_for(2_000) < 3 * calls_for(1_000)


def test_a_tally_is_tested_by_its_counts() -> None:
    spec = TallySpecification(joins).given(joined("ada", at(1)), joined("bob", at(2)), joined("eve", at(30)))
    spec.then_counts({(date(2026, 1, 1),): 2, (date(2026, 1, 2),): 1, (date(2026, 1, 3),): 0})
    spec.when(role_added("ada", "Oracle")).then_nothing_changed()
    with pytest.raises(AssertionError, match=r"(?s)example_joins_by_day of joins_by_day.*\^"):
        spec.then_counts({(date(2026, 1, 1),): 3, (date(2026, 1, 2),): 1})


ROLES_COUNTED = Table(
    "example_roles_counted",
    columns=(Column("role", ColumnType.TEXT, length=5), Column("number", ColumnType.BIGINT)),
    key=("role",),
)


def test_a_tally_that_raises_is_shown_with_its_line_and_its_event() -> None:
    def count(event: Recorded) -> Increments:
        return {(event.metadata["granted_by"],): 1}

    tally = Tally("by_granter", version=1, table=ROLES_COUNTED, count=count)
    spec = TallySpecification(tally).given(role_added("ada", "x", by="eve"), role_added("bob", "x"))
    with pytest.raises(
        AssertionError, match=r"(?s)position 2 .*KeyError: 'granted_by'.*of bob.*test_kit.py.* in count"
    ):
        spec.then_counts({("eve",): 1})
    spec.then_parked(2, "granted_by")
    spec.then_counts({("eve",): 1})
    with pytest.raises(AssertionError, match=r"position 1 is not parked with '' in the reason; parked: 2 \("):
        spec.then_parked(1)


def test_a_tally_that_depends_on_the_order_is_found() -> None:
    seen: list[str] = []

    def count(event: Recorded) -> Increments:
        seen.append(event.user_id)
        return {(str(len(seen)),): 1}

    tally = Tally("ordered", version=1, table=ROLES_COUNTED, count=count)
    with pytest.raises(AssertionError, match="looks at something that is not in the event"):
        TallySpecification(tally).given(joined("ada")).then_counts({("1",): 1})
