"""Every operation on a split projection, begun where its lanes stand apart: afterwards all agree, and lanes go on."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.import_lines import import_lines
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models import member_stream
from temple_ledger.infrastructure.read_models.operations import park_by_time, parked, retry, set_state, skip
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, preview_retraction, reinstate, retract
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.reconcile import reconcile
from temple_ledger.infrastructure.read_models.verification.repair import repair
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.fold import FailureKind
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, role_added
from tests.archive.builders import archived
from tests.cli.test_shortened_log import cut, repaired, replayed
from tests.engines.builders import rebuilt_from
from tests.engines.test_verifying import verified_by_buckets
from tests.erasure.builders import erased
from tests.lanes.halves import HIGH, LOW, Half, agrees, halves, history, split_members, standing
from tests.log.builders import as_lines, line
from tests.queries.builders import altered, unfoldable

Halves = tuple[Half, Half]
IMPORTED = (*LOW[:2], *HIGH[:2])


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database)


@pytest.fixture
def number(ledger: LedgerScenario) -> int:
    """Of an import of a grant for members of both halves, which stands between two histories."""
    split_members(ledger.database)
    history(ledger)
    lines = [line(user, event_type="discord_role_change", action="added", target="Imported") for user in IMPORTED]
    done = import_lines(ledger.database, io.BytesIO(as_lines(*lines)), catalogue=CATALOGUE)
    for user in (LOW[2], HIGH[2]):
        unfoldable(ledger.database, user, at(4))
    history(ledger, 1)
    return done.number


@pytest.fixture
def apart(ledger: LedgerScenario, number: int) -> Iterator[Halves]:
    """The first half has folded all of it, the second one only what is before the import."""
    with halves(ledger.database) as (low, high):
        low.step()
        high.step(limit=20)
        assert standing(ledger.database).is_apart
        yield low, high


def holders(database: Database, role: str = "Imported") -> set[str]:
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute("select user_id from discord_user_current_roles where role = %s", (role,))
        return {user for (user,) in found}


def first_of(database: Database, user: str, after: Position) -> Position:
    with database.connect(DatabaseRole.READ) as connection:
        query = "select min(id) from webhook_audit_log where user_id = %s and id > %s"
        row = connection.execute(query, (user, after)).fetchone()
    assert row is not None
    return Position(row[0])


def failures(database: Database) -> list[Any]:
    with database.connect(DatabaseRole.READ) as connection:
        return list(parked(connection, projection=members.name))


def test_an_import_is_retracted_and_reinstated_in_all_lanes(ledger: LedgerScenario, apart: Halves, number: int) -> None:
    database, chosen = ledger.database, Selection(imports=(number,))
    low, high = apart
    shown = preview_retraction(database, chosen, BUILT_IN, CATALOGUE)
    done = retract(database, chosen, BUILT_IN, CATALOGUE, reason="a mistake", by="ada")
    assert (len(done.positions), done.positions) == (len(IMPORTED), shown.positions)
    assert holders(database) == set()
    assert agrees(database)
    history(ledger, 2)
    high.step()
    assert standing(database).is_apart
    back = preview_retraction(database, chosen, BUILT_IN, CATALOGUE, reinstating=True)
    assert reinstate(database, chosen, BUILT_IN, CATALOGUE, by="ada").positions == back.positions
    assert holders(database) == set(IMPORTED)
    assert agrees(database)
    (*_, last) = history(ledger, 3)
    low.step()
    high.step()
    assert standing(database).lanes == (last,) * 16
    assert agrees(database)


def test_what_is_retracted_before_a_lane_reaches_it_is_left_out_there_too(ledger: LedgerScenario, number: int) -> None:
    with halves(ledger.database) as (low, high):
        low.step()
        chosen = Selection(imports=(number,))
        retract(ledger.database, chosen, BUILT_IN, CATALOGUE, reason="a mistake", by="ada")
        high.step()
    assert holders(ledger.database) == set()
    assert agrees(ledger.database)


def _replay(database: Database, _: Path) -> None:
    rebuild(database, members, catalogue=CATALOGUE, by="ada", workers=2)


def _replay_from_archive(database: Database, folder: Path) -> None:
    archived(database, folder)
    rebuilt_from(database, folder, members)


def _retry(database: Database, _: Path) -> None:
    (failure,) = failures(database)
    assert len(retry(database, members, [failure], by="ada", catalogue=CATALOGUE)) == 1


def _skip(database: Database, _: Path) -> None:
    skip(database, members, failures(database)[0], by="ada", reason="x", catalogue=CATALOGUE)


def _retract(database: Database, _: Path) -> None:
    positions = PositionSet.of([Position(1), Position(10)])
    retract(database, Selection(positions=positions), BUILT_IN, CATALOGUE, reason="x", by="ada")


def _erase(database: Database, _: Path) -> None:
    erased(database, HIGH[1])


def _repair(database: Database, _: Path) -> None:
    altered(database, f"delete from discord_user_current_roles where user_id in ('{LOW[0]}', '{HIGH[0]}')")
    found = verify(database, members, catalogue=CATALOGUE)
    assert set(found.drifted) == {LOW[0], HIGH[0]}
    repair(database, members, found, by="ada", reason="x", catalogue=CATALOGUE)


def _reconcile(database: Database, _: Path) -> None:
    altered(database, f"update discord_user_current_roles set granted_by = 'x' where user_id = '{LOW[0]}'")
    done = reconcile(database, [members], catalogue=CATALOGUE, by="ada", full=True, budget_seconds=60)
    assert (done.repaired, done.left) == (1, 0)


def _pause_and_resume(database: Database, _: Path) -> None:
    for state in (ProjectionState.PAUSED, ProjectionState.RUNNING):
        set_state(database, members.key, state, by="ada", parks_freely=True)


def _rebuild_in_sql(database: Database, _: Path) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("call rebuild_derived_state_from_audit()")


@pytest.mark.parametrize(
    "operation",
    [
        _replay,
        _replay_from_archive,
        _retry,
        _skip,
        _retract,
        _erase,
        _repair,
        _reconcile,
        _pause_and_resume,
        _rebuild_in_sql,
    ],
    ids=lambda each: each.__name__.strip("_"),
)
def test_after_any_operation_all_agree_and_lanes_go_on(
    ledger: LedgerScenario, apart: Halves, operation: Callable[[Database, Path], None], tmp_path: Path
) -> None:
    operation(ledger.database, tmp_path / "archive")
    assert agrees(ledger.database)
    (*_, last) = history(ledger, 2)
    for half in apart:
        half.step()
        half.step()
        assert agrees(ledger.database)
    assert standing(ledger.database).lanes == (last,) * 16


def test_a_verify_from_an_archive_folds_each_member_as_far_as_their_lane(
    ledger: LedgerScenario, apart: Halves, tmp_path: Path
) -> None:
    archived(ledger.database, tmp_path)
    history(ledger, 2)
    assert verified_by_buckets(ledger.database, tmp_path, members).ok
    altered(ledger.database, f"delete from discord_user_current_roles where user_id = '{LOW[0]}'")
    assert verified_by_buckets(ledger.database, tmp_path, members).drifted == [LOW[0]]


def run(database: Database, lanes: range) -> None:
    with Wakeup(database) as wakeup:
        lease = Lease(lanes=lanes)
        Runner(database, [members], wakeup, catalogue=CATALOGUE, lease=lease).run(until_caught_up=True)


def test_a_long_fold_of_a_lane_that_is_ahead_is_put_in_place(
    ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    split_members(ledger.database)
    history(ledger)
    ledger.given(*(role_added(LOW[0], f"r{each}", at(10 + each)) for each in range(8)))
    run(ledger.database, range(8))
    ledger.given(role_added(LOW[0], "Late", at(2)), role_added(HIGH[0], "Late", at(2)))
    monkeypatch.setattr(member_stream, "MOST_EVENTS", 6)
    with halves(ledger.database) as (low, _):
        (failure,) = low.step().failures
        assert (failure.user_id, failure.kind) == (LOW[0], FailureKind.LONG)
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("delete from projection_lease")
    run(ledger.database, range(8))
    assert failures(ledger.database) == []
    assert LOW[0] in holders(ledger.database, "Late")
    assert agrees(ledger.database)
    run(ledger.database, range(16))
    assert holders(ledger.database, "Late") == {LOW[0], HIGH[0]}
    assert agrees(ledger.database)


def test_a_fold_that_was_ended_parks_its_member_unless_their_lane_has_passed_it(
    ledger: LedgerScenario, apart: Halves
) -> None:
    reached = min(standing(ledger.database).lanes)
    ended = [
        Failure(first_of(ledger.database, user, reached), user, "too long", FailureKind.TIME)
        for user in (LOW[0], HIGH[0])
    ]
    assert [park_by_time(ledger.database, members.key, each) for each in ended] == [False, True]
    for half in apart:
        half.step()
    assert agrees(ledger.database)


@pytest.mark.parametrize("mend", [repaired, replayed])
@pytest.mark.parametrize("after", [10, 30])
def test_a_log_that_was_cut_below_a_lane_is_put_right_at_its_end(
    ledger: LedgerScenario, apart: Halves, mend: Callable[[LedgerScenario], None], after: int
) -> None:
    """Below all of them, and between the first and the last."""
    cut(ledger, after, sequence=True)
    assert verify(ledger.database, members, catalogue=CATALOGUE).ahead
    mend(ledger)
    assert standing(ledger.database).lanes == (after,) * 16
    assert agrees(ledger.database)
    (*_, last) = history(ledger, 2)
    for half in apart:
        half.step()
    assert standing(ledger.database).lanes == (last,) * 16
    assert agrees(ledger.database)
