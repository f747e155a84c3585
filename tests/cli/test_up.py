"""`temple up` takes a machine from nothing to a ledger that follows its log, and `temple down` ends it."""

import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.embedded_postgres.place import removed
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.terminal.running import announce_running, running_processes
from tests.cli.conftest import ROOT, Typed

Spawn = Callable[..., "subprocess.Popen[str]"]
SMALL = ("--demo", "--members", "30", "--events", "400")


def until(stream: IO[str] | None, beginning: str, *, within: bool = False) -> list[str]:
    """The lines up to the one that begins so, or has it *within*: it has to come."""
    assert stream is not None
    lines: list[str] = []
    for line in stream:
        lines.append(line.rstrip("\n"))
        if beginning in line if within else line.startswith(beginning):
            return lines
    raise AssertionError(f"no line begins with {beginning!r}: {lines}")


def events(database: Database) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select count(*) from webhook_audit_log").fetchone()
        assert row is not None
        return int(row[0])


def test_a_demo_is_imported_folded_and_ready(temple: Typed, database: Database) -> None:
    ended = temple("up", *SMALL, "--exit-when-ready")
    assert ended.code == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0] == "database    the one of TEMPLE_DATABASE_URL"
    assert lines[1] == "migrations  up to date"
    assert lines[2].startswith("demo        400 lines of 30 members imported in ")
    assert lines[3].startswith(f"folded      {events(database)} events in ")
    assert lines[-1] == "ready: everything is folded"
    assert temple("verify", "--full").code == 0


