"""`temple operate`: what was asked for in the console, carried out by whoever owns the tables."""

import signal
import subprocess
from collections.abc import Callable, Mapping

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.console_logins import ACTIONS, as_login, make_console_logins
from temple_ledger.infrastructure.operating.action import Asking
from temple_ledger.infrastructure.operating.owner_preview import preview_request
from temple_ledger.infrastructure.operating.owner_requests import ask_owner
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined
from tests.cli.conftest import Typed, environment, home, spawn, temple
from tests.cli.test_up import until

__all__ = ["environment", "home", "spawn", "temple"]

Spawn = Callable[..., "subprocess.Popen[str]"]

ADA = "500000000000000001"

FORGED = """
    insert into ledger_operation (kind, performed_by, reason, details)
    values ('request', 'discord:1', 'x',
        '{"action": "erase", "arguments": {"member": "500000000000000001"}, "shown": ""}')
"""


LINKED = """
    insert into patreon_link (patreon_id, discord_id, said_at) values ('77', '500000000000000001', now())
"""


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(joined(ADA, at(1)))
    found.catch_up()
    make_console_logins(database)
    return found


def asked(database: Database, what: str, **arguments: str) -> str:
    with database.connect(DatabaseRole.READ) as connection:
        shown = preview_request(connection, what, arguments).digest
    return entered(database, what, arguments, shown)


def entered(database: Database, what: str, arguments: Mapping[str, str], shown: str) -> str:
    asking = Asking("ask-owner", {"what": what, **arguments, "shown": shown}, "discord:1", "they asked us to")
    return str(ask_owner(as_login(database, ACTIONS), asking))


def journal(database: Database) -> list[tuple[object, ...]]:
    with database.connect(DatabaseRole.READ) as connection:
        return connection.execute(
            "select kind, reason, details ->> 'request' from ledger_operation order by id"
        ).fetchall()


@pytest.mark.parametrize(
    ("what", "arguments", "kind"),
    [("erase", {"member": ADA}, "erase"), ("trigger-enable", {}, "trigger enable")],
)
def test_a_request_is_shown_then_carried_out_and_closed(
    temple: Typed, ledger: LedgerScenario, database: Database, what: str, arguments: Mapping[str, str], kind: str
) -> None:
    number = asked(database, what, **arguments)
    [listed] = temple("operate", "list", "--json").data
    assert (str(listed["id"]), listed["by"], listed["login"]) == (number, "discord:1", ACTIONS)
    shown = temple("operate", "run", number)
    assert (shown.code, "asked for by discord:1: they asked us to" in shown.stdout) == (0, True)
    assert len(journal(database)) == 1
    done = temple("operate", "run", number, "--apply", "--yes")
    assert (done.code, f"request {number} is carried out" in done.stdout) == (0, True), done.stderr
    assert [each[0] for each in journal(database)] == ["request", kind, "request carried out"]
    assert journal(database)[1][1] == f"request {number}: they asked us to"
    assert journal(database)[2][2] == number
    assert temple("operate", "list", "--json").data == []
    again = temple("operate", "run", number, "--apply", "--yes")
    assert (again.code, "no open request" in again.stderr) == (1, True)


def test_what_cannot_be_done_stays_open_until_it_is_refused(
    temple: Typed, ledger: LedgerScenario, database: Database
) -> None:
    number = entered(database, "switch", {"projection": "members", "to": "7"}, "x")
    failed = temple("operate", "run", number, "--apply", "--yes")
    assert failed.code == 1
    assert len(temple("operate", "list", "--json").data) == 1
    assert temple("operate", "refuse", number, "--reason", "there is no such version").code == 0
    assert journal(database)[-1] == ("request refused", "there is no such version", number)
    assert temple("operate", "list", "--json").data == []


def test_a_request_by_a_login_that_may_not_ask_is_not_carried_out(
    temple: Typed, ledger: LedgerScenario, database: Database
) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("create role runs login")
        connection.execute("grant temple_project to runs")
    try:
        with as_login(database, "runs").connect(DatabaseRole.PROJECT) as connection:
            connection.execute(FORGED)
        [listed] = temple("operate", "list", "--json").data
        refused = temple("operate", "run", str(listed["id"]), "--apply", "--yes")
        assert (refused.code, "login runs, which is no member of temple_operate" in refused.stderr) == (5, True)
        assert len(journal(database)) == 1
    finally:
        with database.connect(DatabaseRole.LOGIN) as connection:
            connection.execute("drop owned by runs")
            connection.execute("drop role runs")


def test_watching_carries_out_what_can_be_done_and_refuses_the_rest(
    spawn: Spawn, ledger: LedgerScenario, database: Database
) -> None:
    switched = entered(database, "switch", {"projection": "members", "to": "7"}, "x")
    erased = asked(database, "erase", member=ADA)
    process = spawn("operate", "watch")
    until(process.stdout, f"request {erased} is carried out")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    answers = [each for each in journal(database) if each[2] is not None]
    assert [(each[0], each[2]) for each in answers] == [("request refused", switched), ("request carried out", erased)]


def test_a_request_that_would_not_do_what_was_shown_any_more_is_refused(
    temple: Typed, ledger: LedgerScenario, database: Database
) -> None:
    number = asked(database, "erase", member=ADA)
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute(LINKED)
    for options in ([], ["--apply", "--yes"]):
        refused = temple("operate", "run", number, *options)
        assert (refused.code, f"request {number} would not do what discord:1 was shown" in refused.stderr) == (5, True)
        assert "each of " in refused.stderr
    assert [each[0] for each in journal(database)] == ["request"]
    assert temple("operate", "run", asked(database, "erase", member=ADA), "--apply", "--yes").code == 0


@pytest.mark.parametrize("shown", ["", "0" * 64])
def test_a_request_without_the_digest_of_its_page_is_refused(
    temple: Typed, ledger: LedgerScenario, database: Database, shown: str
) -> None:
    number = entered(database, "erase", {"member": ADA}, shown)
    assert temple("operate", "run", number, "--apply", "--yes").code == 5
    assert temple("member", "show", ADA).code == 0
