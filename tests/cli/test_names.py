"""Every table shows the name beside the id, where one is known."""

import json
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.names.nicknames import FILE
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from tests.cli.conftest import Typed
from tests.queries.builders import append, role_created, unfoldable

ADA, EVE, BOB = "500000000000000001", "500000000000000002", "500000000000000003"
PATREON = "216303189073461248"
ORACLE = "400000000000000001"


@pytest.fixture
def ledger(database: Database, home: Path) -> LedgerScenario:
    home.mkdir()
    (home / FILE).write_text(f"{ADA},Ada\n{EVE},Eve \u202ethe <b>evil\n", encoding="utf-8")
    found = LedgerScenario(database)
    found.given(role_created(ORACLE, "Oracle"), joined(ADA, at(1)), joined(BOB, at(1)))
    for user_id, by in ((ADA, EVE), (BOB, PATREON)):
        append(found, role_added(user_id, ORACLE, at(2), by=by), granted_by=by, reason="won")
    unfoldable(database, ADA, at(4))
    found.given(left(BOB, at(5)))
    found.catch_up()
    return found


@pytest.mark.parametrize(
    "verb",
    [
        ("member", "list"),
        ("member", "show", ADA),
        ("events", "list"),
        ("events", "tail"),
        ("events", "show", "4"),
        ("failures", "list"),
        ("role", "members", "Oracle"),
        ("role", "history", "Oracle"),
        ("role", "diff", "Oracle", "--between", "2025-12-01", "2026-02-01"),
    ],
)
def test_a_table_has_the_name_beside_the_id(temple: Typed, ledger: LedgerScenario, verb: tuple[str, ...]) -> None:
    assert f"Ada ({ADA})" in temple(*verb).stdout
    only = temple(*verb, "--ids").stdout
    assert ADA in only
    assert "Ada" not in only
    document = temple(*verb, "--json").stdout
    assert ADA in document
    assert "Ada" not in document


def test_names_of_others_are_escaped_as_everything_that_data_brings(temple: Typed, ledger: LedgerScenario) -> None:
    shown = temple("role", "members", "Oracle").stdout
    assert "Eve \\u202ethe <b>evil" in shown
    assert "\u202e" not in shown


def test_the_bot_of_a_source_has_its_name_without_a_file(temple: Typed, ledger: LedgerScenario) -> None:
    assert f"Patreon ({PATREON})" in temple("role", "history", "Oracle").stdout


def test_one_event_is_shown_as_a_sentence(temple: Typed, ledger: LedgerScenario) -> None:
    shown = temple("events", "show", "4").stdout
    assert shown.splitlines()[0].startswith("Eve \\u202ethe <b>evil")
    assert f"gave Oracle to Ada ({ADA}) “won”" in shown.splitlines()[0]


def test_find_has_the_id_that_other_commands_want(temple: Typed, ledger: LedgerScenario) -> None:
    assert temple("member", "find", "AD", "--json").data == [
        {"name": "Ada", "handle": None, "kind": "member", "id": ADA, "status": "active"}
    ]
    assert ADA in temple("member", "find", "ada").stdout
    nobody = temple("member", "find", "zoe")
    assert (nobody.code, nobody.stdout) == (0, "")
    assert "nobody of that name" in nobody.stderr
    assert json.loads(temple("member", "find", "zoe", "--json").stdout) == {"data": []}


def test_a_file_of_names_that_is_wrong_costs_the_names_and_says_so(
    temple: Typed, ledger: LedgerScenario, home: Path
) -> None:
    (home / FILE).write_text("no names\n")
    ended = temple("member", "list")
    assert ended.code == 0
    assert ADA in ended.stdout
    assert "line 1 of" in ended.stderr
    elsewhere = temple("member", "list", TEMPLE_NICKNAMES=str(home / "elsewhere.csv"))
    assert "line 1 of" not in elsewhere.stderr


def test_a_state_directory_that_cannot_be_read_costs_the_names_and_no_answer(
    temple: Typed, ledger: LedgerScenario, tmp_path: Path
) -> None:
    unreadable = tmp_path / ("x" * 300)
    shown = temple("member", "show", ADA, TEMPLE_HOME=str(unreadable))
    assert shown.code == 0
    assert f"user id            {ADA}\n" in shown.stdout
    status = temple("status", TEMPLE_HOME=str(unreadable))
    assert status.code == 0
    assert f"running   not known, since {unreadable} cannot be read: File name too long" in status.stdout
