"""Where most members that meet an event are parked for one reason, the projection stops instead."""

from collections.abc import Sequence

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.events import RoleAdded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.operations import Parked, parked, retry, set_state
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.together import Alone, Outcome, step_together
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints, transactions
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections import members_at_a_time
from temple_ledger.projections.activity import activity
from temple_ledger.projections.brake import FEW, TooManyParked
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.tally import Increments, Tally
from temple_ledger.projections.testing.histories import at, role_added
from temple_ledger.projections.values import ColumnType
from tests.runner.poisoned import POISON, poisoned


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=[poisoned])


def meet(ledger: LedgerScenario, well: int, badly: int, hours: int = 1) -> None:
    ledger.given(*(role_added(f"well {number}", "Oracle", at(hours)) for number in range(well)))
    ledger.given(*(role_added(f"badly {number}", POISON, at(hours)) for number in range(badly)))


def run(ledger: LedgerScenario) -> Checkpoint:
    with Wakeup(ledger.database) as wakeup:
        Runner(ledger.database, [poisoned], wakeup, catalogue=CATALOGUE).run(until_caught_up=True)
    with ledger.database.connect(DatabaseRole.READ) as connection:
        return read_checkpoints(connection)[poisoned.key]


def failures(ledger: LedgerScenario) -> Sequence[Parked]:
    with ledger.database.connect(DatabaseRole.READ) as connection:
        return parked(connection)


@pytest.mark.parametrize(
    ("well", "badly", "state"),
    [
        (0, FEW, ProjectionState.RUNNING),
        (0, FEW + 1, ProjectionState.FAILED),
        (FEW, FEW + 1, ProjectionState.FAILED),
        (FEW + 1, FEW + 1, ProjectionState.RUNNING),
    ],
)
def test_more_than_twenty_and_more_than_half_stop_it_before_anything_is_committed(
    ledger: LedgerScenario, well: int, badly: int, state: ProjectionState
) -> None:
    meet(ledger, well, badly)
    checkpoint = run(ledger)
    stopped = state is ProjectionState.FAILED
    assert (checkpoint.state, checkpoint.position) == (state, 0 if stopped else well + badly)
    assert len(failures(ledger)) == (0 if stopped else badly)
    if stopped:
        assert checkpoint.reason is not None
        assert checkpoint.reason.startswith(
            f"{badly} of {well + badly} members that met discord_role_change/added cannot be folded for one reason "
            "(ValueError in "
        )
        assert checkpoint.reason.endswith("or resume it with --park, which parks them")


@pytest.mark.parametrize("batch", [1, 5])
def test_it_counts_over_batches(ledger: LedgerScenario, batch: int) -> None:
    ledger.batch = batch
    meet(ledger, 0, FEW + 1)
    with pytest.raises(TooManyParked):
        ledger.catch_up()
    assert len(failures(ledger)) == FEW // batch * batch


def test_it_judges_all_members_of_a_batch_together(ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members_at_a_time, "FEWEST", FEW + 1)
    ledger.given(*(role_added(f"badly {number}", POISON, at(1)) for number in range(FEW + 1)))
    meet(ledger, FEW + 1, 0)
    assert run(ledger).state is ProjectionState.RUNNING
    assert len(failures(ledger)) == FEW + 1


def test_it_counts_since_the_projection_was_started(ledger: LedgerScenario) -> None:
    meet(ledger, 0, FEW)
    run(ledger)
    ledger.given(role_added("one more", POISON, at(2)))
    assert run(ledger).state is ProjectionState.RUNNING


def test_a_batch_that_it_stopped_is_stopped_however_it_is_tried_until_the_projection_is_resumed(
    ledger: LedgerScenario,
) -> None:
    meet(ledger, 0, FEW)
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        opened = transactions(connection)
        both = [processor_of(each, opened, catalogue=CATALOGUE) for each in (poisoned, activity)]
        assert step_together(both, opened, upto=settled_head(connection), limit=100)[poisoned.key].alone is None
        ledger.given(role_added("one more", POISON, at(2)))
        upto = settled_head(connection)
        assert step_together(both, opened, upto=upto, limit=100)[poisoned.key] == Outcome(None, Alone.FAILED)
        with pytest.raises(TooManyParked, match=f"{FEW + 1} of {FEW + 1} members"):
            both[0].step(upto=upto, limit=100)
        set_state(ledger.database, poisoned.key, ProjectionState.RUNNING, by="ada")
        assert [each.user_id for each in both[0].step(upto=upto, limit=100).failures] == ["one more"]


def test_resumed_to_park_it_goes_on_and_resumed_without_it_brakes_again(ledger: LedgerScenario) -> None:
    meet(ledger, 1, FEW + 1)
    run(ledger)
    set_state(ledger.database, poisoned.key, ProjectionState.RUNNING, by="ada", parks_freely=True)
    assert run(ledger).state is ProjectionState.RUNNING
    assert len(failures(ledger)) == FEW + 1
    ledger.then_verified()
    set_state(ledger.database, poisoned.key, ProjectionState.RUNNING, by="ada")
    ledger.given(*(role_added(f"more {number}", POISON, at(3)) for number in range(FEW + 1)))
    assert run(ledger).state is ProjectionState.FAILED


def test_a_replay_and_a_retry_that_would_park_most_put_nothing_in_place(ledger: LedgerScenario) -> None:
    meet(ledger, 1, FEW + 1)
    with pytest.raises(Refused, match=f"nothing is put in place: {FEW + 1} of {FEW + 2} members"):
        rebuild(ledger.database, poisoned, by="ada", catalogue=CATALOGUE)
    assert failures(ledger) == []
    set_state(ledger.database, poisoned.key, ProjectionState.RUNNING, by="ada", parks_freely=True)
    rebuild(ledger.database, poisoned, by="ada", catalogue=CATALOGUE)
    assert len(failures(ledger)) == FEW + 1
    set_state(ledger.database, poisoned.key, ProjectionState.RUNNING, by="ada")
    with pytest.raises(Refused, match="nothing was changed"):
        retry(ledger.database, poisoned, failures(ledger), catalogue=CATALOGUE, by="ada")
    assert {each.attempts for each in failures(ledger)} == {1}


def test_of_a_tally_it_counts_members_and_not_their_events(database: Database) -> None:
    def count(event: RoleAdded) -> Increments:
        if event.role == POISON:
            raise ValueError(POISON)
        return {(event.role,): 1}

    columns = (Column("role", ColumnType.TEXT, length=100), Column("times", ColumnType.BIGINT))
    table = Table("example_counted", columns, key=("role",))
    counted = Tally("counted", version=1, table=table, count=count, reads=RoleAdded)
    ledger = LedgerScenario(database, projections=[counted])
    meet(ledger, 2, 0)
    ledger.given(*(role_added("badly", POISON, at(hours)) for hours in range(FEW + 1)))
    ledger.then_counts(counted, {("Oracle",): 2})
    retry(database, counted, failures(ledger), catalogue=CATALOGUE, by="ada")
    rebuild(database, counted, by="ada", catalogue=CATALOGUE)
    ledger.then_counts(counted, {("Oracle",): 2})
    assert len(failures(ledger)) == FEW + 1
