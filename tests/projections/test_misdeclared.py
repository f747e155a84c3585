"""What an author writes by mistake is a sentence where it is declared, or names the rule where it is folded."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.domain.events import MemberJoined, RoleAdded
from temple_ledger.projections.change import Change
from temple_ledger.projections.condition import Condition
from temple_ledger.projections.effect import Message
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.rollup import count_of
from temple_ledger.projections.row import MaxLength, Row, projection
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.tally import Tally
from temple_ledger.projections.testing.histories import at, joined, role_added
from temple_ledger.projections.testing.specification import Specification
from temple_ledger.projections.values import ColumnType

if TYPE_CHECKING:
    from temple_ledger.domain.events import RoleRemoved


CLASS_OF_ROWS: Any = type(Row)


class Loans(Row, table="example_loans"):
    number: int = 0


class Fines(Row, table="example_fines"):
    number: int = 0


def loans() -> MemberProjection[Loans]:
    return projection("loans", version=1, state=Loans)


def of_one(**fields: tuple[Any, Any]) -> MemberProjection[Any]:
    """A projection whose rows have these fields: an annotation and a default each."""
    space = {
        "__annotations__": {name: hint for name, (hint, _) in fields.items()},
        **{name: default for name, (_, default) in fields.items()},
    }
    made: Any = CLASS_OF_ROWS("Made", (Row,), space, table="example_made")
    return projection("made", version=1, state=made)


@pytest.mark.parametrize(
    ("hint", "default", "reason"),
    [
        (int, "x", "its default is a str, not a whole number"),
        (int, None, "example_made.it may not be null"),
        (datetime, datetime(2026, 1, 1), "its default is not a time with an offset"),  # noqa: DTZ001 - refused
        (Annotated[str, MaxLength(3)], "abcd", "its default has 4 characters, at most 3 fit"),
        (Annotated[int, MaxLength(3)], 0, r"Made.it: MaxLength\(3\) does not go with bigint"),
        (Annotated[str, ColumnType.INTEGER], "", "Made.it: integer does not go with text"),
    ],
)
def test_a_default_and_a_type_that_no_column_holds_are_refused(hint: Any, default: Any, reason: str) -> None:
    with pytest.raises(ProjectionMisdeclared, match=reason):
        of_one(it=(hint, default))


@pytest.mark.parametrize("name", ["user_id", "ctid", "xmin", "replace", "table_name"])
def test_a_name_that_every_row_or_table_has_already_is_refused(name: str) -> None:
    with pytest.raises(ProjectionMisdeclared, match=f"{name}: .* already|{name}: PostgreSQL gives"):
        of_one(**{name: (str, "")})


def test_a_field_without_an_annotation_is_no_silent_constant() -> None:
    with pytest.raises(ProjectionMisdeclared, match=r"Made.it has no annotation, such as it: int = 0"):
        CLASS_OF_ROWS("Made", (Row,), {"it": 0}, table="example_made")


def test_a_class_of_rows_inherits_no_fields_and_says_so() -> None:
    with pytest.raises(
        ProjectionMisdeclared, match="More derives from Loans, which has a table: fields are not inherit"
    ):
        CLASS_OF_ROWS("More", (Loans,), {"__annotations__": {"more": int}, "more": 0}, table="example_more")


@pytest.mark.parametrize("given", [role_added, "joined", None])
def test_what_is_given_in_a_test_is_an_event(given: Any) -> None:
    with pytest.raises(TypeError, match="an event is to be stored, and this is"):
        Specification(loans()).given(given)


@pytest.mark.parametrize("state", [dict, Loans(), "Loans"])
def test_a_state_is_a_class_of_rows(state: Any) -> None:
    with pytest.raises(ProjectionMisdeclared, match="is no class of rows"):
        projection("loans", version=1, state=state)


@pytest.mark.parametrize("version", [0, "1", 1.0, True])
def test_a_version_is_a_number_from_1(version: Any) -> None:
    with pytest.raises(ProjectionMisdeclared, match="needs a version of at least 1, and at most"):
        projection("loans", version=version, state=Loans)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Column("a", "text"),  # type: ignore[arg-type]
        lambda: Column("a", ColumnType.INTEGER, length=3),
        lambda: Column("a", ColumnType.TEXT, length=0),
        lambda: Table("t", columns=[Column("a", ColumnType.TEXT)]),  # type: ignore[arg-type]
        lambda: Table("t", columns=Column("a", ColumnType.TEXT)),  # type: ignore[arg-type]
        lambda: Table("t", columns=(Column("a", ColumnType.TEXT),), key="a"),  # type: ignore[arg-type]
        lambda: Table("t", columns=(Column("a", ColumnType.TEXT), Column("a", ColumnType.DATE))),
        lambda: Table("pg_loans", columns=(Column("a", ColumnType.TEXT),)),
        lambda: Table(3, columns=()),  # type: ignore[arg-type]
    ],
)
def test_a_table_that_cannot_be_made_is_refused_where_it_is_declared(make: Callable[[], object]) -> None:
    with pytest.raises(ProjectionMisdeclared):
        make()


async def awaited(row: Loans, event: RoleAdded) -> Loans:
    return row


def yielding(row: Loans, event: RoleAdded) -> Iterator[Loans]:
    yield row


def of_another_class(row: Fines, event: RoleAdded) -> Loans:
    return Loans()


def returning_another(row: Loans, event: RoleAdded) -> Fines:
    return Fines()


def returning_a_number(row: Loans, event: RoleAdded) -> int:
    return 1


def unresolved(row: Loans, event: "RoleRemoved") -> Loans:
    return row


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (awaited, "the rule on line .* is async; it has to return"),
        (yielding, "the rule on line .* yields; it has to return"),
        (of_another_class, "is annotated for Fines, and the rows are Loans"),
        (returning_another, "returns Fines, and the rows are Loans"),
        (returning_a_number, "returns int, and the rows are Loans"),
        (unresolved, "cannot be resolved .name 'RoleRemoved' is not defined.: .* not under TYPE_CHECKING"),
    ],
)
def test_a_rule_that_cannot_be_right_is_refused(rule: Any, reason: str) -> None:
    with pytest.raises(ProjectionMisdeclared, match=reason):
        loans().on(rule)


def test_a_rule_may_be_annotated_with_what_its_rows_are_too() -> None:
    counted = loans()

    @counted.on
    def _(row: Loans, event: RoleAdded) -> "Loans":
        return row.replace(number=row.number + 1)

    @counted.on
    def _(row: Any, event: MemberJoined) -> Any:
        return row

    spec = Specification(counted)
    spec.given(joined("ada"), role_added("ada", "Oracle", at(1)))
    spec.then_row("ada", Loans(number=1))


def forgets_to_return(row: Any, event: RoleAdded) -> Any:
    row.replace(number=1)


def exits(row: Any, event: RoleAdded) -> Any:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (forgets_to_return, "the rule on line .* returned None, and no state: is a return missing?"),
        (lambda row, event: {"number": 1}, "a rule of projection loans returned a dict, and not a row of Loans"),
        (lambda row, event: Fines(), "a rule of projection loans returned a Fines, and not a row of Loans"),
        (exits, "SystemExit: 3"),
    ],
)
def test_what_a_rule_returns_in_place_of_its_row_parks_the_member(rule: Any, reason: str) -> None:
    wrong = loans()
    wrong.on(RoleAdded)(rule)
    spec = Specification(wrong)
    spec.given(role_added("ada", "Oracle"))
    with pytest.raises(AssertionError, match=reason):
        spec.then_row("ada", Loans())
    spec.then_parked("ada", 1)


def test_a_refusal_of_ours_shows_no_line_of_ours() -> None:
    wrong = loans()
    wrong.on(RoleAdded)(forgets_to_return)
    spec = Specification(wrong)
    spec.given(role_added("ada", "Oracle"))
    with pytest.raises(AssertionError) as caught:
        spec.then_row("ada", Loans())
    assert "temple_ledger" not in str(caught.value)


LONG = Table("example_long", columns=(Column("number", ColumnType.BIGINT),))


def long_form(**other: Any) -> MemberProjection[int]:
    given = {"initial": int, "rows": lambda number: {LONG.name: ((number,),)}, "state": lambda rows: 0, **other}
    made: MemberProjection[int] = MemberProjection("long", version=1, tables=given.pop("tables", (LONG,)), **given)
    made.on(RoleAdded)(lambda number, event: number + 1)
    return made


@pytest.mark.parametrize(("name", "given"), [("tables", LONG), ("tables", [LONG]), ("initial", {}), ("rows", None)])
def test_what_the_long_form_is_given_is_checked(name: str, given: object) -> None:
    with pytest.raises(ProjectionMisdeclared, match=r"needs a tuple of tables|is no function"):
        long_form(**{name: given})


@pytest.mark.parametrize("rows", [[(1,)], None])
def test_rows_are_given_by_table(rows: object) -> None:
    spec = Specification(long_form(rows=lambda number: rows))
    spec.given(role_added("ada", "Oracle"))
    with pytest.raises(
        AssertionError, match=r"the function `rows` of projection long returned a .*, not rows by table"
    ):
        spec.then_rows("ada", LONG.name, [])


async def sends_later(change: Change[Loans]) -> Message | None:
    return None


def sends_nothing() -> Message | None:
    return None


@pytest.mark.parametrize("effect", [sends_later, sends_nothing])
def test_an_effect_is_a_plain_function_of_a_change(effect: Any) -> None:
    with pytest.raises(ProjectionMisdeclared, match=r"the effect on line .* (is async|has no parameter)"):
        loans().effect(effect)


def test_a_message_is_compared_as_it_is_sent() -> None:
    counted = loans()
    counted.on(RoleAdded)(lambda row, event: row.replace(number=row.number + 1))

    @counted.effect
    def owes(change: Change[Loans]) -> Message:
        return Message("desk", {"fines": Decimal("1.50"), "since": datetime(2026, 1, 1, tzinfo=UTC), "of": ("a",)})

    spec = Specification(counted)
    spec.given(role_added("ada", "Oracle"))
    sent = Message("desk", {"fines": Decimal("1.50"), "since": datetime(2026, 1, 1, tzinfo=UTC), "of": ("a",)})
    spec.then_sent("owes", [sent])


def test_data_of_a_message_that_is_no_json_is_named_as_such() -> None:
    counted = loans()
    counted.on(RoleAdded)(lambda row, event: row.replace(number=row.number + 1))

    @counted.effect
    def owes(change: Change[Loans]) -> Message:
        return Message("desk", {"fines": float("nan")})

    spec = Specification(counted)
    spec.given(role_added("ada", "Oracle"))
    with pytest.raises(AssertionError, match="effect owes: the data of a message has a number out of range") as caught:
        spec.then_sent("owes", [])
    assert "temple_ledger" not in str(caught.value)


TEXT, NUMBER = Column("what", ColumnType.TEXT), Column("times", ColumnType.BIGINT)


def in_the_long_form(table: Table, version: int = 1) -> MemberProjection[int]:
    return MemberProjection("long", version=version, tables=(table,), initial=int, rows=lambda _: {}, state=lambda _: 0)


def with_effect(max_age: Any) -> object:
    def notify(_: Change[Loans]) -> Message | None:
        return None

    return loans().effect(max_age=max_age)(notify)


NO_COUNT: Any = "count"
DECLARED_WRONGLY: list[tuple[Callable[[], object], str]] = [
    (lambda: Table("a_table", (TEXT,), key=("what", "what")), "table a_table has 'what' in its key twice"),
    (lambda: Table("a_table", ()), "table a_table has no column"),
    (lambda: of_one(), "table example_made has no column"),
    (lambda: in_the_long_form(Table("a_table", (TEXT,), key=("user_id", "what"))), "user_id is in every key by itself"),
    (
        lambda: in_the_long_form(Table("a_table", (TEXT,)), 2**31),
        "needs a version of at least 1, and at most 2,",
    ),
    (
        lambda: Tally("a_tally", version=1, table=Table("a_table", (NUMBER,)), count=lambda _: {}),
        "needs a column for the key",
    ),
    (lambda: loans().rollup("totals", key="number", total=NO_COUNT), "total is 'count'; say what to compute"),
    (lambda: loans().rollup("totals", key="number", table=count_of()), "choose another name for the column"),  # type: ignore[arg-type]
    (lambda: CLASS_OF_ROWS("Made", (Row,), {}, table="a_table", indexes=["number"]), "an index is a tuple of columns"),
    (lambda: CLASS_OF_ROWS("Made", (Row,), {}, table="a_table", indexes="number"), "Made: indexes is a list"),
    (
        lambda: CLASS_OF_ROWS("Made", (Row,), {}, table="a_table", checks=Condition("a", "<", 1)),
        "checks is a list",
    ),
    (lambda: with_effect(3), "effect notify: 3 is no max_age"),
    (lambda: with_effect(-timedelta(days=1)), "is no max_age: a timedelta above zero, or None"),
]


@pytest.mark.parametrize(("declare", "reason"), DECLARED_WRONGLY, ids=[reason for _, reason in DECLARED_WRONGLY])
def test_what_the_database_would_refuse_is_refused_where_it_is_declared(
    declare: Callable[[], object], reason: str
) -> None:
    with pytest.raises(ProjectionMisdeclared, match=re.escape(reason)):
        declare()
