"""Every command of README, docs and runbooks is typed: on a demo of its own for each page, in the order of the page.

What is not typed here is in NOT_TYPED, with the reason. Ids and positions of the pages are those of the demo.
A sentence may only name a command: then it is enough that there is one. What only reads is typed on the first page that
has it.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from temple_ledger import cli
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.whole_databases import create_database
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.testing.copies import Copies
from tests.deploy.documented import ROOT, Shown, documents, shown_in
from tests.queries.builders import altered, unfoldable
from tests.tools import PACKAGES, in_ci, missing

MEMBER: Final = "1141786282152368982"
PARKED: Final = 9453
DELIVERY: Final = "1"
USAGE: Final = 2

NOT_TYPED: Final[Mapping[str, str]] = {
    r"temple (up|run|receive|discord listen|run PROJECTION)": "goes on until it is ended: tests/cli, tests/webhooks",
    r"temple run --lanes .*": "goes on until it is ended: tests/lanes",
    r"temple up --allow-actions": "goes on until it is ended: tests/web/test_actions.py",
    r"temple operate (run|refuse) .*": "about a request of a console: tests/cli/test_operate.py",
    r"temple operate watch": "goes on until it is ended: tests/cli/test_operate.py",
    r"temple web( --allow-actions)?": "goes on until it is ended: tests/web/test_command.py",
    r"temple web link": "needs the logins of the console: tests/web/test_command.py",
    r"temple fleet (run|receive)": "goes on until it is ended: tests/fleet",
    r"temple fleet .*": "about a file of ledgers that the page shows: tests/fleet",
    r"temple effects run": "goes on until it is ended: tests/effects",
    r"temple effects (skip|retry) .*": "about a message that is in no outbox here: tests/effects",
    r"temple feed forget PROJECTION CONSUMER": "about a program that reads the feed: tests/feed",
    r"temple replay --archive ….*": "about an archive: tests/engines",
    r"temple seal run": "goes on until it is ended: tests/cli/test_seal.py",
    r"temple up --demo.*": "goes on until it is ended: tests/cli/test_up.py",
    r"temple test.*": "that is what runs",
    r"temple bench.*": "takes minutes: ./temple bench --quick by hand",
    r"temple extra .*": "installs packages: tests/test_bootstrap.py",
    r"temple chaos.*": "storms a ledger of its own for minutes: tests/chaos",
    r"temple ARGS": "no command, but the form of all",
    r"temple reconcile --pushgateway .*": "tells a Pushgateway: tests/cli/test_reconcile.py",
    r"temple inbox translate forum": "about an adapter that the page shows how to write: tests/examples",
    r"temple member erase --again .*": "about a list of the operator's own: tests/cli/test_member_erase.py",
    r"temple .*\bmoderation\b.*": "about a projection that the page shows how to write: tests/examples",
    r"temple .*\bstanding\b.*": "about a projection in two versions: tests/cli/test_projection_versions.py",
    r"temple (discord|patreon) (snapshot|webhooks|backfill).*": "asks who is not here: tests of those rooms",
    r"temple --home /srv/restored .*": "makes a ledger on the machine: tests/archive/test_restoring.py",
    r"temple events tail.*": "goes on until it is ended: tests/cli/test_events_reading.py",
    r"(systemctl|systemd-analyze|journalctl) .*": "changes or asks the machine, not the ledger",
    r"(useradd|install|cp|apt-get|ln|python3 -m venv|runuser|sh) .*": "changes the machine: test_deploying.py",
    r"nano .*": "an editor: tests/deploy/test_tutorial.py",
    r"/opt/temple-ledger/bin/pip .*": "installs: tests/deploy/test_deploying.py",
    r'TEMPLE_DATABASE_URL="\$\(cat /etc/.*': "reads what root has written: tests/deploy/test_deploying.py",
    r"temple (discord|patreon) setup.*": "asks who is not here: tests/discord, tests/patreon",
    r"docker compose .*": "there is no Docker daemon",
    r"curl .*127\.0\.0\.1:(9464|8080)/.*": "asks a process that goes on: tests/monitoring, tests/webhooks",
    r"temple db (start|stop)": "about the embedded server, not the one of the tests: tests/cli/test_db.py",
}

TYPED_ELSEWHERE: Final = ("docs/first-projection.md", "docs/without-accounts.md")
"""Pages about something that is not here: tests/examples/test_first_projection.py, test_without_accounts.py."""

STANDS_FOR: Final[Mapping[str, str]] = {
    "ID": MEMBER,
    "ROLE": "Chronicler",
    "T": "2026-06-01",
    "A": "2026-01-01",
    "B": "2026-06-01",
    "DIR": "written",
    "URL": "https://ledger.our-community.org",
    "FILE": "history.jsonl",
    "…": "because",
}
"""What a reader puts in the place of a word."""

ENDS_HERE: Final[Mapping[str, tuple[int, str]]] = {
    "temple doctor": (3, "fail  durability: fsync off"),
    "temple patreon mismatches": (5, "no role is known for any tier"),
    "temple db restore FILE": (5, "has tables in it"),
}
"""What ends otherwise on the throw-away server of the tests, which knows no Patreon, and what it then says."""

FAULTS: Final[Mapping[str, str]] = {
    "ConsistencyDrift": f"update temple_member_status set total_roles_count = 99 where user_id = '{MEMBER}'",
    "LedgerTampered": "select seal_range(9999999); insert into skipped_position (projection, position, user_id, "
    "skipped_by, reason) values ('members', 7, 'x', 'eve', 'x')",
    "ProjectionStandsStill": "update projection_checkpoint set state = 'failed', "
    "reason = 'the database refused its rows (SQLSTATE 53100)' where projection = 'members'",
}
"""What is at fault on the demo before a page is typed; on all of them one event is parked."""

READS: Final = re.compile(
    r"temple (status|doctor|config show|projection (list|show|rows|history|explain).*|"
    r"operations list|failures list|inbox (list|sources).*|"
    r"verify (list|--full|--since-last)|seal (status|verify)|db status|"
    r"role .*|member (show|explain|history) .*|replay(?!.*--apply).*)"
)

LINE: Final = (
    '{"timestamp": "2026-03-01T18:04:11+00:00", "event_type": "discord_role_change", "action": "added", '
    '"user_id": "500000000000000001", "target": "400000000000000002", "source": "discord", "metadata": {}}\n'
)


@pytest.fixture(scope="module")
def demo(server: EmbeddedServer, copies: Copies) -> Iterator[str]:
    """A database with the demo that `temple up --demo` makes, one parked event behind it, and one delivery."""
    name = copies.take()
    database = Database(server.dsn(name))
    environment = {"TEMPLE_DATABASE_URL": database.dsn, "TEMPLE_METRICS_PORT": "0"}
    up = CliRunner().invoke(cli.temple, ["up", "--demo", "--exit-when-ready"], env=environment)
    assert up.exit_code == 0, up.output
    assert unfoldable(database, MEMBER, "2026-11-01T00:00:00+00:00") == PARKED
    assert CliRunner().invoke(cli.temple, ["run", "--until-caught-up"], env=environment).exit_code == 0
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        body = b"{}"
        store(connection, [Delivery("patreon", "members:update", body, digest_of(b"", body), datetime.now(UTC))])
    yield name
    copies.drop(name)


@pytest.fixture
def page(
    server: EmbeddedServer, demo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """The environment of one page: a copy of the demo, a folder as the checkout looks, the programs of PostgreSQL."""
    name = f"page_{os.getpid()}_{abs(hash(tmp_path)) % 10**9}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        create_database(admin, name, template=demo)
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


@pytest.fixture(scope="module")
def seen() -> set[str]:
    """What was typed on an earlier page, and ended as it should."""
    return set()


def reason_not_to_type(shown: Shown) -> str | None:
    for pattern, reason in NOT_TYPED.items():
        if re.fullmatch(pattern, shown.text):
            return reason
    program = shown.text.split()[0]
    # in CI it is typed all the same, and fails
    return missing(program) if program in PACKAGES and not in_ci() else None


@pytest.mark.parametrize(
    "file",
    [file for file in documents() if str(file.relative_to(ROOT)) not in TYPED_ELSEWHERE],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_every_command_of_a_page_ends_as_the_page_says(file: Path, page: dict[str, str], seen: set[str]) -> None:
    if file.stem in FAULTS:
        altered(Database(page["TEMPLE_DATABASE_URL"]), FAULTS[file.stem])
    for shown in shown_in(file):
        known = READS.fullmatch(shown.text) and not shown.says and shown.text in seen
        if reason_not_to_type(shown) is None and not known:
            code, said = typed(shown, page)
            if shown.inline and code == USAGE:
                code, said = typed(replace(shown, text=f"{shown.text} --help"), page)
            if code == shown.code:
                seen.add(shown.text)
            wanted, says = ENDS_HERE.get(shown.text, (shown.code, ""))
            assert code == wanted, f"{shown}\nended with {code}\n{said}"
            assert says in said
            assert shown.missing_in(said) == [], f"{shown}\n{said}"
            assert "Traceback" not in said, shown


def test_a_command_that_does_not_work_is_noticed(page: dict[str, str]) -> None:
    assert typed(Shown("", 0, "temple member shwo 1"), page)[0] == 2
    assert typed(Shown("", 0, "false | true && pg_dump --no-such"), page)[0] != 0


def test_what_a_command_does_not_say_is_noticed() -> None:
    shown = Shown("", 0, "", says=("members   running  9453", "12 members differ"))
    assert shown.missing_in("name\nmembers running 17\n") == ["12 members differ"]


def test_no_reason_is_left_over() -> None:
    every = [shown for file in documents() for shown in shown_in(file)]
    unused = [pattern for pattern in NOT_TYPED if not any(re.fullmatch(pattern, shown.text) for shown in every)]
    assert [each for each in unused if not each.startswith(("temple events tail", "temple (discord|patreon)"))] == []


def test_after_an_erasure_no_table_holds_the_person(page: dict[str, str], server: EmbeddedServer) -> None:
    for shown in shown_in(ROOT / "docs" / "privacy.md"):
        if reason_not_to_type(shown) is None:
            typed(shown, page)
    with Database(page["TEMPLE_DATABASE_URL"]).connect(DatabaseRole.LOGIN) as connection:
        tables = [name for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'public'")]
        assert "webhook_audit_log" in tables
        for table in tables:
            whole = sql.SQL("select count(*) from {} as whole where whole::text like {}").format(
                sql.Identifier(table), sql.Literal(f"%{MEMBER}%")
            )
            assert connection.execute(whole).fetchone() == (0,), table
        fires = "select tgenabled from pg_trigger where tgname = 'webhook_audit_log_is_append_only'"
        assert connection.execute(fires).fetchone() == ("A",)


def typed(shown: Shown, environment: Mapping[str, str]) -> tuple[int, str]:
    # of two ways to say it, the second
    shown = replace(shown, text=re.sub(r"\S+ \| (?=--)", "", shown.text))
    if re.search(r"[|&$<>]|^(?!temple )", shown.text):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", shown.text],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr
    arguments = shlex.split(re.sub(r"[\[\]]", "", shown.text))[1:]
    arguments = [
        DELIVERY if word == "ID" and arguments[0] == "inbox" else STANDS_FOR.get(word, word) for word in arguments
    ]
    if arguments[:2] == ["db", "shell"]:
        # psql takes the place of this process
        return typed(Shown(shown.file, shown.line, f": | {shlex.join(['temple', *arguments])}"), environment)
    done_here = CliRunner().invoke(cli.temple, arguments, env=dict(environment))
    return done_here.exit_code, done_here.output + (repr(done_here.exception) if done_here.exception else "")
