"""`temple member`: what a member is now or was then, and which events made it so."""

from typing import Any

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, left, pledged, role_added
from tests.cli.conftest import Typed
from tests.queries.builders import altered, append_twice, now, role_created, unfoldable

ADA = "500000000000000001"
ORACLE = "400000000000000001"


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(
        role_created(ORACLE, "Oracle"),
        joined(ADA, at(1)),
        role_added(ADA, ORACLE, at(2), by="eve"),
        pledged(ADA, "Gold", at(3)),
    )
    found.catch_up()
    return found


def test_show_says_what_the_tables_say_with_roles_by_name(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("member", "show", ADA)
    assert ended.code == 0
    assert "active" in ended.stdout
    assert "Gold" in ended.stdout
    assert "Oracle" in ended.stdout
    assert ORACLE not in ended.stdout


def test_json_of_a_member_has_these_keys_and_ids_are_strings(temple: Typed, ledger: LedgerScenario) -> None:
    assert temple("member", "show", ADA, "--json").data == {
        "user_id": ADA,
        "status": "active",
        "discord_joined_at": "2026-01-01T01:00:00.000000+00:00",
        "patreon_tier": "Gold",
        "total_roles_count": 1,
        "last_activity": "2026-01-01T03:00:00.000000+00:00",
        "roles": [{"role": ORACLE, "granted_at": "2026-01-01T02:00:00.000000+00:00", "granted_by": "eve"}],
        "not_folded": 0,
    }


def test_show_as_of_a_time_is_folded_from_the_log(temple: Typed, ledger: LedgerScenario) -> None:
    then = temple("member", "show", ADA, "--as-of", "2026-01-01T02:00:00Z", "--json").data
    assert (then["patreon_tier"], [held["role"] for held in then["roles"]]) == (None, [ORACLE])
    before = temple("member", "show", ADA, "--as-of", "2025-12-31", "--json")
    assert (before.code, before.data) == (0, None)


def test_a_date_means_its_whole_day(temple: Typed, ledger: LedgerScenario) -> None:
    assert temple("member", "show", ADA, "--as-of", "2026-01-01", "--json").data["patreon_tier"] == "Gold"


def test_show_as_known_then_leaves_out_what_was_recorded_later(temple: Typed, ledger: LedgerScenario) -> None:
    before = now(ledger.database).isoformat()
    ledger.when(left(ADA, at(4)))
    assert temple("member", "show", ADA, "--known-at", before, "--json").data["status"] == "active"
    assert temple("member", "show", ADA, "--as-of", "2026-02-01", "--json").data["status"] == "departed"


def test_show_tells_what_is_not_folded_yet(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.when(left(ADA, at(4)))
    ended = temple("member", "show", ADA)
    assert "active" in ended.stdout
    assert "1 event of this member not folded yet; run: temple run --until-caught-up" in ended.stderr


def test_show_tells_that_a_member_is_parked(temple: Typed, ledger: LedgerScenario) -> None:
    position = unfoldable(ledger.database, ADA, at(4))
    ledger.catch_up()
    ended = temple("member", "show", ADA)
    assert f"parked: the event at position {position} could not be folded" in ended.stderr
    assert f"temple failures show {position}" in ended.stderr


def test_a_patron_without_a_discord_account_is_a_member(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.when(pledged("patreon:7", "Gold", at(5)))
    ledger.catch_up()
    assert temple("member", "show", "patreon:7", "--json").data["patreon_tier"] == "Gold"


@pytest.mark.parametrize("verb", ["show", "history", "explain"])
def test_an_unknown_member_is_a_sentence_with_near_ids(temple: Typed, ledger: LedgerScenario, verb: str) -> None:
    ended = temple("member", verb, "500000000000000009")
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr == f"temple: no member '500000000000000009'; did you mean {ADA}?\n"


@pytest.mark.parametrize("text", ["yesterday", "2026-01-01T02:00:00", "2026-13-01"])
def test_a_time_that_is_none_is_a_usage_error_that_shows_one(temple: Typed, ledger: LedgerScenario, text: str) -> None:
    ended = temple("member", "show", ADA, "--as-of", text)
    assert ended.code == 2
    assert "write 2026-03-01T18:00:00Z, or a date such as 2026-03-01" in " ".join(ended.stderr.split())


def test_history_has_every_event_by_when_it_happened(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.when(joined(ADA, at(0)))
    events = temple("member", "history", ADA, "--json").data
    assert [(each["event_type"], each["action"]) for each in events] == [
        ("discord_join", "joined"),
        ("discord_join", "joined"),
        ("discord_role_change", "added"),
        ("patreon_membership", "started"),
    ]
    assert events[0]["id"] > events[1]["id"]
    assert events[2]["target"] == ORACLE
    assert events[2]["metadata"] == {"granted_by": "eve"}


def test_history_shows_roles_by_name_and_who_granted_them(temple: Typed, ledger: LedgerScenario) -> None:
    lines = temple("member", "history", ADA).stdout.splitlines()
    (granted,) = [line for line in lines if "discord_role_change" in line]
    assert "Oracle" in granted
    assert "eve" in granted


def test_history_shows_a_grant_that_was_attributed_later_once(temple: Typed, ledger: LedgerScenario) -> None:
    first, later = append_twice(ledger, role_added(ADA, "Seeker", at(4)), "mod")
    lines = [line for line in temple("member", "history", ADA).stdout.splitlines() if "Seeker" in line]
    assert len(lines) == 1
    assert lines[0].split()[0] == str(first)
    assert "mod" in lines[0]
    (shown,) = [each for each in temple("member", "history", ADA, "--json").data if each["target"] == "Seeker"]
    assert (shown["id"], shown["attribution"]["id"]) == (first, later)


def test_history_marks_the_event_that_parked_the_member_and_those_that_wait(
    temple: Typed, ledger: LedgerScenario
) -> None:
    unfoldable(ledger.database, ADA, at(4))
    ledger.when(left(ADA, at(5)))
    ledger.catch_up()
    notes = [line.split()[-1] for line in temple("member", "history", ADA).stdout.splitlines()[1:]]
    assert notes == ["–", "–", "–", "parked", "waits"]


def cause(causes: list[dict[str, Any]], table: str, column: str) -> dict[str, Any]:
    (found,) = [each for each in causes if each["table"] == table and each["column"] == column]
    return found


def test_explain_names_the_event_behind_each_value(temple: Typed, ledger: LedgerScenario) -> None:
    causes = temple("member", "explain", ADA, "--json").data
    tier = cause(causes, "temple_member_status", "patreon_tier")
    assert (tier["value"], tier["event"]["event_type"]) == ("Gold", "patreon_membership")
    granted = cause(causes, "discord_user_current_roles", "granted_by")
    assert granted["key"] == {"role": ORACLE}
    assert granted["event"]["action"] == "added"


def test_explain_as_of_a_time_explains_the_rows_of_then(temple: Typed, ledger: LedgerScenario) -> None:
    causes = temple("member", "explain", ADA, "--as-of", "2026-01-01T01:00:00Z", "--json").data
    assert {each["table"] for each in causes} == {"temple_member_status"}
    assert cause(causes, "temple_member_status", "status")["event"]["event_type"] == "discord_join"


def test_explain_shows_a_grant_on_a_line_with_its_event(temple: Typed, ledger: LedgerScenario) -> None:
    stdout = temple("member", "explain", ADA).stdout
    (line,) = [line for line in stdout.splitlines() if line.startswith("Oracle")]
    assert "eve" in line
    assert "discord_role_change/added" in line


def test_explain_tells_when_the_stored_rows_are_other_than_the_log_says(temple: Typed, ledger: LedgerScenario) -> None:
    assert "verify" not in temple("member", "explain", ADA).stderr
    altered(ledger.database, "update temple_member_status set patreon_tier = 'Silver'")
    assert "other than the log says; run: temple verify --full" in temple("member", "explain", ADA).stderr


def test_list_is_by_id_and_says_how_to_go_on(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.when(joined("bob", at(5)), joined("cleo", at(5)), left("cleo", at(6)))
    ledger.catch_up()
    first = temple("member", "list", "--limit", "1", "--json")
    assert [member["user_id"] for member in first.data] == [ADA]
    assert f"--after {ADA}" in first.stderr
    rest = temple("member", "list", "--after", ADA, "--json")
    assert [member["user_id"] for member in rest.data] == ["bob", "cleo"]
    assert rest.stderr == ""


def test_list_takes_a_status_and_a_role_by_name(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.when(joined("bob", at(5)), left("bob", at(6)))
    ledger.catch_up()
    assert [each["user_id"] for each in temple("member", "list", "--status", "departed", "--json").data] == ["bob"]
    assert [each["user_id"] for each in temple("member", "list", "--role", "oracle", "--json").data] == [ADA]
    assert temple("member", "list", "--role", "orcale").code == 1
    assert temple("member", "list", "--status", "gone").code == 2


def test_a_table_fits_a_terminal_of_100_columns(temple: Typed, ledger: LedgerScenario) -> None:
    for arguments in (("show", ADA), ("history", ADA), ("explain", ADA), ("list",)):
        assert max(map(len, temple("member", *arguments).stdout.splitlines())) <= 100, arguments


@pytest.mark.parametrize(
    "command",
    [
        ("member", "show", "Odile"),
        ("member", "history", "Odile"),
        ("member", "explain", "Odile"),
        ("member", "erase", "Odile", "--reason", "asked for it"),
        ("projection", "rows", "members", "Odile"),
        ("projection", "history", "members", "Odile"),
        ("projection", "explain", "members", "Odile"),
        ("projection", "check", "temple_ledger.projections.members:members", "--member", "Odile"),
        ("events", "list", "--member", "Odile"),
        ("events", "tail", "--member", "Odile"),
        ("events", "export", "--member", "Odile"),
        ("failures", "list", "Odile"),
        ("failures", "retry", "Odile"),
    ],
    ids=" ".join,
)
def test_a_name_where_an_id_belongs_leads_to_the_id(
    temple: Typed, ledger: LedgerScenario, command: tuple[str, ...]
) -> None:
    ended = temple(*command)
    assert ended.code == 1
    assert "member 'Odile'" in ended.stderr
    assert ended.stderr.endswith("found by: temple member find Odile\n")
    assert ended.stdout == ""


def test_what_looks_like_an_id_is_not_looked_for_by_name(temple: Typed, ledger: LedgerScenario) -> None:
    assert "member find" not in temple("member", "show", "patreon:7").stderr


def test_explain_has_one_order_the_oldest_grant_first(temple: Typed, ledger: LedgerScenario) -> None:
    roles = [f"{400000000000000100 + number}" for number in range(12)]
    # recorded in another order than granted
    ledger.given(*(role_added(ADA, role, at(50 - number)) for number, role in enumerate(roles)))
    ledger.catch_up()
    explained = temple("member", "explain", ADA, "--json").data
    held = [each["key"]["role"] for each in explained if each["column"] == "granted_at"]
    assert held == [ORACLE, *reversed(roles)]
    stored = temple("projection", "rows", "members", ADA, "--json").data["discord_user_current_roles"]
    assert [each["role"] for each in stored] == sorted([ORACLE, *roles])
