"""Servers of every major version that there are programs for, with logins that are no superusers."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from temple_ledger.infrastructure.embedded_postgres.account import our_account
from temple_ledger.infrastructure.embedded_postgres.programs import FOLDERS, installed_wheel, within_reach
from temple_ledger.infrastructure.embedded_postgres.scratch import in_memory

MAJORS: Final = (15, 16, 17, 18)
INSTALLED_BY_CI: Final = (15, 16, 18)
MORE_PROGRAMS: Final = "LEDGER_TEST_POSTGRES"
"""Folders of programs for versions that neither the machine nor the wheel has, separated by colons."""

PORT: Final = 5432
SETTINGS: Final = ("listen_addresses=", "fsync=off", "max_connections=60", f"port={PORT}")


@dataclass(frozen=True)
class Cluster:
    sockets: Path
    programs: Path

    def dsn(self, login: str = "super", database: str = "postgres") -> str:
        return f"postgresql://{quote(login)}@/{quote(database)}?host={quote(str(self.sockets))}&port={PORT}"

    def execute(self, *statements: str, login: str = "super", database: str = "postgres") -> None:
        with psycopg.connect(self.dsn(login, database), autocommit=True) as connection:
            for each in statements:
                connection.execute(each.encode())

    def own_database(self, login: str, database: str, rights: str = "createrole") -> str:
        """The DSN of a login that owns a new database and is no superuser."""
        names = {"login": sql.Identifier(login), "database": sql.Identifier(database), "rights": sql.SQL(rights)}
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("create role {login} login {rights}").format(**names))
            connection.execute(sql.SQL("create database {database} owner {login}").format(**names))
        return self.dsn(login, database)


def programs(major: int) -> Path | None:
    """The machine's, the wheel's, or those of LEDGER_TEST_POSTGRES."""
    more = [Path(folder) for folder in os.environ.get(MORE_PROGRAMS, "").split(":") if folder]
    for folder in (Path(f"/usr/lib/postgresql/{major}/bin"), *more):
        if (folder / "initdb").exists() and f") {major}." in _version(folder):
            return folder
    return installed_wheel().programs(major) if major in FOLDERS else None


def _version(folder: Path) -> str:
    return our_account().run([folder / "postgres", "--version"], seconds=10).stdout


@contextmanager
def cluster(major: int) -> Iterator[Cluster]:
    """Gone when the block ends."""
    account, found = our_account(), programs(major)
    assert found is not None
    home = _home()
    if found == (installed_wheel().programs(major) if major in FOLDERS else None):
        found = within_reach(installed_wheel(), major, account, home / "programs")
    made: list[str | Path] = [
        found / "initdb",
        "-U",
        "super",
        "--encoding=UTF8",
        "--locale=C",
        "--auth=trust",
        "--no-sync",
    ]
    with _started(home, found, made, SETTINGS) as running:
        yield running


@contextmanager
def standby_of(primary: Cluster, *settings: str) -> Iterator[Cluster]:
    """A standby that streams from *primary*, with these settings besides; gone when the block ends."""
    copied: list[str | Path] = [
        *(primary.programs / "pg_basebackup", "-h", primary.sockets, "-p", str(PORT), "-U", "super"),
        *("--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync"),
    ]
    with _started(_home(), primary.programs, copied, (*SETTINGS, *settings)) as running:
        yield running


def _home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="temple-cluster-", dir=in_memory()))
    our_account().own(home)
    return home


@contextmanager
def _started(home: Path, found: Path, make: list[str | Path], settings: Sequence[str]) -> Iterator[Cluster]:
    account, data = our_account(), home / "data"
    options = " ".join(f"-c {each}" for each in (*settings, f"unix_socket_directories={home}"))
    steps: tuple[list[str | Path], ...] = (
        [*make, "-D", data],
        [found / "pg_ctl", "start", "-w", "-D", data, "-l", home / "log", "-o", options],
    )
    try:
        for step in steps:
            done = account.run(step, seconds=60)
            assert done.returncode == 0, done.stdout + done.stderr
        yield Cluster(home, found)
    finally:
        account.run([found / "pg_ctl", "stop", "-m", "immediate", "-D", data], seconds=60)
        shutil.rmtree(home)
