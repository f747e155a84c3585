"""Every command of README, docs and runbooks is typed: on a demo of its own for each page, in the order of the page.

What is not typed here is in NOT_TYPED, with the reason. Ids and positions of the pages are those of the demo.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

import cli
from infrastructure.database.connection import Database, Role
from infrastructure.postgres.server import EmbeddedServer
from tests.copies import Copies
from tests.deploy.documented import ROOT, Shown, documents, shown_in
from tests.reading.facts import unfoldable

MEMBER: Final = "1141786282152368982"
PARKED: Final = 9453

NOT_TYPED: Final[Mapping[str, str]] = {
    r"temple (up|run|receive|discord listen|run PROJECTION)": "goes on until it is ended: tests/cli, tests/receiving",
    r"temple up --demo.*": "goes on until it is ended: tests/cli/test_up.py",
    r"temple test.*": "that is what runs",
    r"temple bench.*": "takes minutes: ./temple bench --quick by hand",
    r"temple (ARGS|events import)": "no command, but the name of one, or the form of all",
    r"temple replay grants": "about a projection that the page shows how to write: tests/examples",
    r"temple (discord|patreon) snapshot.*": "asks Discord and Patreon, who are not here: tests of those rooms",
    r"temple events tail.*": "goes on until it is ended: tests/cli/test_events_reading.py",
    r"(systemctl|journalctl|useradd|install) .*": "changes or asks the machine, not the ledger",
    r"docker compose .*": "there is no Docker daemon",
    r"curl .*127\.0\.0\.1:(9464|8080)/.*": "asks a process that goes on: tests/monitoring, tests/receiving",
    r"temple db (start|stop)": "about the embedded server, not the one of the tests: tests/cli/test_db.py",
}

STANDS_FOR: Final[Mapping[str, str]] = {
    "ID": MEMBER,
    "ROLE": "Chronicler",
    "T": "2024-06-01",
    "A": "2024-01-01",
    "B": "2024-06-01",
    "DIR": "written",
    "FILE": "history.jsonl",
    "…": "because",
}
"""What a reader puts in the place of a word."""

ENDS_HERE: Final[Mapping[str, tuple[int, str]]] = {
    "temple doctor": (3, "fail  durability: fsync off"),
}
"""What ends otherwise on the throw-away server of the tests, and what it then says."""

LINE: Final = (
    '{"timestamp": "2026-03-01T18:04:11+00:00", "event_type": "discord_role_change", "action": "added", '
    '"user_id": "500000000000000001", "target": "400000000000000002", "source": "discord", "metadata": {}}\n'
)


@pytest.fixture(scope="module")
def demo(server: EmbeddedServer, copies: Copies) -> Iterator[str]:
    """A database with the demo that `temple up --demo` makes, and one parked event behind it."""
    name = copies.take()
    database = Database(server.dsn(name))
    environment = {"TEMPLE_DATABASE_URL": database.dsn, "TEMPLE_METRICS_PORT": "0"}
    up = CliRunner().invoke(cli.temple, ["up", "--demo", "--exit-when-ready"], env=environment)
    assert up.exit_code == 0, up.output
    assert unfoldable(database, MEMBER, "2026-11-01T00:00:00+00:00") == PARKED
    assert CliRunner().invoke(cli.temple, ["run", "--until-caught-up"], env=environment).exit_code == 0
    yield name
    copies.drop(name)


@pytest.fixture
def page(
    server: EmbeddedServer, demo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """The environment of one page: a copy of the demo, a folder as the checkout looks, the programs of PostgreSQL."""
    name = f"page_{os.getpid()}_{abs(hash(tmp_path)) % 10**9}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template {}").format(*map(sql.Identifier, (name, demo))))
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    (tmp_path / "history.jsonl").write_text(LINE)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "temple").write_text(f'#!/bin/sh\nexec {sys.executable} -m cli "$@"\n')
    (programs / "temple").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    yield {
        "TEMPLE_DATABASE_URL": server.dsn(name),
        "TEMPLE_HOME": str(tmp_path / "home"),
        "TEMPLE_METRICS_PORT": "0",
        "PYTHONPATH": str(ROOT),
        "PATH": f"{programs}:{server.client_binary('psql').parent}:{os.environ['PATH']}",
    }
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        for each in (name, "restored"):
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(each)))
        admin.execute("drop role if exists temple_grafana")


def reason_not_to_type(shown: Shown) -> str | None:
    for pattern, reason in NOT_TYPED.items():
        if re.fullmatch(pattern, shown.text):
            return reason
    program = shown.text.split()[0]
    if program in ("promtool", "amtool") and shutil.which(program) is None:
        return f"there is no {program} here"
    return None


@pytest.mark.parametrize("file", documents(), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_command_of_a_page_ends_as_the_page_says(file: Path, page: dict[str, str]) -> None:
    for shown in shown_in(file):
        if reason_not_to_type(shown) is None:
            code, said = typed(shown, page)
            wanted, says = ENDS_HERE.get(shown.text, (shown.code, ""))
            assert code == wanted, f"{shown}\nended with {code}\n{said}"
            assert says in said
            assert "Traceback" not in said, shown


def test_a_command_that_does_not_work_is_noticed(page: dict[str, str]) -> None:
    assert typed(Shown("", 0, "temple member shwo 1"), page)[0] == 2
    assert typed(Shown("", 0, "false | true && pg_dump --no-such"), page)[0] != 0


def test_no_reason_is_left_over() -> None:
    every = [shown for file in documents() for shown in shown_in(file)]
    unused = [pattern for pattern in NOT_TYPED if not any(re.fullmatch(pattern, shown.text) for shown in every)]
    assert [each for each in unused if not each.startswith(("temple events tail", "temple (discord|patreon)"))] == []


def test_after_an_erasure_no_table_holds_the_person(page: dict[str, str], server: EmbeddedServer) -> None:
    for shown in shown_in(ROOT / "docs" / "runbooks" / "erasing-a-person.md"):
        if reason_not_to_type(shown) is None:
            typed(shown, page)
    with Database(page["TEMPLE_DATABASE_URL"]).connect(Role.LOGIN) as connection:
        tables = [name for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'public'")]
        assert "webhook_audit_log" in tables
        for table in tables:
            whole = sql.SQL("select count(*) from {} as whole where whole::text like {}").format(
                sql.Identifier(table), sql.Literal(f"%{MEMBER}%")
            )
            assert connection.execute(whole).fetchone() == (0,), table


def typed(shown: Shown, environment: Mapping[str, str]) -> tuple[int, str]:
    if re.search(r"[|&$<>]|^(?!temple )", shown.text):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", shown.text],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr
    arguments = [STANDS_FOR.get(word, word) for word in shlex.split(re.sub(r"[\[\]]", "", shown.text))[1:]]
    if arguments[:2] == ["db", "shell"]:
        # psql takes the place of this process
        return typed(Shown(shown.file, shown.line, f": | {shlex.join(['temple', *arguments])}"), environment)
    done_here = CliRunner().invoke(cli.temple, arguments, env=dict(environment))
    return done_here.exit_code, done_here.output + (repr(done_here.exception) if done_here.exception else "")
