"""Arrays, defaults, checks and unique indexes: the same in a fold, in the tables, in a replay, in a version beside."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import psycopg
import pytest

from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.domain.event import Event
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.versions.switch import switch
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.condition import Condition
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.row import Array, MaxLength, Row, projection, table_of
from temple_ledger.projections.tables import Column, Index, Rows, Table
from temple_ledger.projections.tally import Tally
from temple_ledger.projections.testing.histories import at
from temple_ledger.projections.testing.specification import Specification
from temple_ledger.projections.values import ColumnType
from tests.runner.test_wide_steps import fold_wide


class SeatTaken(Event, type="test/seat_taken"):
    seat: str
    number: int
    spent: Decimal = Decimal(1)
    tags: list[str] = []  # noqa: RUF012 - pydantic copies it


class SeatsExchanged(Event, type="test/seats_exchanged"):
    first: str
    second: str


class Seat(NamedTuple):
    """What each type of array brings: a text with everything that an array's text escapes."""

    seat: str
    number: int
    spent: Decimal
    tags: list[str]
    numbers: list[int]
    prices: list[Decimal]
    flags: list[bool]
    days: list[date]
    times: list[datetime]
    ids: list[UUID] | None


SEATS = Table(
    "example_seats",
    (
        Column("seat", ColumnType.TEXT, length=20),
        Column("number", ColumnType.INTEGER, default=1),
        Column("spent", ColumnType.NUMERIC, default=Decimal("0.5")),
        Column("tags", ColumnType.TEXT, length=12, array=True, default=['a "quoted" \\']),
        Column("numbers", ColumnType.BIGINT, array=True, default=[]),
        Column("prices", ColumnType.NUMERIC, array=True, default=[]),
        Column("flags", ColumnType.BOOLEAN, array=True, default=[True]),
        Column("days", ColumnType.DATE, array=True, default=[]),
        Column("times", ColumnType.TIMESTAMPTZ, array=True, default=[]),
        Column("ids", ColumnType.UUID, array=True, null=True),
    ),
    key=("seat",),
    indexes=(("number",), Index("user_id", "number", unique=True, where=Condition("number", "<>", 0))),
    checks=(Condition("spent", ">=", 0), Condition("seat", "<>", "stage")),
)


def seats(version: int = 1, table: Table = SEATS) -> MemberProjection[dict[str, Seat]]:
    def rows(state: dict[str, Seat]) -> Rows:
        return {table.name: [tuple(seat) for seat in state.values()]}

    def state(rows: Rows) -> dict[str, Seat]:
        return {row[0]: Seat(*row) for row in rows.get(table.name, ())}

    made = MemberProjection("seats", version=version, tables=(table,), initial=dict, rows=rows, state=state)

    @made.on
    def _(before: dict[str, Seat], event: SeatTaken) -> dict[str, Seat]:
        number = event.number
        taken = Seat(
            seat=event.seat,
            number=number,
            spent=event.spent,
            tags=event.tags,
            numbers=[number, -(2**40)],
            prices=[event.spent, Decimal("1e-20")],
            flags=[True, False],
            days=[event.occurred_at.date()],
            times=[event.occurred_at],
            ids=[UUID(int=number)] if number else None,
        )
        return {**before, event.seat: taken}

    @made.on
    def _(before: dict[str, Seat], event: SeatsExchanged) -> dict[str, Seat]:
        one, other = before[event.first], before[event.second]
        return {
            **before,
            one.seat: one._replace(number=other.number),
            other.seat: other._replace(number=one.number),
        }

    return made


PROJECTION = seats()
TAGS = ['x,"y"', "{}", "\\\t\n", "null", ""]


def taken(user: str, seat: str, number: int, hours: float = 0, *, spent: str = "1.50", tags: Any = ()) -> SeatTaken:
    return SeatTaken(
        user_id=user,
        occurred_at=at(hours),
        source="test",
        seat=seat,
        number=number,
        spent=Decimal(spent),
        tags=list(tags),
    )


def exchanged(user: str, first: str, second: str, hours: float) -> SeatsExchanged:
    return SeatsExchanged(user_id=user, occurred_at=at(hours), source="test", first=first, second=second)


def row(seat: str, number: int, hours: float = 0, *, was: int | None = None, tags: Any = ()) -> Any:
    when, drawn = at(hours), number if was is None else was
    spent = Decimal("1.50")
    return Seat(
        seat,
        number,
        spent,
        list(tags),
        [drawn, -(2**40)],
        [spent, Decimal("1e-20")],
        [True, False],
        [when.date()],
        [when],
        [UUID(int=drawn)] if drawn else None,
    )


