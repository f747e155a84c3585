"""`temple replay`: fold everything again, and put the result in place."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.rebuild import by_lanes
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from tests.cli.conftest import ROOT, Typed
from tests.queries.builders import altered, role_created, unfoldable

ORACLE = "400000000000000001"


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(role_created(ORACLE, "Oracle"))
    for name in ("ada", "bob", "cleo"):
        found.given(joined(name, at(1)), role_added(name, ORACLE, at(2)))
    found.catch_up()
    altered(database, "delete from discord_user_current_roles where user_id <> 'cleo'")
    altered(database, "update temple_member_status set status = 'departed' where user_id = 'cleo'")
    return found


def test_without_apply_it_shows_the_difference_in_people_and_changes_nothing(
    temple: Typed, ledger: LedgerScenario
) -> None:
    ended = temple("replay")
    assert ended.code == 0
    assert "members: 6 events folded up to position 7 in " in ended.stdout
    assert "; 3 members differ (3 differences)" in ended.stdout
    assert "  2 members gain Oracle" in ended.stdout
    assert "  1 member changes status from departed to active" in ended.stdout
    assert "activity: 7 events folded up to position 7 in " in ended.stdout
    assert ended.stdout.endswith("nothing differs\n")
    assert ended.stderr == "nothing was changed; to put it in place: temple replay members --apply\n"
    assert temple("verify").code == 3


def test_what_a_runner_has_not_folded_yet_is_no_difference_and_stays_the_runners(
    temple: Typed, ledger: LedgerScenario
) -> None:
    ledger.when(left("ada", at(3)), joined("dora", at(3)))
    shown = temple("replay", "members")
    assert "members: 6 events folded up to position 7 in " in shown.stdout
    assert "  2 members gain Oracle" in shown.stdout
    assert "dora" not in temple("replay", "members", "--json").stdout
    assert "members: 2 events not folded yet; run: temple run --until-caught-up\n" in shown.stderr
    applied = temple("replay", "members", "--apply")
    assert "members: in place, at position 7" in applied.stdout
    assert "members: 2 events not folded yet; run: temple run --until-caught-up\n" in applied.stderr
    assert "nothing differs" in temple("replay", "members").stdout
    ledger.catch_up()
    ledger.then_status("ada", "departed")
    ledger.then_verified()


def test_with_apply_the_rows_of_the_log_are_put_in_place(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("replay", "--apply", "--reason", "a hand was too quick")
    assert ended.code == 0
    assert "members: in place, at position 7" in ended.stdout
    assert temple("verify").code == 0
    with ledger.database.connect(DatabaseRole.READ) as connection:
        journal = connection.execute("select kind, projection, reason from ledger_operation order by id").fetchall()
    assert journal == [(("replay", name, "a hand was too quick")) for name in ("members", "activity", "role_periods")]


def test_a_first_replay_is_one_line_as_any_other(temple: Typed, database: Database) -> None:
    ledger = LedgerScenario(database)
    ledger.given(joined("ada", at(1)), joined("bob", at(1)))
    ended = temple("replay", "members", "--apply", "--yes")
    assert ended.code == 0
    assert ended.stdout.startswith("members: 2 events folded up to position 2 in ")
    assert ended.stdout.endswith("; 2 members differ (2 differences)\nmembers: in place, at position 2\n")
    ledger.then_status("ada", "active")


def test_very_many_rows_are_put_in_place_lane_by_lane(
    temple: Typed, ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_lanes, "MOST_AT_ONCE", 2)
    ended = temple("replay", "members", "--apply")
    assert (ended.code, ended.stdout.splitlines()[-1]) == (0, "members: in place, at position 7")
    assert ended.stderr.splitlines() == [
        f"members: {lanes} of 16 lanes of members are in place" for lanes in range(1, 16)
    ]
    assert temple("verify").code == 0


def test_for_one_release_yes_alone_applies_and_says_that_it_will_not(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("replay", "--yes")
    assert ended.code == 0
    assert ended.stderr == "--yes alone still applies; in the next release it does not: write --apply --yes\n"
    assert temple("verify").code == 0


def test_for_one_release_a_dry_run_is_a_preview(temple: Typed, ledger: LedgerScenario) -> None:
    for flags in (["--dry-run"], ["--dry-run", "--yes"]):
        ended = temple("replay", *flags)
        assert ended.code == 0
        assert ended.stderr.startswith("--dry-run is not needed any more")
        assert temple("verify").code == 3
    assert temple("replay", "--dry-run", "--apply").code == 2


def test_only_the_named_projections_are_replayed(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("replay", "activity", "--apply")
    assert ended.stdout.startswith("activity: ")
    assert "members" not in ended.stdout
    assert temple("verify").code == 3


def test_rows_of_another_version_are_of_this_one_afterwards(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "update projection_checkpoint set state = 'needs replay' where projection = 'members'")
    assert temple("replay", "members", "--apply").code == 0
    assert temple("projection", "show", "members", "--json").data["state"] == "idle"
    assert temple("verify", "members").code == 0


def test_json_has_the_counts_and_the_differences(temple: Typed, ledger: LedgerScenario) -> None:
    (members,) = temple("replay", "members", "--json").data
    assert (members["members"], members["changed_members"], members["changes"]) == (3, 3, 3)
    assert members["applied"] is None
    assert members["told"][0] == "2 members gain Oracle"
    assert len(members["differences"]) == 3


def test_what_can_not_be_folded_is_told_with_the_next_command(temple: Typed, ledger: LedgerScenario) -> None:
    unfoldable(ledger.database, "ada", at(3))
    ledger.catch_up()
    assert "members: 1 event cannot be folded; see: temple failures list" in temple("replay", "--apply").stderr


def test_where_more_would_change_than_allowed_it_is_refused_and_nothing_changes(
    temple: Typed, ledger: LedgerScenario
) -> None:
    names = [f"member {number}" for number in range(20)]
    ledger.when(*(joined(name, at(3)) for name in names))
    ledger.catch_up()
    altered(ledger.database, "update temple_member_status set status = 'inactive' where user_id like 'member %'")
    refused = temple("replay", "members", "--apply")
    assert refused.code == 5
    assert "--max-change" in refused.stderr
    assert temple("verify", "members").code == 3
    assert temple("replay", "members", "--apply", "--max-change", "100%").code == 0
    assert temple("verify", "members").code == 0


@pytest.mark.parametrize("share", ["120%", "-1", "many"])
def test_a_share_that_is_none_is_a_usage_error(temple: Typed, share: str) -> None:
    assert temple("replay", "--apply", f"--max-change={share}").code == 2


def test_while_another_replay_is_going_on_it_is_refused(temple: Typed, ledger: LedgerScenario) -> None:
    with Rebuild(ledger.database, members, catalogue=CATALOGUE):
        refused = temple("replay", "members", "--apply")
    assert refused.code == 5
    assert "a replay of members is going on" in refused.stderr


def test_a_replay_that_ended_early_is_gone_on_with_or_cleared_up(temple: Typed, ledger: LedgerScenario) -> None:
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as ended_early:
        ended_early.fold()
    assert temple("replay", "members", "--abort").stdout == "members: cleared up\n"
    assert temple("replay", "members", "--abort").stdout == "members: nothing to clear up\n"
    with Rebuild(ledger.database, members, catalogue=CATALOGUE) as ended_early:
        ended_early.fold()
    assert "going on with a replay that had been ended early" in temple("replay", "members", "--apply").stderr
    assert temple("verify", "members").code == 0


def test_a_replay_that_ended_before_it_had_folded_anything_is_not_gone_on_with(
    temple: Typed, ledger: LedgerScenario
) -> None:
    with Rebuild(ledger.database, members, catalogue=CATALOGUE):
        pass
    begun_anew = temple("replay", "members", "--apply")
    assert begun_anew.code == 0
    assert "going on" not in begun_anew.stderr


def test_several_workers_put_the_same_in_place(temple: Typed, ledger: LedgerScenario) -> None:
    assert temple("replay", "--apply", "--workers", "2").code == 0
    assert temple("verify").code == 0


def test_an_unknown_projection_is_a_sentence_with_the_names(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("replay", "membres", "--apply")
    assert (ended.code, ended.stderr) == (1, "temple: no projection 'membres'; did you mean members?\n")


@pytest.mark.parametrize(
    ("flags", "answer", "code", "verified"),
    [
        (["--apply"], "n", 1, 3),
        (["--apply"], "y", 0, 0),
        (["--apply", "--yes"], "", 0, 0),
        ([], "", 0, 3),
    ],
)
def test_on_a_terminal_apply_shows_the_difference_and_asks_unless_yes_is_given(
    temple: Typed,
    ledger: LedgerScenario,
    environment: Mapping[str, str],
    tmp_path: Path,
    flags: list[str],
    answer: str,
    code: int,
    verified: int,
) -> None:
    ours, theirs = os.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        ended = subprocess.run(
            [sys.executable, "-m", "temple_ledger.cli", "replay", *flags],
            stdin=theirs,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert ended.returncode == code, ended.stderr
    assert "2 members gain Oracle" in ended.stdout
    assert ("Put this in place?" in ended.stderr) == (flags == ["--apply"])
    assert temple("verify").code == verified
