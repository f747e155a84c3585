"""`temple trigger`, as somebody types it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result, _NamedTextIOWrapper

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.commands.trigger import command
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import joined


@pytest.fixture
def database_of_the_test(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEMPLE_DATABASE_URL", database.dsn)
    monkeypatch.setenv("TEMPLE_HOME", str(tmp_path / "home"))
    return database


def typed(*arguments: str, stdin: str | None = None) -> Result:
    """Its `return_value` is the exit code."""
    session = Session({}, load_settings)
    return CliRunner().invoke(command, arguments, input=stdin, obj=session, standalone_mode=False)


def status() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(typed("status", "--json").stdout)["data"]
    return data


def test_it_is_switched_on_and_off_and_says_from_where(database_of_the_test: Database) -> None:
    ledger = LedgerScenario(database_of_the_test)
    ledger.given(joined("ada"))
    assert status()["kept_by"] == "runner"
    enabled = typed("enable", "--reason", "a test")
    assert enabled.stdout == "the trigger maintains members from position 2 on\n"
    ledger.given(joined("bob"))
    assert {name: status()[name] for name in ("kept_by", "since_position", "events", "parked", "problem")} == {
        "kept_by": "trigger", "since_position": 1, "events": 1, "parked": 0, "problem": None
    }  # fmt: skip
    assert "maintained by   trigger" in typed("status").stdout
    disabled = typed("disable")
    assert disabled.stdout == "the runner maintains members from position 3 on; the trigger had folded 1 event\n"
    assert status()["kept_by"] == "runner"


def test_it_is_one_named_act_that_asks_nobody(database_of_the_test: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_NamedTextIOWrapper, "isatty", lambda _: True)
    assert typed("enable", stdin="").exception is None
    assert status()["kept_by"] == "trigger"


def test_for_one_release_the_flag_that_answered_the_question_is_accepted(database_of_the_test: Database) -> None:
    enabled = typed("enable", "--yes")
    assert enabled.stderr == "--yes is not needed any more, and the next release drops it: nothing is asked\n"
    assert status()["kept_by"] == "trigger"


def test_what_can_not_be_done_is_refused(database_of_the_test: Database) -> None:
    assert isinstance(typed("disable").exception, Refused)


def test_a_problem_is_said_and_ends_with_3(database_of_the_test: Database) -> None:
    typed("enable")
    with database_of_the_test.connect(DatabaseRole.OWNER) as owner:
        owner.execute("alter table webhook_audit_log disable trigger trigger_sync_current_roles")
    found = typed("status")
    assert found.return_value == ExitCode.FOUND
    assert "nobody maintains the rows" in found.stderr
