"""What ends by itself does not wait for a database for ever: it ends, with the reason."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database import patience, retrying
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.feed.deliverer import Deliverer
from temple_ledger.infrastructure.read_models.feed.sink import Attempt
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.seals import sealer
from temple_ledger.infrastructure.seals.sealer import Sealer
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.testing.histories import joined
from tests.cli.conftest import Typed, environment, home, temple

__all__ = ["environment", "home", "temple"]


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 0.1)
    monkeypatch.setattr(sealer, "PATIENCE_SECONDS", 0.1)


@pytest.fixture
def read_only(database: Database) -> Database:
    """With one event to fold and to seal."""
    LedgerScenario(database).given(joined("ada"))
    with database.connect(DatabaseRole.LOGIN) as connection:
        name = connection.info.dbname
        connection.execute(f'alter database "{name}" set default_transaction_read_only = on'.encode())
    return database


def fold(database: Database) -> None:
    with Wakeup(database) as wakeup:
        Runner(database, BUILT_IN, wakeup, catalogue=CATALOGUE).run(until_caught_up=True)


def seal(database: Database) -> None:
    made = Sealer(database, every_seconds=0)
    try:
        made.run(threading.Event(), until_sealed=True)
    finally:
        made.close()


def deliver(database: Database) -> None:
    Deliverer(database, {"nowhere": _Nowhere()}).run(until_empty=True)


class _Nowhere:
    def deliver(self, messages: object, connection: psycopg.Connection) -> list[Attempt]:
        return []


@pytest.mark.parametrize("work", [fold, seal, deliver])
def test_what_has_an_end_gives_up_with_the_reason(read_only: Database, work: Callable[[Database], None]) -> None:
    with pytest.raises(DatabaseUnavailable, match="the database takes no writes now: a standby, or default_transac"):
        work(read_only)


@pytest.mark.parametrize(
    "command", [("run", "--until-caught-up"), ("seal", "run", "--until-sealed"), ("up", "--exit-when-ready")]
)
def test_a_command_that_has_an_end_ends_with_4(read_only: Database, temple: Typed, command: tuple[str, ...]) -> None:
    ended = temple(*command, TEMPLE_RECONCILE_EVERY_SECONDS="0")
    assert ended.code == 4, ended.stderr
    assert "the database takes no writes now" in ended.stderr.splitlines()[-1]


APPENDED = ("events", "append", "--type", "discord_join", "--action", "joined", "--user", "ada", "--source", "test")


@pytest.mark.parametrize("command", [APPENDED, ("events", "import", "-")], ids=["append", "import"])
def test_one_task_waits_for_no_database_that_takes_no_writes(
    read_only: Database, temple: Typed, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "time", SimpleNamespace(monotonic=time.monotonic, sleep=_nobody_waits))
    line = {"event_type": "discord_join", "action": "joined", "user_id": "ada", "source": "test"}
    ended = temple(*command, stdin=json.dumps({**line, "timestamp": "2025-01-01T00:00:00Z"}))
    assert ended.code == 4, ended.stderr
    assert "the database takes no writes now" in ended.stderr.splitlines()[-1]


def _nobody_waits(seconds: float) -> None:
    raise AssertionError(f"waited {seconds} s for a database that takes no writes")


@pytest.mark.parametrize("waits", [True, False])
def test_only_who_waits_for_writes_tries_again(read_only: Database, waits: bool) -> None:
    tried = 0

    def work(opened: psycopg.Connection) -> None:
        nonlocal tried
        tried += 1
        opened.execute("set default_transaction_read_only = on" if tried < 3 else "select 1")
        opened.execute("create table here ()" if tried < 3 else "select 1")

    database = replace(read_only, waits_for_writes=waits)
    with RetryingConnection(database, DatabaseRole.LOGIN, application="test") as connection:
        if waits:
            connection.run("writing", work)
        else:
            with pytest.raises(DatabaseUnavailable, match="takes no writes now"):
                connection.run("writing", work)
    assert tried == (3 if waits else 1)


def test_patience_begins_anew_with_each_success() -> None:
    now = 0.0
    ending = patience.Patience(has_end=True, clock=lambda: now)
    assert not ending.is_lost()
    now += patience.SECONDS / 2
    ending.restore()
    now += patience.SECONDS / 2
    assert not ending.is_lost()
    now += patience.SECONDS
    assert ending.is_lost()


def test_a_service_is_never_out_of_patience() -> None:
    now = 0.0
    service = patience.Patience(has_end=False, clock=lambda: now)
    assert not service.is_lost()
    now += 1_000 * patience.SECONDS
    assert not service.is_lost()


def test_a_read_only_session_is_not_taken_for_a_busy_one(read_only: Database, temple: Typed) -> None:
    ended = temple("trigger", "enable")
    assert ended.code == 4, ended.stderr
    assert "the database takes no writes now" in ended.stderr