def test_the_readme_shows_what_it_prints(spawn: Spawn, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    up = spawn("up", "--demo", TEMPLE_METRICS_PORT=str(port))
    printed = until(up.stdout, "ready")
    shown = (ROOT / "README.md").read_text().partition("The first one prints:\n\n```\n")[2].partition("\n```")[0]
    # the database is another one, ports and rates differ, and the command is ./temple in a checkout
    given, readme = plain(printed)[1:], plain(shown.splitlines())[1:]
    places = [number for number, line in enumerate(given) if line.startswith("console ")]
    assert places == [number for number, line in enumerate(readme) if line.startswith("console ")]
    for place in places:
        # here it is not started: the database is given, and the logins of the console are not
        assert "TEMPLE_WEB_DATABASE_URL" in given.pop(place)
        assert "/sign-in/" in readme.pop(place)
    assert given == readme


def plain(lines: Sequence[str]) -> list[str]:
    """Without what differs from machine to machine."""
    without_rates = [re.sub(r"[\d,.]+ (s|events/s)(?=[:,]|$)|:\d{2,}(?=/)", "1 s", line) for line in lines]
    # where there is no psql, its line is that of `db shell`
    return [re.sub(r"^  (psql|(./)?temple db shell).*|(./)?temple ", "temple ", line) for line in without_rates]


def test_what_it_suggests_can_be_typed_as_it_is(temple: Typed) -> None:
    ended = temple("up", *SMALL, "--exit-when-ready")
    suggested = [line.split() for line in ended.stdout.splitlines() if line.lstrip(" ./").startswith("temple ")]
    assert [words[1] for words in suggested][:5] == ["status", "member", "member", "role", "verify"]
    for line in ended.stdout.splitlines():
        words = line.split(maxsplit=1)
        if words and words[0].endswith("temple"):
            arguments = [each.strip("'") for each in words[1].split(" ", 2)]
            if arguments[:2] != ["db", "shell"]:
                assert temple(*arguments).code == 0, line


def test_a_log_that_has_events_is_kept_and_gets_no_demo(temple: Typed, database: Database) -> None:
    temple("up", *SMALL, "--exit-when-ready")
    before = events(database)
    ended = temple("up", "--demo", "--seed", "9", "--exit-when-ready")
    assert ended.code == 0
    assert "they are kept, and nothing is added" in ended.stdout
    assert events(database) == before


def test_without_demo_nothing_is_imported(temple: Typed, database: Database) -> None:
    assert temple("up", "--exit-when-ready").code == 0
    assert events(database) == 0
    ended = temple("up", "--events", "5")
    assert ended.code == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_0_once_it_was_ready(spawn: Spawn, number: signal.Signals) -> None:
    up = spawn("up")
    until(up.stdout, "ready")
    up.send_signal(number)
    said, logged = up.communicate(timeout=60)
    assert up.returncode == 0, logged
    assert said.startswith("ended; 0 events")
    assert "Traceback" not in logged


def test_events_that_come_later_are_folded_and_counted(spawn: Spawn, temple: Typed, tmp_path: Path) -> None:
    up = spawn("up")
    until(up.stdout, "ready")
    file = tmp_path / "demo.jsonl"
    temple("demo", "--members", "20", "--events", "200", "-o", str(file))
    assert temple("events", "import", str(file)).code == 0
    for projection in ("members", "activity"):
        assert temple("projection", "wait", projection, "--timeout", "30").code == 0
    assert temple("status", "--json").data["running"] == [f"temple up (process {up.pid})"]
    up.terminate()
    said, _ = up.communicate(timeout=60)
    assert not said.startswith("ended; 0 events")
    assert temple("verify", "--full").code == 0


def test_a_second_one_says_who_leads_and_takes_over_when_it_ends(
    spawn: Spawn, temple: Typed, database: Database
) -> None:
    first = spawn("up")
    until(first.stdout, "ready")
    second = spawn("up")
    until(second.stdout, "ready")
    until(second.stderr, "another runner leads ", within=True)
    first.terminate()
    assert first.wait(60) == 0
    until(second.stderr, '{"projection"')
    leaders = {each["leader"] for each in temple("status", "--json").data["projections"]}
    assert any(leader and leader.endswith(f"process {second.pid}") for leader in leaders)
    second.terminate()
    assert second.wait(60) == 0


def test_down_ends_what_runs_and_stops_no_server_that_is_not_ours(spawn: Spawn, temple: Typed) -> None:
    up = spawn("up")
    until(up.stdout, "ready")
    ended = temple("down")
    assert ended.code == 0
    assert f"ended temple up (process {up.pid})" in ended.stdout
    assert "not ours to stop" in ended.stdout
    assert up.wait(60) == 0
    again = temple("down")
    assert again.code == 0
    assert "ended" not in again.stdout


def test_what_was_killed_is_not_taken_for_running(spawn: Spawn, temple: Typed, home: Path) -> None:
    up = spawn("up")
    until(up.stdout, "ready")
    up.kill()
    up.wait(60)
    assert running_processes(home) == []
    assert list((home / "running").iterdir()) == []


def test_who_runs_does_not_see_itself_and_goes_when_it_ends(home: Path) -> None:
    with announce_running(home, "run"):
        assert running_processes(home) == []
        assert home.stat().st_mode & 0o077 == 0
    assert list((home / "running").iterdir()) == []


def test_a_state_directory_that_can_not_be_written_stops_nobody(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.touch()
    with announce_running(file / "home", "run"):
        assert running_processes(file / "home") == []


@pytest.fixture
def machine() -> Iterator[dict[str, str]]:
    """A state directory without anything in it, where the account of the embedded server can get to."""
    home = Path(tempfile.mkdtemp(prefix="temple-up-"))
    try:
        yield {"TEMPLE_HOME": str(home), "TEMPLE_DATABASE_URL": ""}
    finally:
        EmbeddedServer(home).stop("immediate")
        removed(home)
        shutil.rmtree(home)


def test_the_embedded_database_from_nothing_to_ready_and_to_nothing_left_running(
    spawn: Spawn, temple: Typed, machine: dict[str, str]
) -> None:
    server = EmbeddedServer(Path(machine["TEMPLE_HOME"]))
    up = spawn("up", *SMALL, **machine)
    lines = until(up.stdout, "ready")
    assert lines[0].startswith("database    embedded, made and started: ")
    assert lines[1] == "migrations  up to date"
    assert server.running()
    # while somebody else is connected, it goes on, and names who
    dsn = temple("db", "url", **machine).stdout.strip()
    with psycopg.connect(dsn, application_name="a neighbour"):
        up.terminate()
        (goes_on,) = (line for line in up.communicate(timeout=60)[0].splitlines() if "goes on" in line)
        assert "others use it (" in goes_on
        assert "a neighbour" in goes_on
        assert server.running()
    down = temple("down", **machine)
    assert (down.code, down.stdout) == (0, f"stopped the embedded database in {server.state_dir}\n")
    assert not server.running()
    assert temple("down", **machine).stdout == "the embedded database was stopped already\n"

    again = spawn("up", "--exit-when-ready", **machine)
    said, logged = again.communicate(timeout=60)
    assert again.returncode == 0, logged
    assert "embedded, started: " in said
    assert said.endswith("stopped the embedded database\n")
    assert server.pid() is None

    # those that only look start nothing
    for looking in (["status"], ["doctor"], ["db", "status"], ["db", "url"], ["config", "show"]):
        temple(*looking, **machine)
        assert not server.running(), looking
    assert "is stopped; run: temple db start" in temple("status", **machine).stderr

    # every other command that needs it starts it again
    assert temple("member", "list", **machine).code == 0
    assert server.running()
    assert temple("db", "stop", **machine).code == 0
    assert temple("db", "status", "--json", **machine).data["state"] == "stopped"


def test_down_where_there_is_nothing_says_so(temple: Typed, home: Path) -> None:
    ended = temple("down", TEMPLE_DATABASE_URL=None)
    assert ended.code == 0
    assert ended.stdout == f"no embedded database in {home} yet\n"
    assert not home.exists()


def test_interrupted_on_its_way_it_keeps_whole_lines_and_says_how_to_get_the_rest(
    spawn: Spawn, temple: Typed, database: Database
) -> None:
    up = spawn("up", "--demo", "--members", "1000", "--events", "300000")
    until(up.stdout, "migrations")
    with database.connect(DatabaseRole.READ) as connection:
        while connection.execute("select exists (select from webhook_audit_log)").fetchone() == (False,):
            connection.execute("select pg_sleep(0.02)")
    up.send_signal(signal.SIGINT)
    said, logged = up.communicate(timeout=60)
    assert up.returncode == 130, logged
    rest = re.search(r"the rest comes with: temple (demo .*) \| temple events import -", said)
    assert rest is not None, said
    assert 0 < events(database) < 280_000
    lines = temple(*rest[1].split()).stdout.splitlines(keepends=True)
    again = temple("events", "import", "-", stdin="".join(lines[:2_000]))
    assert again.code == 0, again.stderr
    assert "2,000 duplicates, 0 rejected, 0 conflicts" in again.stdout
    assert temple("run", "--until-caught-up").code == 0


def test_a_server_that_takes_no_writes_for_a_while_is_waited_for(spawn: Spawn, database: Database) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        name = connection.info.dbname
        connection.execute(f'alter database "{name}" set default_transaction_read_only = on'.encode())
        up = spawn("up", "--exit-when-ready")
        assert "the database takes no writes now" in until(up.stderr, "cannot migrate yet: ")[-1]
        connection.execute("set default_transaction_read_only = off")
        connection.execute(f'alter database "{name}" reset default_transaction_read_only'.encode())
        said, logged = up.communicate(timeout=60)
    assert up.returncode == 0, logged
    assert said.endswith("ready: everything is folded\n")


def test_a_runner_waits_for_a_server_that_takes_no_writes_for_a_while(spawn: Spawn, database: Database) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        name = connection.info.dbname
        connection.execute(f'alter database "{name}" set default_transaction_read_only = on'.encode())
        run = spawn("run", "--until-caught-up", TEMPLE_LOG_LEVEL="warning")
        until(run.stderr, "{")
        connection.execute("set default_transaction_read_only = off")
        connection.execute(f'alter database "{name}" reset default_transaction_read_only'.encode())
        _, logged = run.communicate(timeout=60)
    assert run.returncode == 0, logged
