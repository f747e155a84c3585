"""`temple verify`: the tables against the fold of the log."""

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.cli.conftest import Typed
from tests.queries.builders import altered, role_created, unfoldable

ORACLE = "400000000000000001"


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(role_created(ORACLE, "Oracle"), joined("ada", at(1)), role_added("ada", ORACLE, at(2)))
    found.catch_up()
    return found


def test_what_agrees_says_so_and_exits_0(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("verify", "--full")
    assert ended.code == 0
    assert "members: 1 member compared at position 3, all agree" in ended.stdout
    assert "passed 3 events, as many as the log has up to there" in ended.stdout
    assert "activity: 3 counts compared at position 3, all agree" in ended.stdout


def test_a_row_changed_by_hand_is_found_and_exits_3(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "update temple_member_status set status = 'departed'")
    ended = temple("verify", "--full")
    assert ended.code == 3
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("ada")]
    assert line.split() == ["ada", "status", "departed", "active"]
    assert "temple repair members" in ended.stderr


def test_a_role_that_is_missing_is_told_by_its_name(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "delete from discord_user_current_roles")
    ended = temple("verify", "members")
    assert ended.code == 3
    assert "Oracle: row missing" in ended.stdout


def test_json_has_every_difference_with_table_member_column_and_both_values(
    temple: Typed, ledger: LedgerScenario
) -> None:
    altered(ledger.database, "update webhook_activity_hourly set events = 7 where event_type = 'discord_join'")
    ended = temple("verify", "--json")
    assert ended.code == 3
    members, activity, _ = ended.data
    assert members["ok"]
    assert not activity["ok"]
    (difference,) = activity["differences"]
    assert difference["table"] == "webhook_activity_hourly"
    assert (difference["column"], difference["stored"], difference["folded"]) == ("events", 7, 1)


def test_events_that_were_lost_on_the_way_are_a_miscount(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "update projection_checkpoint set passed = passed - 1 where projection = 'members'")
    ended = temple("verify")
    assert ended.code == 3
    assert "miscounted: it passed 2 events, the log has 3 up to there" in ended.stdout


def test_parked_members_are_listed_apart_and_are_no_drift(temple: Typed, ledger: LedgerScenario) -> None:
    position = unfoldable(ledger.database, "bob", at(3))
    ledger.catch_up()
    ended = temple("verify")
    assert ended.code == 0
    assert f"bob at position {position}: target is missing" in ended.stdout


def test_rows_of_another_version_are_not_verified_and_that_is_a_finding(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "update projection_checkpoint set state = 'needs replay' where projection = 'members'")
    ended = temple("verify", "members")
    assert ended.code == 3
    reason = "its tables are not filled from the log yet; run: temple replay members --apply"
    assert f"members: not verified, {reason}" in ended.stdout


def test_without_full_it_says_that_everything_is_compared(temple: Typed, ledger: LedgerScenario) -> None:
    assert "everything" in temple("verify").stderr
    assert temple("verify", "--full").stderr == ""


