"""A real PostgreSQL for every test: one throw-away server a run, one migrated template, one copy of it a test."""

from collections.abc import Iterator
from itertools import count

import psycopg
import pytest
from psycopg import sql

from infrastructure.database.connection import Database
from infrastructure.database.schema import bring_up_to_date
from infrastructure.postgres.scratch import scratch_server
from infrastructure.postgres.server import EmbeddedServer

TEMPLATE = "temple_template"
_numbers = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    # in its usual folder, where the next run finds and removes what a killed one left
    with scratch_server() as running:
        yield running


@pytest.fixture(scope="session")
def template(server: EmbeddedServer) -> str:
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
    bring_up_to_date(Database(server.dsn(TEMPLATE)))
    return TEMPLATE


@pytest.fixture
def database(server: EmbeddedServer, template: str) -> Iterator[Database]:
    """An empty, migrated ledger of this test alone."""
    name = f"ledger_{next(_numbers)}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template {}").format(*map(sql.Identifier, (name, template))))
        yield Database(server.dsn(name))
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
