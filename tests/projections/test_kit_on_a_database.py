"""The kit on a database says the same as the one without, of what is really stored."""

from datetime import date

import pytest

from temple_ledger import (
    Database,
    DatabaseRole,
    Event,
    LedgerScenario,
    Payload,
    Row,
    UnknownName,
    at,
    joined,
    projection,
    role_added,
    stored_row,
)
from tests.examples.grants import GRANTS, grants, joins


class Praised(Event, type="kit/praised", version=2):
    points: int


@Praised.upcasts(1)
def _(old: Payload) -> Payload:
    return {"points": old["stars"] * 10}


class Praise(Row, table="example_kit_praise"):
    points: int = 0


praise = projection("kit_praise", version=1, state=Praise)


@praise.on
def _(row: Praise, event: Praised) -> Praise:
    if event.points < 0:
        raise ValueError("no praise at all")
    return row.replace(points=row.points + event.points)


def praised(points: int, hours: float) -> Praised:
    return Praised(user_id="ada", occurred_at=at(hours), source="test", points=points)


def test_own_events_and_older_rows_need_no_catalogue(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[praise])
    ledger.given(stored_row("kit/praised", "ada", at(1), stars=2))
    ledger.when(praised(5, 2))
    ledger.then_row(praise, "ada", Praise(points=25))
    with pytest.raises(AssertionError, match=r"(?s)example_kit_praise of ada.*- 26.*\+ 25"):
        ledger.then_row(praise, "ada", Praise(points=26))
    with pytest.raises(UnknownName, match="no event 'kit/prised'; did you mean kit/praised"):
        ledger.given(stored_row("kit/prised", "ada", at(1), stars=2))


def test_a_parked_member_is_shown_with_the_line_and_has_the_rows_before_it(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[praise])
    _, second = ledger.given(praised(5, 1), praised(-1, 2))
    with pytest.raises(AssertionError, match=r"(?s)ValueError: no praise at all.*test_kit_on_a_database.py:\d+ in _"):
        ledger.then_row(praise, "ada", Praise(points=5))
    with pytest.raises(AssertionError, match="with 'KeyError' in the reason"):
        ledger.then_parked(praise, "ada", second, "KeyError")
    ledger.then_parked(praise, "ada", second, "no praise")
    ledger.then_row(praise, "ada", Praise(points=5))


def test_nothing_changed_and_counts(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[grants, joins])
    ledger.given(role_added("ada", "Oracle", at(1)))
    ledger.when(joined("ada", at(2)))
    ledger.then_nothing_changed(grants, "ada")
    ledger.then_counts(joins, {(date(2026, 1, 1),): 1})
    ledger.when(role_added("ada", "Oracle", at(3)))
    with pytest.raises(AssertionError, match=r"(?s)rows of ada changed.*- 'Oracle'  1.*\+ 'Oracle'  2"):
        ledger.then_nothing_changed(grants, "ada")


def test_what_verify_finds_is_shown_stored_beside_folded(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[grants])
    ledger.given(role_added("ada", "Oracle", at(1)))
    ledger.catch_up()
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("update example_grants set times = 7")
    with pytest.raises(AssertionError, match=r"of ada \{'role': 'Oracle'\}, times: stored 7, folded 1"):
        ledger.then_rows(grants, GRANTS.name, "ada", [("Oracle", 7, at(1))])
