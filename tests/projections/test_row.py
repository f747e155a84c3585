"""The short form of a projection: one class of fields is state, row and table."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest

from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.domain.event import Event
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.row import MaxLength, Row, projection, table_of
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.testing.histories import at
from temple_ledger.projections.testing.specification import Specification
from temple_ledger.projections.values import ColumnType


class Praised(Event, type="test/praised"):
    by: str
    points: int = 1
    tags: list[str] = []  # noqa: RUF012 - pydantic copies it


class Record(Row, table="example_praise"):
    praises: int = 0
    points: Annotated[int, ColumnType.INTEGER] = 0
    last_by: Annotated[str | None, MaxLength(20)] = None
    share: Decimal = Decimal(0)
    first_on: date | None = None
    last_at: datetime | None = None
    loud: bool = False
    last_id: UUID | None = None
    tags: dict[str, int] = {}  # noqa: RUF012 - never changed in place
    latest: list[str] | None = None


praise = projection("praise", version=1, state=Record)


@praise.on
def _(record: Record, event: Praised) -> Record:
    tags = dict(record.tags)
    for tag in event.tags:
        tags[tag] = tags.get(tag, 0) + 1
    return record.replace(
        praises=record.praises + 1,
        points=record.points + event.points,
        last_by=event.by,
        share=Decimal(record.points + event.points) / 4,
        first_on=record.first_on or event.occurred_at.date(),
        last_at=event.occurred_at,
        loud=event.points > 3,
        last_id=UUID(int=event.points),
        tags=tags,
        latest=event.tags or None,
    )


def praised(points: int, hours: float, *tags: str, by: str = "mod") -> Praised:
    return Praised(user_id="ada", occurred_at=at(hours), source="test", by=by, points=points, tags=list(tags))


AFTER_TWO = (
    2,
    9,
    "eve\t\\",
    Decimal("2.25"),
    date(2026, 1, 1),
    datetime(2026, 1, 1, 2, tzinfo=UTC),
    True,
    UUID(int=4),
    {"kind\n": 2, "x": 1},
    ["kind\n"],
)
TWO = (praised(5, 1, "kind\n", "x"), praised(4, 2, "kind\n", by="eve\t\\"))


def test_fields_are_columns() -> None:
    assert table_of(Record) == Table(
        "example_praise",
        (
            Column("praises", ColumnType.BIGINT, default=0),
            Column("points", ColumnType.INTEGER, default=0),
            Column("last_by", ColumnType.TEXT, length=20, null=True),
            Column("share", ColumnType.NUMERIC, default=Decimal(0)),
            Column("first_on", ColumnType.DATE, null=True),
            Column("last_at", ColumnType.TIMESTAMPTZ, null=True),
            Column("loud", ColumnType.BOOLEAN, default=False),
            Column("last_id", ColumnType.UUID, null=True),
            Column("tags", ColumnType.JSONB, default={}),
            Column("latest", ColumnType.JSONB, null=True),
        ),
    )


def test_a_history_becomes_the_row() -> None:
    Specification(praise).given(*TWO).then_rows("ada", "example_praise", [AFTER_TWO])


def test_live_late_and_replayed_the_stored_row_is_the_same(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[praise], batch=1)
    ledger.given(*reversed(TWO))
    ledger.then_rows(praise, "example_praise", "ada", [AFTER_TWO])
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("""update example_praise set tags = '{"x": 7}', latest = '[]'""")
    rebuild(database, praise, catalogue=ledger.catalogue, by="ada")
    ledger.then_rows(praise, "example_praise", "ada", [AFTER_TWO])


def test_what_the_column_does_not_hold_parks() -> None:
    Specification(praise).given(praised(1, 1, by="x" * 21)).then_parked("ada", 1)


class Loose(Row, table="example_loose"):
    value: dict[str, Any] = {}  # noqa: RUF012 - never changed in place


@pytest.mark.parametrize(
    "value", [{"a": (1, 2)}, {"a": {1}}, {"a": float("nan")}, {1: "a"}, {"a": "\0"}, {"a": object()}]
)
def test_a_value_that_jsonb_would_not_give_back_is_refused(value: Any) -> None:
    (column,) = table_of(Loose).columns
    assert column.refuses(value) is not None


@pytest.mark.parametrize("value", [{}, {"a": [1, 2.5, None, True, "x", {"b": []}]}, {"a": 1e22}])
def test_a_value_that_jsonb_gives_back_is_taken(value: Any) -> None:
    (column,) = table_of(Loose).columns
    assert column.refuses(value) is None


def test_a_row_is_a_frozen_tuple_with_names() -> None:
    record = Record(praises=3)
    assert record.praises == 3
    assert record == (3, *Record()[1:])  # type: ignore[index]
    with pytest.raises(AttributeError):
        record.praises = 4  # type: ignore[misc]


def test_mistakes_in_a_row_are_sentences() -> None:
    with pytest.raises(ProjectionMisdeclared, match="needs a table"):

        class _Bare(Row):
            number: int = 0

    class Needy(Row, table="example_needy"):
        number: int

    with pytest.raises(ProjectionMisdeclared, match="every field of Needy needs a default"):
        projection("needy", version=1, state=Needy)

    class Floating(Row, table="example_floating"):
        number: float = 0.0

    with pytest.raises(ProjectionMisdeclared, match=r"Floating.number is .*float.*, which no column holds"):
        projection("floating", version=1, state=Floating)

    with pytest.raises(ProjectionMisdeclared, match="tags is jsonb and cannot be part of the key"):
        Table("example_key", (Column("tags", ColumnType.JSONB),), key=("tags",))
