"""A higher version is built beside the running one: readers see nothing of it, the runner keeps both."""

from collections.abc import Callable

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused, SchemaMismatch
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.projection_status import projection_statuses
from temple_ledger.infrastructure.read_models.operations import set_state
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.testing.histories import at, role_added
from tests.versions.conftest import Rows, all_agree, run
from tests.versions.standing import first, second, tally_1, tally_2

READERS = [("ada", 2), ("bob", 1)]
Query = Callable[..., Rows]


def test_its_tables_are_made_beside_and_wait_for_a_replay(ledger: LedgerScenario, query: Query) -> None:
    changed = bring_up_to_date(ledger.database, [first, second])
    assert changed.tables == ("standing@2", "standing_counts", "standing_roles")
    run(ledger.database, first, second)
    assert query("select user_id, grants from standing order by 1") == READERS
    assert query('select * from "standing@2"') == []
    unverified = verify(ledger.database, second, catalogue=CATALOGUE).unverified
    assert unverified == "its tables are not filled from the log yet; run: temple replay standing@2 --apply"
    with snapshot(ledger.database) as connection:
        found = {
            each.label: each.state for each in projection_statuses(connection, [first, second], catalogue=CATALOGUE)
        }
    assert (found["standing"], found["standing@2"]) == ("running", "needs replay")


def test_a_second_migration_has_nothing_to_do(ledger: LedgerScenario) -> None:
    bring_up_to_date(ledger.database, [first, second])
    assert bring_up_to_date(ledger.database, [first, second]).tables == ()


def test_a_replay_fills_it_and_gives_it_no_names(beside: LedgerScenario, query: Query) -> None:
    assert query("select user_id, grants from standing order by 1") == READERS
    assert query('select * from "standing@2"') == [("ada", 2, "Seeker")]
    assert all_agree(beside.database, first, second)


def test_a_runner_that_carries_both_keeps_both(beside: LedgerScenario, query: Query) -> None:
    # a late one too
    beside.given(role_added("ada", "Keeper", at(4)), role_added("bob", "Keeper", at(0)))
    run(beside.database, first, second)
    assert query("select user_id, grants from standing order by 1") == [("ada", 3), ("bob", 2)]
    assert query('select * from "standing@2"') == [("ada", 3, "Keeper")]
    assert all_agree(beside.database, first, second)


def test_a_version_that_nobody_carries_stands_at_its_position_and_status_says_so(
    beside: LedgerScenario, query: Query
) -> None:
    beside.given(role_added("ada", "Keeper", at(4)))
    run(beside.database, second)
    assert query("select grants from standing where user_id = 'ada'") == [(2,)]
    with snapshot(beside.database) as connection:
        found = {
            each.label: (each.state, each.reason)
            for each in projection_statuses(connection, [second], catalogue=CATALOGUE)
        }
    assert found["standing"] == ("not installed", "this installation has version 2")
    assert found["standing@2"] == ("running", None)


def test_what_is_replayed_of_the_older_version_stays_in_its_own_tables(beside: LedgerScenario, query: Query) -> None:
    rebuild(beside.database, first, catalogue=CATALOGUE, by="ada")
    assert query("select user_id, grants from standing order by 1") == READERS
    assert all_agree(beside.database, first, second)


def test_two_replays_of_two_versions_do_not_share_what_they_collect(ledger: LedgerScenario) -> None:
    from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild

    bring_up_to_date(ledger.database, [first, second])
    with (
        Rebuild(ledger.database, first, catalogue=CATALOGUE) as one,
        Rebuild(ledger.database, second, catalogue=CATALOGUE) as other,
    ):
        one.fold()
        other.fold()
        for replay in (one, other):
            replay.apply(replay.compare(), by="ada")
    assert all_agree(ledger.database, first, second)


def test_it_can_be_neither_paused_nor_resumed_before_it_is_filled(ledger: LedgerScenario) -> None:
    bring_up_to_date(ledger.database, [first, second])
    for state in (ProjectionState.PAUSED, ProjectionState.RUNNING):
        with pytest.raises(Refused, match="temple replay standing@2 --apply"):
            set_state(ledger.database, second.key, state, by="ada")


def test_a_process_that_is_older_than_the_ledger_makes_nothing_and_is_told(ledger: LedgerScenario) -> None:
    database = ledger.database
    bring_up_to_date(database, [tally_2])
    assert bring_up_to_date(database, [tally_1]).tables == ()
    with pytest.raises(SchemaMismatch, match="it is older than the ledger"):
        verify(database, tally_1, catalogue=CATALOGUE)


def test_a_tally_has_versions_too(ledger: LedgerScenario, query: Query) -> None:
    assert bring_up_to_date(ledger.database, [tally_1]).unfilled == ("actions",)
    rebuild(ledger.database, tally_1, catalogue=CATALOGUE, by="ada")
    bring_up_to_date(ledger.database, [tally_1, tally_2])
    rebuild(ledger.database, tally_2, catalogue=CATALOGUE, by="ada")
    ledger.given(role_added("ada", "Keeper", at(4)))
    run(ledger.database, tally_1, tally_2)
    assert query("select * from actions order by 1") == [("added", 4), ("joined", 2), ("left", 1)]
    assert query('select * from "actions@2" order by 1') == [("ADDED", 4), ("JOINED", 2), ("LEFT", 1)]
    assert all_agree(ledger.database, tally_1, tally_2)
