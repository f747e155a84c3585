"""`temple operations`: the journal of what people did to the projections."""

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined
from tests.cli.conftest import Typed


@pytest.fixture
def ledger(database: Database, temple: Typed) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(joined("ada", at(1)))
    found.catch_up()
    temple("projection", "pause", "members", "--reason", "a restore", TEMPLE_OPERATOR="eve")
    temple("projection", "resume", "members")
    temple("replay", "activity", "--apply", "--reason", "new rules")
    return found


def test_list_has_the_newest_first_with_who_and_why(temple: Typed, ledger: LedgerScenario) -> None:
    listed = temple("operations", "list", "--json").data
    assert [(each["kind"], each["projection"]) for each in listed] == [
        ("replay", "activity"),
        ("resume", "members"),
        ("pause", "members"),
    ]
    assert (listed[-1]["performed_by"], listed[-1]["reason"]) == ("eve", "a restore")
    assert "a restore" in temple("operations", "list").stdout


def test_the_login_stands_beside_who_says_they_did_it(
    temple: Typed, ledger: LedgerScenario, database: Database
) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        (login,) = connection.execute("select session_user").fetchone() or (None,)
    pause = temple("operations", "list", "--json").data[-1]
    assert (pause["performed_by"], pause["login"]) == ("eve", login)
    shown = temple("operations", "show", "1", "--json").data
    assert (shown["performed_by"], shown["login"]) == ("eve", login)
    assert f"login         {login}\n" in temple("operations", "show", "1").stdout


def test_list_can_be_narrowed_to_a_projection_and_a_number(temple: Typed, ledger: LedgerScenario) -> None:
    listed = temple("operations", "list", "--projection", "members", "--limit", "1", "--json").data
    assert [each["kind"] for each in listed] == ["resume"]


def test_show_has_the_details(temple: Typed, ledger: LedgerScenario) -> None:
    assert temple("operations", "show", "1", "--json").data["details"] == {"before": "running"}


def test_an_unknown_number_is_a_sentence(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("operations", "show", "99")
    assert (ended.code, ended.stderr) == (1, "temple: no operation '99'\n")
