"""Many ledgers looked after together: each by itself, and none in the way of another."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.observability.metrics.exposing import exposed
from temple_ledger.infrastructure.processes import unfinished_replays
from temple_ledger.infrastructure.processes.fleet.carry import CarriedLedger
from temple_ledger.infrastructure.processes.fleet.file import read_fleet
from temple_ledger.infrastructure.processes.fleet.ledger_thread import end_all
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession
from temple_ledger.infrastructure.processes.fleet.metrics import fleet_registry, metrics_of
from temple_ledger.infrastructure.read_models.rebuild import by_lanes
from temple_ledger.infrastructure.read_models.rebuild.apply import Limit
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined
from tests.cli.conftest import ROOT, Ended
from tests.deploy.rehearsing import Rehearsal
from tests.fleet.conftest import NAMES, NOWHERE, Server, Write
from tests.killed import run_killed
from tests.monitoring.scraping import Scrape
from tests.queries.builders import altered
from tests.tools import needs

Typed = Callable[..., Ended]

PASSWORD: Final = "planted-password"


@pytest.mark.parametrize(
    ("dsns", "above", "sentence"),
    [
        ({}, "ledger = []", "it lists no ledger"),
        ({"a": "postgresql://x@h/one", "b": "postgresql://y@h:5432/one"}, "", "two ledgers are in the database one"),
        ({"Übel": "postgresql://x@h/one"}, "", "a ledger's name has lower-case letters"),
        ({"a": f"postgresql://x:{PASSWORD}%zz@h/one"}, "", "it cannot be read; write postgresql://"),
        ({"a": "postgresql://x@h/one"}, "server = 1", "Extra inputs are not permitted"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_without_its_secrets(
    write: Write, dsns: dict[str, str], above: str, sentence: str
) -> None:
    with pytest.raises(SettingsInvalid, match=sentence) as refused:
        read_fleet(write(dsns, above))
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(write: Write, fleet: Typed, mode: int) -> None:
    write({"a": "postgresql://x@h/one"}, mode=mode)
    ended = fleet("status")
    assert (ended.code, ended.stdout) == (5, "")
    assert f"its mode is {mode:04o}; run: chmod 600" in ended.stderr


def test_a_secret_of_the_process_is_no_ledgers(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEMPLE_PATREON_SECRETS", "that-of-the-process-0123")
    own = '[ledger.settings]\npatreon_secrets = "that-of-the-ledger-0123"'
    found = read_fleet(write({"a": "postgresql://x@h/one", "b": "postgresql://x@h/two"}, a=own))
    process = Session({"home": tmp_path}, load_settings)
    secrets = [LedgerSession(process, each).settings.of(PatreonSettings).patreon_secrets for each in found.ledger]
    assert [[each.secret.get_secret_value() for each in found.get("main", [])] for found in secrets] == [
        ["that-of-the-ledger-0123"],
        [],
    ]


@pytest.mark.parametrize(
    ("own", "sentence"),
    [("patreon_secret = 'x'", "no source has a setting 'patreon_secret'"), ("patreon_secrets = 'short'", "ledger a: ")],
)
def test_a_setting_that_no_source_has_so_is_refused(write: Write, fleet: Typed, own: str, sentence: str) -> None:
    write({"a": "postgresql://x@h/one"}, a=f"[ledger.settings]\n{own}")
    ended = fleet("status")
    assert (ended.code, ended.stdout) == (2, "")
    assert sentence in ended.stderr


def test_every_ledger_is_migrated_though_one_is_down(write: Write, server: Server, fleet: Typed) -> None:
    owners = {name: server.cluster.dsn(database=name) for name in NAMES}
    write({"oracle": owners["oracle"], "away": NOWHERE, "seer": owners["seer"]})
    ended = fleet("migrate")
    assert ended.code == 4
    assert ended.stdout.splitlines() == ["oracle: up to date", "seer: up to date"]
    assert "away: cannot reach the database of ledger away" in ended.stderr


def test_every_ledger_has_a_line_in_the_status(write: Write, server: Server, fleet: Typed) -> None:
    """One that is down, and one whose database is another guild's, are named; the others are shown."""
    with psycopg.connect(server.cluster.dsn(database="tavern"), autocommit=True) as connection:
        connection.execute("insert into ledger_guild (guild_id, since) values ('42', now()) on conflict do nothing")
    write(
        {"oracle": server.dsn("oracle"), "away": NOWHERE, "tavern": server.dsn("tavern")},
        tavern='guild = "7"',
    )
    found = {each["ledger"]: each for each in fleet("status", "--json").data}
    assert {name: each["state"] for name, each in found.items()} == {
        "oracle": "trouble",
        "away": "away",
        "tavern": "not read",
    }
    assert found["oracle"]["trouble"] == "no runner is at work: temple fleet run"
    assert "is the ledger of guild 42, and the file says 7" in found["tavern"]["error"]
    assert fleet("status", "nobody").code == 1