def given_seats(ledger: LedgerScenario) -> list[Any]:
    """Two seats that are exchanged, late and in batches; what comes of it."""
    ledger.given(taken("ada", "left", 1, 1, tags=TAGS), taken("ada", "right", 2, 2), taken("bob", "left", 1, 1))
    ledger.given(exchanged("ada", "left", "right", 5))
    # none has the number 0 twice, as far as the index goes
    ledger.given(taken("ada", "floor", 0, 3), taken("ada", "gallery", 0, 4))
    return [
        row("left", 2, 1, was=1, tags=TAGS),
        row("right", 1, 2, was=2),
        row("floor", 0, 3),
        row("gallery", 0, 4),
    ]


@pytest.mark.parametrize("batch", [1, 100])
def test_rows_are_stored_as_they_are_folded(database: Database, batch: int) -> None:
    ledger = LedgerScenario(database, projections=[PROJECTION], batch=batch)
    ledger.then_rows(PROJECTION, "example_seats", "ada", given_seats(ledger))


def test_rows_exchange_what_is_unique_in_one_batch(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[PROJECTION])
    ledger.given(taken("ada", "left", 1), taken("ada", "right", 2))
    ledger.catch_up()
    ledger.when(exchanged("ada", "left", "right", 1))
    ledger.then_rows(PROJECTION, "example_seats", "ada", [row("left", 2, was=1), row("right", 1, was=2)])


def test_a_wide_step_and_a_replay_store_the_same(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[PROJECTION])
    expected = given_seats(ledger)
    fold_wide(database, projection=PROJECTION)
    ledger.then_rows(PROJECTION, "example_seats", "ada", expected)
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("update example_seats set number = 1 - number, tags = '{}' where number in (1, 2)")
    rebuild(database, PROJECTION, catalogue=ledger.catalogue, by="ada")
    ledger.then_rows(PROJECTION, "example_seats", "ada", expected)


def test_a_version_beside_has_them_and_takes_them_with_the_names(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[PROJECTION])
    expected = given_seats(ledger)
    ledger.catch_up()
    following = seats(2, replace(SEATS, checks=(Condition("spent", "<", 100),)))
    bring_up_to_date(database, [PROJECTION, following])
    rebuild(database, following, catalogue=ledger.catalogue, by="ada")
    switch(database, "seats", 2, by="ada")
    assert bring_up_to_date(database, [PROJECTION, following]).tables == ()
    both = LedgerScenario(database, projections=[PROJECTION, following], migrated=True)
    both.then_rows(following, "example_seats", "ada", expected)
    both.when(taken("bob", "left", 1, 9, spent="100"))
    both.then_parked(following, "bob", Position(7), "the check spent < 100 does not hold")
    both.then_rows(
        PROJECTION, "example_seats", "bob", [row("left", 1, 9)._replace(spent=100, prices=[100, Decimal("1e-20")])]
    )


