"""A rule that does not return: a replay gives up its member, parks it by time, and folds everybody else."""

import os
import sys
from collections.abc import Callable

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.events import RoleAdded
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.operations import Parked, park_by_time, parked
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.fold import FailureKind
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.tally import Increments, Tally
from temple_ledger.projections.testing.histories import at, role_added
from temple_ledger.projections.values import ColumnType
from tests.runner.poisoned import POISON, TABLE, poisoned

SECONDS = 0.5
ENDLESS = "ENDLESS"
FATAL = "FATAL"


def endless_if(is_endless: Callable[[], bool]) -> None:
    while is_endless():
        pass


slow = type(poisoned)("slow", version=1, tables=(TABLE,), initial=int, rows=poisoned.rows_of, state=poisoned.state_of)


@slow.on
def _(granted: int, event: RoleAdded) -> int:
    endless_if(lambda: event.role == ENDLESS)
    if event.role == FATAL:
        os._exit(7)
    sys.stdout.write("granted\n")
    return granted + 1


def _count(recorded: Recorded) -> Increments:
    endless_if(lambda: recorded.target == ENDLESS)
    return {(recorded.user_id,): 1}


tallied = Tally(
    "slow_tally",
    version=1,
    table=Table(
        "slow_tally",
        columns=(Column("who", ColumnType.TEXT, length=100), Column("events", ColumnType.BIGINT)),
        key=("who",),
    ),
    count=_count,
)


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    """Twenty members, of whom two have an event at which the rule does not return."""
    ledger = LedgerScenario(database, projections=[slow, tallied])
    ledger.given(
        *(
            role_added(f"m{number:02}", role, at(place))
            for number in range(20)
            for place, role in enumerate(["Oracle", ENDLESS, "Seeker"] if number in (3, 11) else ["Oracle", "Seeker"])
        )
    )
    return ledger


def replayed(ledger: LedgerScenario, projection: Projection, workers: int = 1) -> None:
    with Rebuild(ledger.database, projection, catalogue=CATALOGUE, fold_seconds=SECONDS) as rebuild:
        rebuild.fold(workers=workers)
        rebuild.apply(rebuild.compare(), by="ada")


def failures(ledger: LedgerScenario, projection: Projection) -> list[Parked]:
    with ledger.database.connect(DatabaseRole.READ) as connection:
        return list(parked(connection, projection=projection.name))


@pytest.mark.parametrize("workers", [1, 2])
def test_its_members_are_parked_by_time_and_the_others_are_folded(ledger: LedgerScenario, workers: int) -> None:
    replayed(ledger, slow, workers)
    found = failures(ledger, slow)
    assert [(each.user_id, each.kind) for each in found] == [("m03", "time"), ("m11", "time")]
    assert "took longer than" in found[0].error
    assert ledger.rows(slow, TABLE.name, "m02") == [(2,)]
    assert ledger.rows(slow, TABLE.name, "m03") == []
    assert verify(ledger.database, slow, catalogue=CATALOGUE).ok


@pytest.mark.parametrize("workers", [1, 2])
def test_a_rule_that_ends_its_process_parks_its_member_and_the_others_are_folded(
    database: Database, workers: int, capfd: pytest.CaptureFixture[str]
) -> None:
    ledger = LedgerScenario(database, projections=[slow])
    for number in range(6):
        ledger.given(role_added(f"m{number:02}", FATAL if number == 3 else "Oracle", at(number)))
    replayed(ledger, slow, workers)
    (found,) = failures(ledger, slow)
    assert (found.user_id, found.kind) == ("m03", "time")
    assert found.error == "the fold of 1 event from here on ended its process, with exit code 7"
    assert [ledger.rows(slow, TABLE.name, user_id) for user_id in ("m02", "m03", "m04")] == [[(1,)], [], [(1,)]]
    assert "granted" not in capfd.readouterr().out


def test_who_is_parked_by_time_already_has_the_rows_of_the_position_before(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.READ) as connection:
        query = "select id from webhook_audit_log where target = %s and user_id = 'm03'"
        (position,) = connection.execute(query, (ENDLESS,)).fetchone() or (0,)
    failure = Failure(Position(position), "m03", "took too long", FailureKind.TIME)
    assert park_by_time(ledger.database, slow.key, failure)
    replayed(ledger, slow)
    first, *_ = failures(ledger, slow)
    assert (first.user_id, first.position) == ("m03", position)
    assert ledger.rows(slow, TABLE.name, "m03") == [(1,)]
    assert verify(ledger.database, slow, catalogue=CATALOGUE).ok


def test_an_event_that_a_tally_does_not_return_from_is_parked_alone(ledger: LedgerScenario) -> None:
    replayed(ledger, tallied)
    assert [each.user_id for each in failures(ledger, tallied)] == ["m03", "m11"]
    with ledger.database.connect(DatabaseRole.READ) as connection:
        counted: dict[str, int] = dict(connection.execute("select who, events from slow_tally").fetchall())
    assert (counted["m02"], counted["m03"]) == (2, 2)
    assert verify(ledger.database, tallied, catalogue=CATALOGUE).ok


def test_a_rule_that_raises_is_parked_as_ever(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[poisoned])
    ledger.given(role_added("ada", "Oracle", at(1)), role_added("ada", POISON, at(2)), role_added("bob", "Oracle"))
    replayed(ledger, poisoned)
    assert [(each.user_id, each.kind) for each in failures(ledger, poisoned)] == [("ada", "event")]
