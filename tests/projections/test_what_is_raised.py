"""Whatever an author's exception says, it parks its member alone, and the reason can be stored and shown."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from temple_ledger.domain.events import RoleRemoved
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.change import Change
from temple_ledger.projections.effect import Message
from temple_ledger.projections.row import Row, projection
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.tally import Tally
from temple_ledger.projections.testing.histories import at, role_removed
from temple_ledger.projections.values import ColumnType


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Removals(Row, table="example_removals"):
    removals: int = 0


RAISED = [
    (Unspeakable, "Unspeakable: (its text cannot be made: RuntimeError)"),
    (lambda: ValueError("half \ud800, nothing \x00"), "ValueError: half \\ud800, nothing \\x00"),
    (lambda: ValueError("x" * 10_000), f"ValueError: {'x' * 2_000}…"),
    (lambda: StopIteration(), "StopIteration"),
]


@pytest.mark.parametrize(("error", "reason"), RAISED)
def test_the_reason_is_a_text_that_the_database_takes(
    database: Database, error: Callable[[], Exception], reason: str
) -> None:
    of = projection("removals", version=1, state=Removals)

    @of.on
    def _(row: Removals, event: RoleRemoved) -> Removals:
        if event.role == "Oracle":
            raise error()
        return row.replace(removals=row.removals + 1)

    ledger = LedgerScenario(database, projections=[of])
    [position] = ledger.given(role_removed("ada", "Oracle", at(1)))
    ledger.given(role_removed("bob", "Seeker", at(1)))
    ledger.then_parked(of, "ada", position, reason)
    ledger.then_row(of, "bob", Removals(1))


@pytest.mark.parametrize(("error", "reason"), RAISED)
def test_an_effect_that_raises_it_leaves_a_failed_entry(
    database: Database, error: Callable[[], Exception], reason: str
) -> None:
    of = projection("removals", version=1, state=Removals)

    @of.on
    def _(row: Removals, _: RoleRemoved) -> Removals:
        return row.replace(removals=row.removals + 1)

    @of.effect(max_age=None)
    def notify(_: Change[Removals]) -> Message | None:
        raise error()

    ledger = LedgerScenario(database, projections=[of])
    ledger.given(role_removed("ada", "Oracle", at(1)))
    with pytest.raises(AssertionError) as found:
        ledger.then_sent(of, "notify", [])
    assert f"notify raised at position 1: {reason}" in str(found.value)


def tally(number: Any) -> Tally:
    def count(event: RoleRemoved) -> Mapping[Any, Any]:
        return {("removals",): 1 if event.role == "Seeker" else number}

    table = Table(
        "example_counted", (Column("what", ColumnType.TEXT), Column("times", ColumnType.BIGINT)), key=("what",)
    )
    return Tally("counted", version=1, table=table, count=count, reads=RoleRemoved)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (1.5, "example_counted.times is a float, not a whole number"),
        (True, "example_counted.times is a bool, not a whole number"),
        (2**63, "example_counted.times is out of range"),
    ],
)
@pytest.mark.parametrize("batch", [1, 100])
def test_a_tally_parks_what_is_no_count_whatever_was_counted_before(
    database: Database, number: Any, reason: str, batch: int
) -> None:
    of = tally(number)
    ledger = LedgerScenario(database, projections=[of], batch=batch)
    ledger.given(role_removed("ada", "Seeker", at(1)), role_removed("bob", "Oracle", at(2)))
    ledger.then_counts(of, {("removals",): 1})
    with database.connect(DatabaseRole.READ) as connection:
        [(error,)] = connection.execute("select error from projection_failure").fetchall()
    assert error.startswith(reason)
