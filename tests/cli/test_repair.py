"""`temple repair`: put right just what drifted."""

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.cli.conftest import Typed
from tests.queries.builders import altered


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    for name in ("ada", "bob", "cleo"):
        found.given(joined(name, at(1)), role_added(name, "Oracle", at(2)))
    found.catch_up()
    return found


def drift(ledger: LedgerScenario) -> None:
    altered(ledger.database, "update temple_member_status set patreon_tier = 'Gold' where user_id <> 'cleo'")


def test_without_apply_it_is_a_plan_that_changes_nothing(temple: Typed, ledger: LedgerScenario) -> None:
    drift(ledger)
    for _ in range(2):
        ended = temple("repair")
        assert ended.code == 3
        assert "members: 3 members compared at position 6, 2 members differ" in ended.stdout
        assert "nothing was changed; to do it: add --apply --reason TEXT" in ended.stderr


def test_apply_puts_right_just_the_drifted_and_names_the_journal_entry(temple: Typed, ledger: LedgerScenario) -> None:
    drift(ledger)
    ended = temple("repair", "--apply", "--reason", "a hand was too quick")
    assert ended.code == 0
    assert "members: 2 members put right (2 rows), operation 1 in the journal" in ended.stdout
    ledger.then_verified()
    entry = temple("operations", "show", "1", "--json").data
    assert (entry["kind"], entry["reason"]) == ("repair", "a hand was too quick")
    assert set(entry["details"]["before"]) == {"ada", "bob"}


def test_where_nothing_drifted_there_is_nothing_to_do(temple: Typed, ledger: LedgerScenario) -> None:
    assert temple("repair").code == 0
    assert temple("repair", "--apply", "--reason", "to be sure").code == 0
    assert temple("operations", "list", "--json").data == []


@pytest.mark.parametrize("reason", [[], ["--reason", " "]])
def test_apply_without_a_reason_is_a_usage_error(temple: Typed, ledger: LedgerScenario, reason: list[str]) -> None:
    drift(ledger)
    ended = temple("repair", "--apply", *reason)
    assert (ended.code, ended.stdout) == (2, "")
    assert "--reason" in ended.stderr


def test_above_the_cap_nothing_of_any_projection_is_repaired(temple: Typed, ledger: LedgerScenario) -> None:
    drift(ledger)
    altered(ledger.database, "update webhook_activity_hourly set events = 7 where event_type = 'discord_join'")
    ended = temple("repair", "activity", "members", "--apply", "--reason", "a test", "--max-members", "1")
    assert ended.code == 5
    assert "2 members of members drifted, more than --max-members 1" in ended.stderr
    assert temple("operations", "list", "--json").data == []


def test_counts_and_a_wrong_checkpoint_are_put_right_too(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "update webhook_activity_hourly set events = 7 where event_type = 'discord_join'")
    altered(ledger.database, "update projection_checkpoint set passed = 1 where projection = 'members'")
    members, activity, _ = temple("repair", "--apply", "--reason", "a test", "--json").data
    assert (members["ok"], members["repaired"]["count"]) == (True, [1, 6])
    assert (activity["ok"], activity["repaired"]["members"]) == (True, 1)
    assert temple("verify").code == 0


def test_a_checkpoint_beyond_the_log_is_set_back_to_its_end(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "update projection_checkpoint set position = 99 where projection = 'members'")
    ended = temple("repair", "members", "--apply", "--reason", "a test")
    assert ended.code == 0
    assert (
        "members: its checkpoint set back from 99 to 6, the end of the log, operation 1 in the journal" in ended.stdout
    )
    ledger.when(role_added("ada", "Seeker", at(3)))
    ledger.then_roles("ada", ["Oracle", "Seeker"])


def test_what_the_log_lost_cannot_be_repaired_and_is_reported(temple: Typed, ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("alter table webhook_audit_log disable trigger all")
        connection.execute("delete from webhook_audit_log where id = 2")
    ended = temple("repair", "members", "--apply", "--reason", "a test")
    assert ended.code == 3
    reported = "members: cannot be repaired: between positions 1 and 6 the log has 5 events, 6 were folded"
    assert reported in ended.stdout


def test_rows_of_another_version_are_left_to_a_replay(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "update projection_checkpoint set state = 'needs replay' where projection = 'members'")
    ended = temple("repair", "members", "--apply", "--reason", "a test")
    assert ended.code == 3
    assert "run: temple replay members --apply" in ended.stdout
