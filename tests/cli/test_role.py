"""`temple role`: who holds a role now or held it then, and who granted it."""

import pytest

from temple_ledger.domain.instant import parse_instant
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, left, role_added, role_removed
from tests.cli.conftest import Typed
from tests.queries.builders import altered, append_twice, now, role_created, role_deleted, unfoldable

ORACLE, SEEKER = "400000000000000001", "400000000000000002"


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(
        role_created(ORACLE, "Oracle"),
        role_created(SEEKER, "Seeker"),
        joined("ada", at(1)),
        role_added("ada", ORACLE, at(2), by="eve"),
        role_added("bob", ORACLE, at(3)),
        left("bob", at(24 * 40)),
    )
    found.catch_up()
    return found


def test_list_has_every_role_that_has_a_name_or_is_held(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.when(role_added("ada", "unnamed", at(4)), role_deleted(SEEKER, at(5)))
    ledger.catch_up()
    assert temple("role", "list", "--json").data == [
        {"role": ORACLE, "name": "Oracle", "members": 1, "deleted": False},
        {"role": "unnamed", "name": None, "members": 1, "deleted": False},
        {"role": SEEKER, "name": "Seeker", "members": 0, "deleted": True},
    ]


@pytest.mark.parametrize("role", [ORACLE, "Oracle", "oracle"])
def test_members_takes_the_id_or_the_name_in_any_case(temple: Typed, ledger: LedgerScenario, role: str) -> None:
    (holder,) = temple("role", "members", role, "--json").data
    assert (holder["user_id"], holder["granted_by"], holder["role"]) == ("ada", "eve", ORACLE)


def test_members_as_of_a_time_includes_those_who_left_since(temple: Typed, ledger: LedgerScenario) -> None:
    then = temple("role", "members", "Oracle", "--as-of", "2026-01-31", "--json").data
    assert [holder["user_id"] for holder in then] == ["ada", "bob"]


def test_members_as_known_then_leaves_out_what_was_recorded_later(temple: Typed, ledger: LedgerScenario) -> None:
    before = now(ledger.database).isoformat()
    ledger.when(role_added("cleo", ORACLE, at(4)))
    known = temple("role", "members", "Oracle", "--known-at", before, "--json").data
    assert [holder["user_id"] for holder in known] == ["ada"]


def test_history_says_who_granted_and_that_leaving_ended_it(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.when(role_removed("ada", ORACLE, at(5)))
    changes = temple("role", "history", "Oracle", "--json").data
    assert [(each["user_id"], each["change"], each["granted_by"]) for each in changes] == [
        ("ada", "granted", "eve"),
        ("bob", "granted", None),
        ("ada", "ended", None),
        ("bob", "ended", None),
    ]
    assert changes[-1]["event"]["event_type"] == "discord_leave"


def test_history_says_how_it_ended_and_who_did_it(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.when(left("ada", at(5), by="eve"))
    lines = temple("role", "history", "Oracle").stdout.splitlines()
    assert lines[0].split()[-3:] == ["change", "by", "position"]
    ends = [line for line in lines if "ended: left" in line]
    assert [("eve" in line) for line in ends] == [True, False]
    data = temple("role", "history", "Oracle", "--json").data
    assert [(each["ending"], each["ended_by"]) for each in data] == [
        (None, None),
        (None, None),
        ("left", "eve"),
        ("left", None),
    ]


def test_history_counts_a_grant_that_was_attributed_later_once_also_at_its_limit(
    temple: Typed, ledger: LedgerScenario
) -> None:
    append_twice(ledger, role_added("cleo", ORACLE, at(6)))
    for limit in ("1", "2", "3", "9"):
        data = temple("role", "history", "Oracle", "--limit", limit, "--json").data
        assert [each["change"] for each in data if each["user_id"] == "cleo"] == (
            [] if limit == "1" else ["granted"]
        ), "bob left last"
        assert len(data) == min(int(limit), 4)
    everything = temple("role", "history", "Oracle", "--json").data
    (granted,) = [each for each in everything if each["user_id"] == "cleo"]
    assert (granted["granted_by"], granted["attribution"]["metadata"]["granted_by"]) == ("eve", "eve")


def test_history_shows_the_newest_and_says_that_there_are_more(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("role", "history", "Oracle", "--limit", "1")
    assert "ended" in ended.stdout
    assert "granted " not in ended.stdout.splitlines()[1]
    assert "1 change of Oracle of 3; --limit shows more" in ended.stderr


def test_diff_says_who_gained_and_who_lost_it_between_two_times(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.when(role_added("cleo", ORACLE, at(24 * 20), by="mod"))
    found = temple("role", "diff", "Oracle", "--between", "2026-01-03", "2026-03-01", "--json").data
    assert [(each["user_id"], each["granted_by"]) for each in found["gained"]] == [("cleo", "mod")]
    assert [(each["user_id"], each["ending"]["event_type"]) for each in found["lost"]] == [("bob", "discord_leave")]
    ended = temple("role", "diff", "Oracle", "--between", "2026-01-03", "2026-03-01")
    assert [line.split()[:2] for line in ended.stdout.splitlines()[1:]] == [["gained", "cleo"], ["lost:", "left"]]
    assert "1 member gained Oracle and 1 lost it between 2026-01-03T00:00:00.000000+00:00 and" in ended.stderr


@pytest.mark.parametrize("between", [("2026-02-01", "2026-02-03"), ("2026-02-03", "2026-02-03")])
@pytest.mark.parametrize("when", ["2026-02-03T00:00:00Z", "2026-02-03T12:00:00Z", "2026-02-03T23:59:59.999999Z"])
def test_a_day_of_a_diff_is_whole_at_both_ends(
    temple: Typed, ledger: LedgerScenario, between: tuple[str, str], when: str
) -> None:
    ledger.when(role_added("cleo", ORACLE, parse_instant(when)))
    found = temple("role", "diff", "Oracle", "--between", *between, "--json").data
    assert [each["user_id"] for each in found["gained"]] == ["cleo"]
    assert temple("role", "diff", "Oracle", "--between", "2026-02-04", "2026-02-05", "--json").data["gained"] == []
    assert temple("role", "diff", "Oracle", "--between", "2026-02-01", "2026-02-02", "--json").data["gained"] == []


def test_diff_leaves_out_who_gained_and_lost_it_in_between(temple: Typed, ledger: LedgerScenario) -> None:
    found = temple("role", "diff", "Oracle", "--between", "2025-12-01", "2026-03-01", "--json").data
    assert [each["user_id"] for each in found["gained"]] == ["ada"]
    assert found["lost"] == []


def test_diff_as_known_then_leaves_out_what_was_recorded_later(temple: Typed, ledger: LedgerScenario) -> None:
    before = now(ledger.database).isoformat()
    ledger.when(role_added("cleo", ORACLE, at(4)))
    between = ("--between", "2025-12-01", "2026-01-20", "--known-at", before)
    found = temple("role", "diff", "Oracle", *between, "--json").data
    assert [each["user_id"] for each in found["gained"]] == ["ada", "bob"]


def test_diff_takes_the_earlier_time_first(temple: Typed, ledger: LedgerScenario) -> None:
    assert temple("role", "diff", "Oracle", "--between", "2026-03-01", "2026-01-03").code == 2


def test_a_name_that_two_roles_share_asks_for_the_id(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.when(role_created("400000000000000003", "oracle", at(9)))
    ended = temple("role", "members", "ORACLE")
    assert ended.code == 1
    assert f"2 roles are called 'ORACLE': {ORACLE}, 400000000000000003; give the id" in ended.stderr


def test_an_unknown_role_is_a_sentence_with_near_names(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("role", "members", "Orcale")
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr == "temple: no role 'Orcale'; did you mean Oracle?\n"


READS_TABLES = [
    ("role", "members", "Oracle"),
    ("role", "list"),
    ("member", "list", "--role", "Oracle"),
    ("member", "list", "--json"),
]


@pytest.mark.parametrize("verb", READS_TABLES)
def test_what_reads_the_tables_says_what_they_lack(
    temple: Typed, ledger: LedgerScenario, verb: tuple[str, ...]
) -> None:
    ledger.catch_up()
    assert "not folded yet" not in temple(*verb).stderr
    ledger.given(role_added("cleo", ORACLE, at(30)), joined("dido", at(31)))
    ended = temple(*verb)
    assert ended.code == 0
    assert "2 events not folded yet; run: temple run --until-caught-up" in ended.stderr
    temple("projection", "pause", "members")
    assert "members is paused; run: temple projection resume members" in temple(*verb).stderr


@pytest.mark.parametrize("verb", READS_TABLES)
def test_what_reads_the_tables_says_that_members_are_parked(
    temple: Typed, ledger: LedgerScenario, verb: tuple[str, ...]
) -> None:
    unfoldable(ledger.database, "cleo", at(30))
    ledger.catch_up()
    assert "1 member is parked, with rows as before; see: temple failures list" in temple(*verb).stderr


def test_a_question_about_then_is_folded_from_the_log_and_lacks_nothing(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.given(role_added("cleo", ORACLE, at(30)))
    assert "not folded yet" not in temple("role", "members", "Oracle", "--as-of", "2026-03-01").stderr


def test_until_the_periods_are_filled_it_is_answered_from_the_log_and_says_so(
    temple: Typed, ledger: LedgerScenario
) -> None:
    questions = (
        ("role", "members", "Oracle", "--as-of", "2026-01-31", "--json"),
        ("role", "history", "Oracle", "--json"),
        ("role", "diff", "Oracle", "--between", "2026-01-03", "2026-03-01", "--json"),
    )
    answers = [temple(*question) for question in questions]
    assert [each.stderr.count("from the log") for each in answers] == [0, 0, 0]
    altered(
        ledger.database, "update projection_checkpoint set state = 'needs replay' where projection = 'role_periods'"
    )
    folded = [temple(*question) for question in questions]
    assert [each.data for each in folded] == [each.data for each in answers]
    for each in folded:
        assert "role_periods needs a replay; run: temple replay role_periods --apply" in each.stderr
    assert temple("replay", "role_periods", "--apply", "--reason", "new").code == 0
    assert "from the log" not in temple(*questions[0]).stderr


def test_diff_says_how_it_was_lost_and_who_did_it(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.when(role_removed("ada", ORACLE, at(24 * 41), by="mod"))
    ledger.catch_up()
    found = temple("role", "diff", "Oracle", "--between", "2026-01-03", "2026-03-01", "--json").data
    assert [(each["user_id"], each["how"], each["ended_by"]) for each in found["lost"]] == [
        ("ada", "removed", "mod"),
        ("bob", "left", None),
    ]


def test_history_marks_what_is_retracted(temple: Typed, ledger: LedgerScenario) -> None:
    (position,) = ledger.when(role_added("cleo", ORACLE, at(6), by="eve"))
    ledger.catch_up()
    assert temple("events", "retract", str(position), "--apply", "--reason", "a mistake").code == 0
    lines = [line for line in temple("role", "history", "Oracle").stdout.splitlines() if "cleo" in line]
    assert ["retracted: added" in line for line in lines] == [True]
