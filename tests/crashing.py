"""A server for tests that crash it: it writes its WAL by itself only once in ten seconds, so that something is lost."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from temple_ledger.infrastructure.embedded_postgres.scratch import in_memory, scratch_server
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer


def begin_page_of_wal(server: EmbeddedServer) -> None:
    """A page that is full is written at once, with the commits on it. What follows is less than one."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("select pg_switch_wal()")


@contextmanager
def crashing_server() -> Iterator[EmbeddedServer]:
    """With a database `crashing`, which is empty."""
    with scratch_server(in_memory()) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            admin.execute("create database crashing")
            admin.execute("alter system set wal_writer_delay = '10s'")
            # the tests' servers wait for no disk at all
            admin.execute("alter system set synchronous_commit = on")
            admin.execute("select pg_reload_conf()")
        yield server
