"""`temple failures`: events that could not be folded, and the members who wait behind them."""

from pathlib import Path

import pytest

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from tests.cli.conftest import Typed
from tests.queries.builders import unfoldable
from tests.runner import poisoned as poisoned_module
from tests.runner.poisoned import POISON, poisoned

LINE = 1 + Path(poisoned_module.__file__).read_text("utf-8").splitlines().index(
    '        raise ValueError("the author\'s mistake")'
)


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(joined("ada", at(1)), joined("bob", at(1)))
    return found


@pytest.fixture
def position(ledger: LedgerScenario) -> Position:
    """Of an event that parked ada, behind which another one waits."""
    found = unfoldable(ledger.database, "ada", at(2))
    ledger.when(role_added("ada", "Oracle", at(3)))
    ledger.catch_up()
    return found


def test_list_says_where_nothing_is_parked(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("failures", "list")
    assert (ended.code, ended.stdout) == (0, "nothing is parked\n")


def test_list_has_member_position_error_and_how_many_events_wait(temple: Typed, position: Position) -> None:
    failure, other = temple("failures", "list", "--json").data
    assert (other["projection"], other["position"]) == ("role_periods", position)
    assert (failure["projection"], failure["user_id"], failure["position"]) == ("members", "ada", position)
    assert failure["error"] == "target is missing; discord_role_change/added needs one"
    assert failure["waiting"] == 2


def test_list_takes_a_member_and_a_projection(temple: Typed, ledger: LedgerScenario, position: Position) -> None:
    assert temple("failures", "list", "bob", "--json").data == []
    assert temple("failures", "list", "--projection", "activity", "--json").data == []
    assert len(temple("failures", "list", "ada", "--projection", "members", "--json").data) == 1


def test_show_prints_the_event_and_the_error(temple: Typed, position: Position) -> None:
    ended = temple("failures", "show", str(position))
    assert ended.code == 0
    assert "discord_role_change/added" in ended.stdout
    assert "target is missing" in ended.stdout
    assert "temple failures retry ada" in ended.stderr


def test_show_of_a_position_that_is_not_parked_names_those_that_are(temple: Typed, position: Position) -> None:
    ended = temple("failures", "show", "1")
    assert ended.code == 1
    assert ended.stderr == f"temple: no parked position '1'; did you mean {position}?\n"


def test_retry_that_fails_again_exits_1_and_says_why(temple: Typed, position: Position) -> None:
    ended = temple("failures", "retry", "ada")
    assert ended.code == 1
    assert f"ada stays parked, at position {position}: target is missing" in ended.stdout
    assert temple("failures", "list", "--json").data[0]["attempts"] == 2


def test_retry_after_the_cause_is_gone_folds_the_member_with_what_waited(
    temple: Typed, ledger: LedgerScenario, position: Position
) -> None:
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(
            "insert into skipped_position (projection, position, user_id, skipped_by, reason)"
            " select unnest(%s::text[]), %s, 'ada', 'eve', 'the cause, mended'",
            (["members", "role_periods"], position),
        )
    ended = temple("failures", "retry", "--all")
    assert (ended.code, ended.stdout) == (
        0,
        "members: 1 member folded again and parked no more\nrole_periods: 1 member folded again and parked no more\n",
    )
    assert [held["role"] for held in temple("member", "show", "ada", "--json").data["roles"]] == ["Oracle"]


def test_retry_wants_members_or_all(temple: Typed, position: Position) -> None:
    assert temple("failures", "retry").code == 2
    assert temple("failures", "retry", "ada", "--all").code == 2


def test_retry_of_somebody_who_is_not_parked_names_those_who_are(temple: Typed, position: Position) -> None:
    ended = temple("failures", "retry", "bob")
    assert (ended.code, ended.stderr) == (1, "temple: no parked member 'bob'; did you mean ada?\n")


def test_skip_needs_a_reason(temple: Typed, position: Position) -> None:
    assert temple("failures", "skip", str(position)).code == 2
    assert temple("failures", "skip", str(position), "--reason", " ").code == 2
    assert len(temple("failures", "list", "--json").data) == 2


def test_skip_leaves_the_event_out_for_good_and_keeps_who_and_why(
    temple: Typed, ledger: LedgerScenario, position: Position
) -> None:
    ended = temple("failures", "skip", str(position), "--reason", "a broken bot", TEMPLE_OPERATOR="eve")
    assert ended.code == 0
    assert f"position {position} is left out of members from now on" in ended.stdout
    assert temple("member", "show", "ada", "--json").data["total_roles_count"] == 1
    skip, other = temple("events", "show", str(position), "--json").data["skipped"]
    assert other["projection"] == "role_periods"
    assert (skip["projection"], skip["skipped_by"], skip["reason"]) == ("members", "eve", "a broken bot")
    assert temple("replay", "--apply").code == 0
    assert temple("verify").code == 0
    assert temple("member", "show", "ada", "--as-of", "2026-02-01", "--json").data["total_roles_count"] == 1


def test_skip_leaves_it_out_of_every_projection_that_has_parked_it_or_of_one(
    temple: Typed, ledger: LedgerScenario
) -> None:
    position = str(unfoldable(ledger.database, "ada", "infinity"))
    ledger.catch_up()
    first = temple("failures", "skip", position, "--reason", "no such time", "--projection", "activity")
    assert (first.code, first.stdout.count("is left out")) == (0, 1)
    rest = temple("failures", "skip", position, "--reason", "no such time")
    assert (rest.code, rest.stdout.count("is left out")) == (0, 2)
    assert temple("failures", "list", "--json").data == []
    assert temple("verify").code == 0


def test_skip_of_one_of_two_bad_events_leaves_the_member_parked_at_the_other(
    temple: Typed, ledger: LedgerScenario, position: Position
) -> None:
    other = unfoldable(ledger.database, "ada", at(4))
    ledger.when(left("ada", at(5)))
    ledger.catch_up()
    ended = temple("failures", "skip", str(position), "--reason", "a broken bot")
    assert ended.code == 1
    assert f"ada stays parked, at position {other}" in ended.stdout


def test_show_has_the_last_frames_of_the_rule_that_raised_and_no_value(temple: Typed, database: Database) -> None:
    ledger = LedgerScenario(database, projections=[poisoned])
    ledger.given(role_added("ada", POISON, at(1)))
    ledger.catch_up()
    failure = temple("failures", "list", "--json").data[0]
    assert failure["frames"].splitlines() == [f"{poisoned_module.__file__}:{LINE} in _"]
    ended = temple("failures", "show", "1")
    assert f"poisoned.py:{LINE} in _" in ended.stdout
    assert POISON not in failure["frames"]


def test_a_failure_of_the_event_itself_has_no_frames(temple: Typed, position: Position) -> None:
    for failure in temple("failures", "list", "--json").data:
        assert (failure["kind"], failure["frames"]) == ("event", None)