def test_what_to_do_about_a_ledger_that_is_behind_is_said_of_the_fleet(
    write: Write, server: Server, fleet: Typed
) -> None:
    server.cluster.execute("create database empty")
    server.append("oracle", "ada")
    write({"oracle": server.dsn("oracle"), "empty": server.cluster.dsn(database="empty")}, empty='guild = "9"')
    try:
        found = {each["ledger"]: each["trouble"] for each in fleet("status", "--json").data}
    finally:
        server.cluster.execute("drop database empty")
    assert found["oracle"].startswith("no runner is at work; ")
    assert found["oracle"].endswith(" to fold: temple fleet run")
    assert found["empty"] == "the database of ledger empty has no tables yet; run: temple fleet migrate empty"


def test_a_ledger_that_differs_is_found_among_those_that_agree(file: Path, server: Server, fleet: Typed) -> None:
    assert fleet("verify", "oracle", "seer").code == 0
    with server.owner("seer").connect(DatabaseRole.PROJECT) as connection:
        connection.execute("insert into temple_member_status (user_id, status) values ('nobody', 'active')")
    try:
        ended = fleet("verify", "--json")
        assert ended.code == 3
        assert {each["ledger"] for each in ended.data if each["found"] != "agrees"} == {"seer"}
        assert {each["ledger"] for each in ended.data} == set(NAMES)
    finally:
        with server.owner("seer").connect(DatabaseRole.PROJECT) as connection:
            connection.execute("delete from temple_member_status where user_id = 'nobody'")


def test_on_a_shared_server_a_database_that_everybody_may_connect_to_is_named(
    write: Write, server: Server, fleet: Typed
) -> None:
    """The sentence has the SQL, after which the next ledger's login is refused, as is shown."""
    shared = f'shared_servers = ["{server.cluster.sockets}"]'
    write({name: server.dsn(name) for name in NAMES}, shared)

    def found() -> dict[tuple[str, str], tuple[str, str | None]]:
        checks = fleet("doctor", "--json").data
        return {(each["ledger"], each["check"]): (each["outcome"], each["advice"]) for each in checks}

    before = found()
    assert {before[name, "connect"][0] for name in NAMES} == {"fail"} == {before[name, "logins"][0] for name in NAMES}
    for name in NAMES:
        advice = before[name, "connect"][1]
        assert advice is not None
        server.cluster.execute(*advice.partition("run: ")[2].split("; "), database=name)
    after = found()
    assert {after[name, "connect"][0] for name in NAMES} == {"ok"} == {after[name, "logins"][0] for name in NAMES}
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(server.cluster.dsn("seer_login", "oracle"))
    server.cluster.execute(*(f"grant connect on database {name} to public" for name in NAMES))