REFUSED = {
    "a check": (taken("ada", "left", 7, 2, spent="-1"), "example_seats: the check spent >= 0 does not hold"),
    "another check": (taken("ada", "stage", 7, 2), "example_seats: the check seat <> 'stage' does not hold"),
    "a unique index": (taken("ada", "right", 1, 2), "example_seats has two rows of the member with one number"),
    "a length within an array": (
        taken("ada", "right", 7, 2, tags=["thirteen long"]),
        "example_seats.tags is a list in which one has 13 characters, at most 12 fit",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_row_that_the_table_refuses_parks_its_member_alone(database: Database, what: str) -> None:
    event, reason = REFUSED[what]
    ledger = LedgerScenario(database, projections=[PROJECTION])
    ledger.given(taken("ada", "left", 1, 1))
    ledger.catch_up()
    ledger.given(taken("bob", "left", 1, 1), event)
    ledger.then_parked(PROJECTION, "ada", Position(3), reason)
    ledger.then_rows(PROJECTION, "example_seats", "ada", [row("left", 1, 1)])
    ledger.then_rows(PROJECTION, "example_seats", "bob", [row("left", 1, 1)])
    rebuild(database, PROJECTION, catalogue=ledger.catalogue, by="ada")
    assert verify(database, PROJECTION, catalogue=ledger.catalogue).ok
    ledger.then_rows(PROJECTION, "example_seats", "ada", [row("left", 1, 1)])
    Specification(PROJECTION).given(taken("ada", "left", 1, 1), event).then_parked("ada", Position(2), reason)


def test_the_database_has_what_was_declared(database: Database) -> None:
    LedgerScenario(database, projections=[PROJECTION])
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("insert into example_seats (user_id, seat) values ('ada', 'left')")
        found = connection.execute("select number, spent, tags, numbers, flags, ids from example_seats").fetchone()
        assert found == (1, Decimal("0.5"), ['a "quoted" \\'], [], [True], None)
        for values in ("('ada', 'stage', 5, 1)", "('ada', 'right', 5, -1)"):
            with pytest.raises(psycopg.errors.CheckViolation):
                connection.execute(f"insert into example_seats (user_id, seat, number, spent) values {values}".encode())
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into example_seats (user_id, seat, number) values ('ada', 'right', 1)")


class Stall(
    Row,
    table="example_stall",
    indexes=[("guests",), Index("last_guest", where=Condition("guests", ">", 0))],
    checks=[Condition("guests", "<=", 2)],
):
    guests: int = 0
    last_guest: str | None = None
    names: Annotated[list[Annotated[str, MaxLength(5)]], Array] = []  # noqa: RUF012 - never changed in place


stall = projection("stall", version=1, state=Stall)


@stall.on
def _(before: Stall, event: SeatTaken) -> Stall:
    return before.replace(guests=before.guests + 1, last_guest=event.seat, names=[*before.names, event.seat])


def test_the_short_form_declares_the_same(database: Database) -> None:
    assert table_of(Stall) == Table(
        "example_stall",
        (
            Column("guests", ColumnType.BIGINT, default=0),
            Column("last_guest", ColumnType.TEXT, null=True),
            Column("names", ColumnType.TEXT, length=5, array=True, default=[]),
        ),
        indexes=(Index("guests"), Index("last_guest", where=Condition("guests", ">", 0))),
        checks=(Condition("guests", "<=", 2),),
    )
    ledger = LedgerScenario(database, projections=[stall], batch=1)
    ledger.given(taken("ada", "a", 1, 1), taken("ada", "b", 2, 0), taken("ada", "c", 3, 3))
    ledger.then_parked(stall, "ada", Position(3), "the check guests <= 2 does not hold")
    ledger.then_row(stall, "ada", Stall(2, "a", ["b", "a"]))


TEXT = Column("name", ColumnType.TEXT)
MISTAKES: dict[str, Any] = {
    "unique across members": (
        lambda: Table("t", (TEXT,), indexes=(Index("name", unique=True),)),
        r"a unique index on \(name\) would hold across members.*Begin it with user_id",
    ),
    "an array in the key": (
        lambda: Table("t", (Column("name", ColumnType.TEXT, array=True),), key=("name",)),
        "name is an array and cannot be part of the key",
    ),
    "an array in a unique index": (
        lambda: Table(
            "t", (Column("name", ColumnType.TEXT, array=True),), indexes=(Index("user_id", "name", unique=True),)
        ),
        "a unique index has neither jsonb nor arrays",
    ),
    "an array of jsonb": (lambda: Column("name", ColumnType.JSONB, array=True), "jsonb holds lists by itself"),
    "a default that does not fit": (
        lambda: Column("name", ColumnType.TEXT, length=2, default="abc"),
        "its default has 3 characters, at most 2 fit",
    ),
    "a check of no column": (
        lambda: Table("t", (TEXT,), checks=(Condition("nam", "=", "x"),)),
        "nam = 'x' names 'nam', which is none of its columns",
    ),
    "a check against another type": (
        lambda: Table("t", (TEXT,), checks=(Condition("name", ">", 5),)),
        "a value of name > 5 is a int, not a text",
    ),
    "a check of two types": (
        lambda: Table("t", (TEXT, Column("n", ColumnType.INTEGER)), checks=(Condition("name", "=", column="n"),)),
        "compares columns of two types",
    ),
    "a check of jsonb": (
        lambda: Table("t", (Column("j", ColumnType.JSONB),), checks=(Condition("j", "=", {}),)),
        "compares jsonb or an array",
    ),
    "an order of booleans": (
        lambda: Table("t", (Column("b", ColumnType.BOOLEAN),), checks=(Condition("b", "<", value=True),)),
        "orders true and false",
    ),
    "no such comparison": (lambda: Condition("name", "like", "x%"), "'like' is no comparison; there are =, <>"),
    "compared with null": (lambda: Condition("name", "="), "for null there is 'is null'"),
    "among nothing": (lambda: Condition("name", "in", ()), "give the values"),
    "null with a value": (lambda: Condition("name", "is null", 1), "is compared with nothing"),
    "a check of what a tally counts": (
        lambda: Tally(
            "t",
            version=1,
            table=Table("t", (TEXT, Column("n", ColumnType.BIGINT)), key=("name",), checks=(Condition("n", "<", 5),)),
            count=lambda _: {},
        ),
        "no check can be about n",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_cannot_hold_is_refused_when_it_is_declared(mistake: str) -> None:
    declare, sentence = MISTAKES[mistake]
    with pytest.raises(ProjectionMisdeclared, match=sentence):
        declare()
