"""A value that a column takes comes back from PostgreSQL as the test kit says; every other one parks its member."""

import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import pytest

from temple_ledger.domain.events import RoleAdded, RoleRemoved
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.condition import Condition
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.row import Row, projection, table_of
from temple_ledger.projections.tables import Column, Index, Rows, Table
from temple_ledger.projections.testing.as_stored import as_stored
from temple_ledger.projections.testing.histories import at, role_added, role_removed
from temple_ledger.projections.testing.specification import Specification
from temple_ledger.projections.values import ColumnType

EAST, WEST = timezone(timedelta(hours=5)), timezone(timedelta(hours=-5))


class Colour(StrEnum):
    RED = "red"


class Value(Row, table="example_values"):
    text: str | None = None
    number: Decimal | None = None
    time: datetime | None = None
    data: dict[str, Any] | None = None


def with_value(**value: Any) -> Any:
    """The projection whose rows have these values once a role was removed."""
    made = projection("values", version=1, state=Value)

    @made.on
    def _(row: Value, _: RoleRemoved) -> Value:
        return row.replace(**value)

    return made


TAKEN: list[dict[str, Any]] = [
    {"text": Colour.RED},
    *({"number": Decimal(text)} for text in ("1E+3", "-0.00", "0E+3", "1.50", "-1e-16383", "9e131071")),
    {"number": 10**4_000},
    {"time": datetime(2026, 1, 1, 7, tzinfo=EAST)},
    {"time": datetime(1, 1, 1, tzinfo=WEST)},
    {"time": datetime.max.replace(tzinfo=EAST)},
    {"data": {"longer": 1, "b": 2, "a": 3, "ß": {"z": 1, "y": [{"q": 1, "p": 2}]}}},
    {"data": {"big": 1e22, "zero": -0.0, "one": 1.0, "small": 1e-7, "tenth": 0.1}},
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"number": Decimal("1e131072")}, "number is out of range: numeric holds 131,072 digits before"),
    ({"number": Decimal("1e-16384")}, "number is out of range: numeric holds"),
    ({"number": 10**4_400}, "number has more than 4,300 digits"),
    ({"time": datetime.min.replace(tzinfo=EAST)}, "time is outside the years 1 to 9999 in UTC"),
    ({"time": datetime.max.replace(tzinfo=WEST)}, "time is outside the years 1 to 9999 in UTC"),
    ({"data": {"x": 1e23}}, "data has a number that jsonb would give back as another"),
]


@pytest.mark.parametrize("value", TAKEN)
def test_what_a_column_takes_is_given_back_as_the_kit_says(database: Database, value: dict[str, Any]) -> None:
    of = with_value(**value)
    ledger = LedgerScenario(database, projections=[of])
    ledger.given(role_removed("ada", "Oracle", at(1)))
    ledger.then_row(of, "ada", Value(**value))
    [found] = ledger.rows(of, "example_values", "ada")
    row: Any = Value(**value)
    [said] = as_stored(of.tables, {"example_values": [row]})["example_values"]
    assert list(map(repr, found)) == list(map(repr, said))


@pytest.mark.parametrize(("value", "reason"), REFUSED)
def test_what_a_column_cannot_hold_parks_its_member_alone(
    database: Database, value: dict[str, Any], reason: str
) -> None:
    of = with_value(**value)
    spec = Specification(of)
    spec.given(role_removed("ada", "Oracle", at(1)))
    spec.then_parked("ada", 1, reason)
    ledger = LedgerScenario(database, projections=[of])
    [position] = ledger.given(role_removed("ada", "Oracle", at(1)))
    ledger.then_parked(of, "ada", position, reason)


def test_the_kit_finds_a_rule_that_reads_what_is_stored_otherwise() -> None:
    first_key = projection("first_key", version=1, state=Value)

    @first_key.on
    def _(row: Value, event: RoleAdded) -> Value:
        data = row.data or {}
        return row.replace(text=next(iter(data), None), data={event.role: 1, **data})

    spec = Specification(first_key)
    spec.given(
        role_added("ada", "Elder", at(1)), role_added("ada", "Oracle", at(2)), role_added("ada", "Seeker", at(3))
    )
    with pytest.raises(AssertionError, match="a rule needs something that is in no column"):
        spec.then_row("ada", Value(text="Elder", data={"Elder": 1, "Oracle": 1, "Seeker": 1}))


def test_a_check_holds_for_a_row_with_letters_beyond_ascii_too() -> None:
    table = Table(
        "prices",
        (Column("name", ColumnType.TEXT), Column("price", ColumnType.BIGINT)),
        checks=(Condition("price", ">=", 0),),
    )
    for name in ("bread", "brötchen"):
        assert table.refuses((name, -1)) == "prices: the check price >= 0 does not hold"
        assert table.refuses_together([(name, 1), (name, -1)]) == "prices: the check price >= 0 does not hold"


class Notes(NamedTuple):
    notes: tuple[str, ...] = ()


NOTES = Table(
    "example_notes",
    (Column("note", ColumnType.TEXT), Column("again", ColumnType.TEXT)),
    key=("note",),
    indexes=(Index("again"),),
)


def notes(key: str, value: str) -> MemberProjection[Notes]:
    def rows(state: Notes) -> Rows:
        return {NOTES.name: [(note, value) for note in state.notes]}

    def state(rows: Rows) -> Notes:
        return Notes(tuple(note for note, _ in rows.get(NOTES.name, ())))

    made = MemberProjection("notes", version=1, tables=(NOTES,), initial=Notes, rows=rows, state=state)

    @made.on
    def _(_: Notes, __: RoleRemoved) -> Notes:
        return Notes((key,))

    return made


@pytest.mark.parametrize(("key", "value"), [("ß" * 1_101, "short"), ("short", "x" * 2_201)])
def test_a_text_that_no_index_takes_parks_its_member_alone(database: Database, key: str, value: str) -> None:
    of = notes(key, value)
    ledger = LedgerScenario(database, projections=[of])
    [position] = ledger.given(role_removed("ada", "Oracle", at(1)))
    ledger.then_parked(of, "ada", position, "bytes, and an index takes 2,200")


def test_a_text_as_long_as_an_index_takes_is_stored(database: Database) -> None:
    drawn = random.Random(1)
    longest = ["".join(chr(drawn.randrange(0x10000, 0x1F000)) for _ in range(550)) for _ in range(2)]
    of = notes(*longest)
    ledger = LedgerScenario(database, projections=[of])
    longest_id = "ü" * 100
    ledger.given(role_removed(longest_id, "Oracle", at(1)))
    ledger.then_rows(of, "example_notes", longest_id, [(longest[0], longest[1])])


def test_a_row_without_a_long_text_needs_no_look_at_its_indexes() -> None:
    short = Table("short", (Column("role", ColumnType.TEXT, length=100), Column("day", ColumnType.DATE)), key=("role",))
    assert short._indexed == ()
    assert table_of(Value)._indexed == ()
