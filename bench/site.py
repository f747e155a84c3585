"""Where benchmarks run: a throw-away server that keeps its promises (fsync on), databases and files on it."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.embedded_postgres.scratch import scratch_server
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.embedded_postgres.settings import DURABLE

EMPTY: Final = "bench_empty"
MAINTENANCE: Final = "postgres"
RELOAD_SECONDS: Final = 10


@dataclass
class Site:
    """One server, stopped and removed afterwards, also by the next run if this one is killed."""

    server: EmbeddedServer
    folder: Path
    say: Callable[[str], None]
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def dsn(self, name: str) -> str:
        return self.server.dsn(name)

    @contextmanager
    def copy(self, template: str = EMPTY) -> Iterator[str]:
        """The DSN of a new copy of a database; nothing of the copying is left to be written to disk."""
        name = f"bench_{next(self._numbers)}"
        self._copy(template, name)
        self._settle()
        try:
            yield self.dsn(name)
        finally:
            self.drop(name)

    @contextmanager
    def bare(self) -> Iterator[str]:
        """The DSN of a new database without anything of ours."""
        with self.copy("template1") as dsn:
            yield dsn

    def template(self, name: str, of: str, fill: Callable[[str], None]) -> str:
        """A database to copy from, made once: *fill* is given its DSN."""
        if not self._exists(name):
            self._copy(of, name)
            fill(self.dsn(name))
        return name

    def drop(self, name: str) -> None:
        self._administer(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def psql(self, dsn: str, *commands: str) -> str:
        """What psql prints for these commands. Raises CalledProcessError."""
        arguments = [argument for command in commands for argument in ("-c", command)]
        program = self.server.client_binary("psql")
        done = subprocess.run(
            [program, "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", dsn, *arguments],
            env=self.server.psql_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            self.say(done.stderr)
            done.check_returncode()
        return done.stdout

    def transactions(self, dsn: str) -> int:
        """Committed and rolled back in that database so far, asked from another one so as not to count itself."""
        with psycopg.connect(self.dsn(MAINTENANCE), autocommit=True) as connection:
            row = connection.execute(
                "select xact_commit + xact_rollback from pg_stat_database where datname = %s",
                (psycopg.conninfo.conninfo_to_dict(dsn)["dbname"],),
            ).fetchone()
        assert row is not None
        return int(row[0])

    def _copy(self, template: str, name: str) -> None:
        self._administer(
            # by files: through the write-ahead log it would fill the disk's queue for longer than it takes
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )

    def _settle(self) -> None:
        self._administer(sql.SQL("checkpoint").format())

    def _exists(self, name: str) -> bool:
        with psycopg.connect(self.dsn(MAINTENANCE), autocommit=True) as connection:
            found = connection.execute("select from pg_database where datname = %s", (name,))
            return found.fetchone() is not None

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.dsn(MAINTENANCE), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def open_site(directory: Path, say: Callable[[str], None]) -> Iterator[Site]:
    say(f"starting a throw-away server below {directory}, fsync on")
    with scratch_server(directory) as server:
        _make_durable(server)
        folder = server.state_dir / "bench"
        folder.mkdir()
        site = Site(server, folder, say)
        site.template(EMPTY, "template1", lambda dsn: _discard(bring_up_to_date(Database(dsn))))
        yield site


def rows(dsn: str, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """As superuser, and outside of what is measured."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query.encode(), values).fetchall()


def tidy(dsn: str) -> None:
    """What autovacuum does within a minute of a load."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum (analyze)")


def _make_durable(server: EmbeddedServer) -> None:
    """Scratch servers are made for tests and forgetful; these three settings are all that differs."""
    with psycopg.connect(server.dsn(MAINTENANCE), autocommit=True) as connection:
        for name, value in DURABLE.items():
            connection.execute(sql.SQL("alter system set {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        connection.execute("select pg_reload_conf()")
    deadline = time.monotonic() + RELOAD_SECONDS
    while not _is_durable(server):
        if time.monotonic() > deadline:
            raise RuntimeError("the server did not take its settings")
        time.sleep(0.05)


def _is_durable(server: EmbeddedServer) -> bool:
    wanted = list(DURABLE.items())
    found = rows(
        server.dsn(MAINTENANCE),
        "select name, setting from pg_settings where name = any(%s)",
        ([name for name, _ in wanted],),
    )
    return sorted(found) == sorted(wanted)


def _discard(_: object) -> None:
    pass
