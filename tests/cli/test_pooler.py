"""Behind pgbouncer a role that is set stays with another session: every command says so at once, and does nothing."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.migrations import migrate
from temple_ledger.infrastructure.embedded_postgres.account import our_account
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from tests.cli.conftest import Typed

PROGRAM = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
STARTED_SECONDS = 60.0

CONFIGURATION = """
[databases]
* = host={sockets} port=5432 user=temple
[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
listen_port = 6432
auth_type = any
pool_mode = {mode}
{more}
"""


def pooled(server: EmbeddedServer, database: Database, mode: str, more: str) -> Iterator[str]:
    if not Path(PROGRAM).exists():
        assert not os.environ.get("CI"), "no pgbouncer"
        pytest.skip("there is no pgbouncer here")
    account = our_account()
    folder = Path(tempfile.mkdtemp(prefix="temple-pooler-"))
    account.own(folder)
    file = folder / "pgbouncer.ini"
    file.write_text(CONFIGURATION.format(sockets=server.socket_dir, folder=folder, mode=mode, more=more))
    with subprocess.Popen(
        [PROGRAM, "-q", file],
        user=None if account.is_ours else account.uid,
        group=None if account.is_ours else account.gid,
        extra_groups=None if account.is_ours else [],
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _await(folder / ".s.PGSQL.6432")
            name = psycopg.conninfo.conninfo_to_dict(database.dsn)["dbname"]
            yield f"postgresql://temple@/{name}?host={folder}&port=6432"
        finally:
            process.terminate()
    shutil.rmtree(folder)


def _await(address: Path) -> None:
    deadline = time.monotonic() + STARTED_SECONDS
    while not _answers(address):
        assert time.monotonic() < deadline


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as tried:
        return tried.connect_ex(str(address)) == 0


MODES = {
    "as it comes": ("transaction", ""),
    "told to ignore options": ("transaction", "ignore_startup_parameters = options"),
    "a session each": ("session", "ignore_startup_parameters = options"),
}


@pytest.fixture(params=MODES)
def dsn(request: pytest.FixtureRequest, server: EmbeddedServer, database: Database) -> Iterator[str]:
    yield from pooled(server, database, *MODES[request.param])


def test_no_connection_is_used_whatever_its_role(dsn: str) -> None:
    for role in DatabaseRole:
        with pytest.raises(Refused, match="there is a pooler in between"):
            Database(dsn).connect(role)
    with pytest.raises(Refused, match="there is a pooler in between"):
        migrate(Database(dsn))


@pytest.mark.parametrize("command", [["status"], ["db", "migrate"], ["run", "--until-caught-up"], ["member", "list"]])
def test_a_command_says_so_at_once(temple: Typed, dsn: str, command: list[str]) -> None:
    ended = temple(*command, TEMPLE_DATABASE_URL=dsn)
    assert ended.code == 5
    assert "there is a pooler in between (such as pgbouncer)" in ended.stderr
    assert "connect to PostgreSQL itself" in ended.stderr


def test_doctor_says_so(temple: Typed, dsn: str) -> None:
    ended = temple("doctor", TEMPLE_DATABASE_URL=dsn)
    assert ended.code == 3
    assert "there is a pooler in between (such as pgbouncer)" in ended.stdout
