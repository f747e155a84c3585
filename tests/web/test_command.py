"""`temple web` and `temple web link`, and the console that `temple up` starts beside everything else."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.console_logins import ACTIONS, READER, SIGN_IN, as_login, make_console_logins
from temple_ledger.infrastructure.embedded_postgres.place import removed
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.processes.console_child import environment_of_console
from temple_ledger.infrastructure.settings import load_settings
from tests.cli.conftest import Typed, environment, home, spawn, temple
from tests.cli.test_up import until
from tests.web.conftest import Visitor
from tests.web.test_sign_in import token_of

__all__ = ["environment", "home", "spawn", "temple"]

ROOT = Path(__file__).parents[2]
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def logins(database: Database) -> dict[str, str]:
    make_console_logins(database)
    return {
        "TEMPLE_WEB_DATABASE_URL": as_login(database, READER).dsn,
        "TEMPLE_WEB_SIGN_IN_DATABASE_URL": as_login(database, SIGN_IN).dsn,
        "TEMPLE_WEB_ACTIONS_DATABASE_URL": as_login(database, ACTIONS).dsn,
    }


def test_a_server_of_ones_own_needs_the_two_logins(temple: Typed, logins: dict[str, str]) -> None:
    for given in ({}, {"TEMPLE_WEB_DATABASE_URL": logins["TEMPLE_WEB_DATABASE_URL"]}):
        for verb in (("web",), ("web", "link")):
            ended = temple(*verb, **given)
            assert (ended.code, ended.stdout) == (5, "")
            assert "set TEMPLE_WEB_DATABASE_URL and TEMPLE_WEB_SIGN_IN_DATABASE_URL" in ended.stderr


def test_a_login_that_may_do_more_is_refused(temple: Typed, logins: dict[str, str], database: Database) -> None:
    ended = temple("web", "--port", "0", **{**logins, "TEMPLE_WEB_DATABASE_URL": database.dsn})
    assert ended.code == 5
    assert "the console does not start: its login temple is a superuser" in ended.stderr


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_it_listens_for_this_machine_alone(temple: Typed, logins: dict[str, str], host: str) -> None:
    ended = temple("web", TEMPLE_WEB_HOST=host, **logins)
    assert ended.code == 5
    assert f"the console does not listen on {host}" in ended.stderr
    assert "TEMPLE_WEB_URL" in ended.stderr
    named = temple("web", TEMPLE_WEB_HOST=host, TEMPLE_WEB_URL="https://console.example.org", **logins)
    assert named.code == 5
    assert "TEMPLE_WEB_PROXIES" in named.stderr


def test_half_a_way_to_sign_in_is_a_setting_that_cannot_be(temple: Typed, logins: dict[str, str]) -> None:
    for half, missing in (
        ({"TEMPLE_DISCORD_CLIENT_ID": "1"}, "TEMPLE_DISCORD_CLIENT_SECRET"),
        ({"TEMPLE_DISCORD_CONSOLE_OPERATE": "1,2"}, "TEMPLE_DISCORD_CLIENT_ID"),
        ({"TEMPLE_WEB_PROXY_SECRET": "x"}, "TEMPLE_WEB_PROXIES"),
    ):
        ended = temple("web", "--port", "0", **half, **logins)
        assert ended.code == 2
        assert missing in ended.stderr
    assert temple("web", TEMPLE_DISCORD_CONSOLE_READ="@helpers", **logins).code == 2


@pytest.mark.parametrize("url", ["http://console.example.org", "https://console.example.org/path", "console"])
def test_an_address_that_is_no_host_by_tls_is_a_usage_error(temple: Typed, logins: dict[str, str], url: str) -> None:
    assert temple("web", TEMPLE_WEB_URL=url, **logins).code == 2


def test_off_a_terminal_a_link_is_in_a_file_of_ones_own(temple: Typed, logins: dict[str, str], home: Path) -> None:
    ended = temple("web", "link", **logins)
    file = home / "console-link"
    assert (ended.code, ended.stdout) == (0, f"{file}\n")
    assert file.read_text().startswith("http://127.0.0.1:8420/sign-in/")
    assert file.stat().st_mode & 0o777 == 0o600
    other = home / "other"
    other.write_text("")
    other.chmod(0o644)
    ended = temple("web", "link", "-o", str(other), TEMPLE_WEB_URL="https://console.example.org", **logins)
    assert ended.stdout == f"{other}\n"
    assert other.read_text().startswith("https://console.example.org/sign-in/")
    assert other.stat().st_mode & 0o777 == 0o600


def test_it_serves_until_a_signal_and_leaves_nothing(spawn: Spawn, logins: dict[str, str], home: Path) -> None:
    process = spawn("web", "--port", "0", **logins)
    [*_, line] = until(process.stdout, "console ")
    port = urlsplit(line.split()[1]).port
    assert port is not None
    assert Visitor(port).get("/healthz").status == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    with pytest.raises(ConnectionRefusedError):
        Visitor(port).get("/healthz")


def test_one_that_was_started_beside_others_ends_without_a_word(
    environment: dict[str, str], logins: dict[str, str]
) -> None:
    door = socket.create_server(("127.0.0.1", 0))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "temple_ledger.cli", "web", "--socket", str(door.fileno())],
        env={**os.environ, **environment, **logins, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[door.fileno()],
        text=True,
    )
    until(process.stdout, "ready")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    with process:
        assert process.stderr is not None
        assert "Fatal Python error" not in process.stderr.read()
    door.close()


def test_actions_are_carried_out_by_a_second_process_that_ends_with_the_first(
    spawn: Spawn, logins: dict[str, str], temple: Typed, database: Database, home: Path
) -> None:
    process = spawn("web", "--port", "0", "--allow-actions", **logins)
    [*_, line] = until(process.stdout, "console ")
    port = urlsplit(line.split()[1]).port
    assert port is not None
    visitor = Visitor(port)
    temple("web", "link", **logins)
    assert visitor.post(urlsplit((home / "console-link").read_text().strip()).path).status == 303
    fields = {"token": token_of(visitor.get("/")), "projection": "members", "reason": "to look"}
    done = visitor.post("/actions/pause", fields)
    while "refresh" in (page := visitor.follow(done)).headers:
        continue
    assert "members is paused" in page.words
    assert actions_at_work(database) == 0
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute("select kind, login, reason from ledger_operation").fetchall()
    assert found == [("pause", "temple_console_actions", "to look")]


def actions_at_work(database: Database) -> int:
    """Connections of the login for actions that are in a transaction."""
    with database.connect(DatabaseRole.LOGIN) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where usename = 'temple_console_actions' and state <> 'idle'"
            " and datname = current_database()"
        ).fetchone()
    return 0 if row is None else int(row[0])


def test_the_login_for_actions_is_needed_and_may_do_no_more(
    temple: Typed, logins: dict[str, str], database: Database
) -> None:
    without = {name: value for name, value in logins.items() if "ACTIONS" not in name}
    missing = temple("web", "--port", "0", "--allow-actions", **without)
    assert (missing.code, "set TEMPLE_WEB_ACTIONS_DATABASE_URL" in missing.stderr) == (5, True)
    wider = temple("web", "--allow-actions", **{**logins, "TEMPLE_WEB_ACTIONS_DATABASE_URL": database.dsn})
    assert (wider.code, "its login temple is a superuser" in wider.stderr) == (5, True)


def test_the_console_beside_everything_gets_no_secret_but_its_own() -> None:
    given = {
        "PATH": "/bin",
        "TEMPLE_DISCORD_TOKEN": "a",
        "temple_patreon_token": "b",
        "TEMPLE_DATABASE_URL": "c",
        "TEMPLE_METRICS_TOKEN": "d",
        "TEMPLE_WEB_DATABASE_URL": "e",
        "TEMPLE_WEB_SIGN_IN_DATABASE_URL": "f",
        "TEMPLE_TIER_ROLES": "g",
        "TEMPLE_DISCORD_CLIENT_SECRET": "h",
        "TEMPLE_PATREON_CLIENT_SECRET": "i",
        "TEMPLE_WEB_PROXY_SECRET": "j",
    }
    found = environment_of_console(load_settings({}), given)
    assert {name for name, value in found.items() if len(value) == 1} == {
        *("TEMPLE_WEB_DATABASE_URL", "TEMPLE_WEB_SIGN_IN_DATABASE_URL", "TEMPLE_TIER_ROLES"),
        *("TEMPLE_DISCORD_CLIENT_SECRET", "TEMPLE_WEB_PROXY_SECRET"),
    }


@pytest.fixture
def up(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """On an embedded database of its own, which does not outlive the test."""
    home = tmp_path / "embedded"
    taken = {"TEMPLE_DATABASE_URL", "TEMPLE_HOME"}
    environment = {name: value for name, value in os.environ.items() if name not in taken}
    process = subprocess.Popen(
        [sys.executable, "-m", "temple_ledger.cli", "up", "--demo", "--members", "30", "--events", "400"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT), "TEMPLE_HOME": str(home), "TEMPLE_METRICS_PORT": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()
    EmbeddedServer(home).stop("immediate")
    removed(home)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_up_starts_it_first_of_all_and_it_ends_with_it_however_that_ends(
    up: "subprocess.Popen[str]", tmp_path: Path, how: signal.Signals
) -> None:
    printed = until(up.stdout, "ready")
    [place] = [number for number, line in enumerate(printed) if line.startswith("console ")]
    assert place < next(number for number, line in enumerate(printed) if line.startswith("demo "))
    link = urlsplit((tmp_path / "embedded" / "console-link").read_text().strip())
    assert link.port is not None
    visitor = Visitor(link.port)
    assert visitor.post(link.path).status == 303
    page = visitor.get("/")
    assert (page.status, "Last changes" in page.words) == (200, True)
    up.send_signal(how)
    up.wait(60)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask_until_it_is_gone(visitor)


def ask_until_it_is_gone(visitor: Visitor) -> None:
    """A connection that says nothing is closed with the server, or after a while."""
    while True:
        visitor.get("/healthz")
        connection = http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=60)
        connection.connect()
        connection.sock.recv(1)
        connection.close()