@dataclass
class Carried:
    port: int
    ledgers: Sequence[CarriedLedger]

    def page(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as answer:
            return str(answer.read().decode())

    def figure(self, name: str, ledger: str) -> float | None:
        """Of the only series of that name and ledger."""
        found = re.search(rf'^{name}{{ledger="{ledger}"}} (.+)$', self.page(), re.MULTILINE)
        return None if found is None else float(found[1])


@contextmanager
def carried(file: Path, home: Path) -> Iterator[Carried]:
    """The ledgers of the file, folded while the block lasts, and one page of metrics for them."""
    process = Session({"home": home, "metrics_port": 0}, load_settings)
    sessions = [LedgerSession(process, each) for each in read_fleet(file).ledger]
    metrics = metrics_of(sessions)
    ledgers = [CarriedLedger(each, metrics[each.name]) for each in sessions]
    registry, collector = fleet_registry(metrics)
    with exposed(registry, "127.0.0.1", 0) as port:
        for each in ledgers:
            each.begin()
        try:
            yield Carried(port, ledgers)
        finally:
            assert end_all(ledgers) == []
            collector.close()


def until(reached: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Waits, and fails when the time is over."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline


def test_ledgers_are_folded_in_one_process_while_one_of_them_is_down(
    write: Write, server: Server, tmp_path: Path
) -> None:
    """Each with two connections at most, also while its metrics are asked for; all on one page."""
    file = write({"oracle": server.dsn("oracle"), "away": NOWHERE, "seer": server.dsn("seer")})
    with carried(file, tmp_path) as found:
        for user in ("ada", "bob"):
            server.append("oracle", f"{user} of oracle")
            server.append("seer", f"{user} of seer")
            until(lambda user=user: f"{user} of oracle" in server.members("oracle"))  # type: ignore[misc]
            until(lambda user=user: f"{user} of seer" in server.members("seer"))  # type: ignore[misc]
        assert not {each for each in server.members("seer") if each.endswith("oracle")}
        until(lambda: found.figure("ledger_metrics_complete", "oracle") == 1.0)
        page = found.page()
        up = {name: found.figure("ledger_fleet_ledger_up", name) for name in ("oracle", "away", "seer")}
        assert up == {"oracle": 1.0, "away": 0.0, "seer": 1.0}
        assert 'ledger_events_folded_total{ledger="seer",projection="members"}' in page
        assert page.count("# TYPE ledger_events_folded_total ") == 1
        with psycopg.connect(server.cluster.dsn(), autocommit=True) as connection:
            counted = connection.execute(
                "select datname, count(*) from pg_stat_activity where usename like '%\\_login' group by datname"
            ).fetchall()
        assert dict(counted) == {"oracle": 2, "seer": 2}


def killed_at_lane(database: Database, lane: int) -> bool:
    """Whether a replay of `members` of this ledger was killed when so many lanes were in place."""

    def kill(lanes: int) -> None:
        if lanes == lane:
            os.kill(os.getpid(), signal.SIGKILL)

    def replay() -> None:
        with Rebuild(database, members, catalogue=CATALOGUE) as rebuild:
            rebuild.fold()
            rebuild.apply(rebuild.compare(), by="ada", limit=Limit(None), in_place=kill)

    return run_killed(replay, at=10_000, moment="after")


def test_a_replay_of_one_ledger_that_was_killed_between_two_lanes_goes_on(
    file: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are folded meanwhile, and each has its two connections still."""
    monkeypatch.setattr(by_lanes, "MOST_AT_ONCE", 0)
    monkeypatch.setattr(unfinished_replays, "EVERY_SECONDS", 0.05)
    owner = server.owner("seer")
    ledger = LedgerScenario(owner)
    ledger.given(*(joined(f"m{number:02}", at(1)) for number in range(12)))
    ledger.catch_up()
    altered(owner, "update temple_member_status set patreon_tier = 'Forged'")
    assert killed_at_lane(owner, 7)

    def lanes_in_place() -> int | None:
        with owner.connect(DatabaseRole.READ) as connection:
            row = connection.execute(
                "select lanes_in_place from projection_checkpoint where projection = 'members'"
            ).fetchone()
        assert row is not None
        return None if row[0] is None else int(row[0])

    assert lanes_in_place() == 7
    with carried(file, tmp_path):
        until(lambda: lanes_in_place() is None)
        server.append("oracle", "meanwhile")
        until(lambda: "meanwhile" in server.members("oracle"))
    ledger.then_verified()


def test_a_ledger_that_comes_back_is_folded_again(file: Path, server: Server, tmp_path: Path) -> None:
    server.cluster.execute("alter role tavern_login nologin")
    with carried(file, tmp_path) as found:
        server.append("seer", "while tavern is away")
        until(lambda: "while tavern is away" in server.members("seer"))
        server.append("tavern", "waits")
        assert found.figure("ledger_fleet_ledger_up", "tavern") == 0.0
        assert "waits" not in server.members("tavern")
        server.cluster.execute("alter role tavern_login login")
        until(lambda: "waits" in server.members("tavern"))
        # and again after its connections were ended under it
        server.cluster.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'tavern_login'")
        server.append("tavern", "comes after")
        until(lambda: "comes after" in server.members("tavern"))


@needs("promtool")
def test_the_alert_for_a_ledger_that_is_not_folded_fires_until_its_runbook_was_followed(
    file: Path, server: Server, tmp_path: Path, fleet: Typed
) -> None:
    rehearsal = Rehearsal()
    with carried(file, tmp_path) as found:

        def goes_on(up: float) -> None:
            until(lambda: found.figure("ledger_fleet_ledger_up", "tavern") == up)
            until(lambda: found.figure("ledger_fleet_ledger_up", "seer") == 1.0)
            rehearsal.goes_on_with(Scrape(found.page()), alive=())

        goes_on(1.0)
        server.cluster.execute(
            "alter role tavern_login nologin",
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'tavern_login'",
        )
        goes_on(0.0)
        assert fleet("doctor", "tavern").code == 3
        server.cluster.execute("alter role tavern_login login")
        goes_on(1.0)
        assert fleet("doctor", "tavern").code == 0
    assert rehearsal.firing("FleetLedgerDown", tmp_path) == [False, True, False]


def test_a_database_that_is_another_guilds_ledger_is_not_folded(write: Write, server: Server, tmp_path: Path) -> None:
    with psycopg.connect(server.cluster.dsn(database="tavern"), autocommit=True) as connection:
        connection.execute("insert into ledger_guild (guild_id, since) values ('42', now()) on conflict do nothing")
    file = write({"tavern": server.dsn("tavern"), "seer": server.dsn("seer")}, tavern='guild = "7"')
    server.append("tavern", "of another guild")
    with carried(file, tmp_path):
        server.append("seer", "of the right one")
        until(lambda: "of the right one" in server.members("seer"))
    assert "of another guild" not in server.members("tavern")


def test_the_command_ends_when_it_is_asked_to(file: Path, server: Server, tmp_path: Path) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "temple_ledger.cli", "fleet", "run", "--file", str(file), "--metrics-port", "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TEMPLE_HOME": str(tmp_path / "home")},
        stderr=subprocess.PIPE,
        text=True,
    )
    server.append("oracle", "of the command")
    until(lambda: "of the command" in server.members("oracle"))
    command.terminate()
    _, stderr = command.communicate(timeout=60)
    assert command.returncode == 0, stderr
