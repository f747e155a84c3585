"""`temple projection`: how far each projection is, and what is decided about it."""

import threading

import pytest

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined
from tests.cli.conftest import Typed
from tests.queries.builders import altered


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(joined("ada", at(1)), joined("bob", at(2)))
    return found


def test_list_shows_state_position_and_lag(temple: Typed, ledger: LedgerScenario) -> None:
    behind = temple("projection", "list", "--json").data
    assert [(each["name"], each["state"], each["position"], each["lag_events"]) for each in behind] == [
        ("members", "idle", 0, 2),
        ("activity", "idle", 0, 2),
        ("role_periods", "idle", 0, 2),
    ]
    ledger.catch_up()
    assert [each["lag_events"] for each in temple("projection", "list", "--json").data] == [0, 0, 0]


def test_list_says_what_to_type_where_one_stands_still(temple: Typed, ledger: LedgerScenario) -> None:
    temple("projection", "pause", "members")
    altered(ledger.database, "update projection_checkpoint set state = 'needs replay' where projection = 'activity'")
    ended = temple("projection", "list")
    assert "paused" in ended.stdout
    assert "needs replay" in ended.stdout
    assert "temple projection resume members" in ended.stderr
    assert "temple replay activity --apply" in ended.stderr


def test_show_has_its_tables(temple: Typed, ledger: LedgerScenario) -> None:
    assert "temple_member_status, discord_user_current_roles" in temple("projection", "show", "members").stdout
    assert temple("projection", "show", "activity", "--json").data["tables"] == ["webhook_activity_hourly"]


def test_a_paused_projection_stays_so_until_it_is_resumed(temple: Typed, ledger: LedgerScenario) -> None:
    paused = temple("projection", "pause", "members", "--reason", "restoring a table")
    assert (paused.code, "paused at position 0" in paused.stdout) == (0, True)
    assert temple("projection", "show", "members", "--json").data["reason"] == "restoring a table"
    assert temple("run", "--until-caught-up").code == 1
    assert temple("projection", "show", "members", "--json").data["position"] == 0
    assert "was paused, and goes on" in temple("projection", "resume", "members").stdout
    assert temple("run", "--until-caught-up").code == 0
    assert temple("projection", "show", "members", "--json").data["position"] == 2


def test_pausing_and_resuming_twice_is_no_error(temple: Typed, ledger: LedgerScenario) -> None:
    temple("projection", "pause", "members")
    assert "was paused already" in temple("projection", "pause", "members").stdout
    temple("projection", "resume", "members")
    assert "was running already" in temple("projection", "resume", "members").stdout


def test_pause_and_resume_are_in_the_operations_journal_with_who(temple: Typed, ledger: LedgerScenario) -> None:
    temple("projection", "pause", "members", TEMPLE_OPERATOR="eve")
    temple("projection", "resume", "members", TEMPLE_OPERATOR="eve")
    with ledger.database.connect(DatabaseRole.READ) as connection:
        journal = connection.execute("select kind, performed_by from ledger_operation order by id").fetchall()
    assert journal == [("pause", "eve"), ("resume", "eve")]


def test_wait_ends_at_once_where_the_position_is_reached(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.catch_up()
    assert temple("projection", "wait", "members", "--timeout", "0").code == 0
    assert temple("projection", "wait", "members", "--position", "1", "--timeout", "0").code == 0


def test_wait_ends_with_1_when_the_time_is_over(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("projection", "wait", "members", "--timeout", "0.2")
    assert (ended.code, ended.stdout) == (1, "")
    assert "members is at position 0, not yet at 2" in ended.stderr
    assert "nobody runs it; start a runner: temple run" in ended.stderr


def test_wait_ends_when_somebody_has_folded_the_position(temple: Typed, ledger: LedgerScenario) -> None:
    folding = threading.Timer(0.5, ledger.catch_up)
    folding.start()
    try:
        ended = temple("projection", "wait", "members", "--timeout", "60")
    finally:
        folding.join()
    assert (ended.code, ended.stdout) == (0, f"members is at position {Position(2)}\n")


def test_wait_says_that_the_projection_stands_still(temple: Typed, ledger: LedgerScenario) -> None:
    temple("projection", "pause", "members")
    ended = temple("projection", "wait", "members", "--timeout", "0.1")
    assert "members stands still (paused); waiting all the same: temple projection resume members" in ended.stderr


@pytest.mark.parametrize("verb", ["show", "pause", "resume", "wait"])
def test_an_unknown_projection_is_a_sentence_with_near_names(temple: Typed, ledger: LedgerScenario, verb: str) -> None:
    ended = temple("projection", verb, "membrs")
    assert (ended.code, ended.stderr) == (1, "temple: no projection 'membrs'; did you mean members?\n")