def test_an_unknown_projection_is_a_sentence_with_the_names(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("verify", "membres")
    assert (ended.code, ended.stderr) == (1, "temple: no projection 'membres'; did you mean members?\n")


def test_a_database_that_is_not_there_is_one_sentence_and_exits_4(temple: Typed) -> None:
    ended = temple("verify", TEMPLE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert ended.code == 4
    assert len(ended.stderr.strip().splitlines()) <= 2
    assert "Traceback" not in ended.stderr


def test_verify_reads_with_the_role_that_may_only_read(ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select has_table_privilege('temple_member_status', 'update')").fetchone()
    assert row == (False,)


def test_a_quick_verify_compares_whom_events_have_touched_since_the_last_one(
    temple: Typed, ledger: LedgerScenario
) -> None:
    temple("verify")
    ledger.when(joined("bob", at(5)))
    ledger.catch_up()
    (first,) = temple("verify", "members", "--since-last", "--json").data
    assert (first["kind"], first["touched"], first["members"], first["covered_everybody"]) == ("since last", 1, 2, True)
    (second,) = temple("verify", "members", "--since-last", "--budget", "0", "--json").data
    assert (second["touched"], second["members"], second["covered_everybody"]) == (0, 0, False)


def test_of_whom_events_have_touched_it_counts_those_that_were_compared(temple: Typed, ledger: LedgerScenario) -> None:
    told = temple("verify", "--since-last").stdout
    # the guild has an event too, and no rows
    assert "members: 1 member compared at position 3, all agree; 1 of them touched since the last verify" in told
    assert "activity: the sum of all counts compared at position 3, all agree; quick verify, saved" in told


def test_it_says_which_kind_of_verify_it_was(temple: Typed, ledger: LedgerScenario) -> None:
    assert "all agree; full verify, saved as verification 1" in temple("verify", "members").stdout
    told = temple("verify", "members", "--since-last").stdout
    assert "all agree; 0 of them touched since the last verify, everybody was covered, saved as verification 2" in told


@pytest.mark.parametrize("flags", [["--full", "--since-last"], ["--budget", "3"], ["--full", "--budget", "3"]])
def test_flags_that_do_not_go_together_are_a_usage_error(temple: Typed, flags: list[str]) -> None:
    assert temple("verify", *flags).code == 2


def test_each_difference_has_the_events_behind_it(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "update discord_user_current_roles set granted_by = 'x'")
    altered(ledger.database, "insert into discord_user_current_roles values ('ada', 'Forged', now(), 'x')")
    (members,) = temple("verify", "members", "--json").data
    behind = {each["key"]["role"]: [event["id"] for event in each["events"]] for each in members["differences"]}
    assert behind == {ORACLE: [3], "Forged": []}
    told = temple("verify", "members", "--events").stdout
    assert "ada, Oracle: granted_by" in told
    assert "discord_role_change/added" in told
    assert "ada, Forged: row too many: no single event of the log is behind it" in told


def test_behind_a_parked_members_difference_is_nothing_that_was_not_folded(
    temple: Typed, ledger: LedgerScenario
) -> None:
    with ledger.database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source) "
            "values (gen_random_uuid(), 'infinity', 'discord_join', 'ada', 'joined', 'test')"
        )
    ledger.when(role_added("ada", ORACLE, at(9), by="later"))
    ledger.catch_up()
    altered(ledger.database, "update discord_user_current_roles set granted_by = 'x'")
    (members,) = temple("verify", "members", "--json").data
    assert [[event["id"] for event in each["events"]] for each in members["differences"]] == [[3]]


def test_a_checkpoint_beyond_the_log_is_told_in_words(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "update projection_checkpoint set position = 99 where projection = 'members'")
    ended = temple("verify", "members")
    assert ended.code == 3
    assert "ahead: its checkpoint is at position 99, beyond the end of the log" in ended.stdout


def test_an_event_that_was_taken_out_of_the_log_is_told_with_where(temple: Typed, ledger: LedgerScenario) -> None:
    with ledger.database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("alter table webhook_audit_log disable trigger all")
        connection.execute("delete from webhook_audit_log where id = 2")
    ended = temple("verify", "members")
    assert ended.code == 3
    assert "between positions 1 and 3 the log has 2 events, 3 were folded" in ended.stdout


def test_list_has_the_results_and_when_everybody_was_covered(temple: Typed, ledger: LedgerScenario) -> None:
    assert "members: never verified" in temple("verify", "list").stdout
    altered(ledger.database, "update temple_member_status set status = 'departed'")
    temple("verify", "members")
    told = temple("verify", "list").stdout
    assert "members: everybody was covered by 20" in told
    assert "activity: never verified" in told
    listed = temple("verify", "list", "--projection", "members", "--json").data
    assert [(each["id"], each["kind"], each["drifts"]) for each in listed["results"]] == [(1, "full", 1)]
    assert [each["projection"] for each in listed["covered"]] == ["members"]


def test_show_has_the_differences_as_they_were_found(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "delete from discord_user_current_roles")
    temple("verify", "members")
    assert "Oracle: row missing" in temple("verify", "show", "1").stdout
    (difference,) = temple("verify", "show", "1", "--json").data["differences"]
    assert difference["user_id"] == "ada"
    unknown = temple("verify", "show", "99")
    assert (unknown.code, unknown.stderr) == (1, "temple: no result of a verify '99'\n")


def test_what_cannot_be_saved_is_printed_all_the_same(temple: Typed, ledger: LedgerScenario) -> None:
    altered(ledger.database, "delete from discord_user_current_roles")
    with ledger.database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("revoke insert on verification from temple_project")
    ended = temple("verify", "members")
    assert ended.code == 3
    assert "Oracle: row missing" in ended.stdout
    assert "the result is not saved" in ended.stderr
