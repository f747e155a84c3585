"""A real PostgreSQL for every test: one throw-away server a run, one migrated template, one copy of it a test."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.embedded_postgres.scratch import scratch_server
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.embedded_postgres.settings import SHARED_MEMORY
from tests.copies import Copies
from tests.tools import require

TEMPLATE = "temple_template"


class _OneImportName:
    """Refuses the short names, which the root of the checkout offers: each class would be there twice."""

    short = frozenset({"domain", "projections", "infrastructure", "sql", "deploy", "cli"})

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in self.short:
            raise ModuleNotFoundError(f"import temple_ledger.{name}, not {name}", name=name)


sys.meta_path.insert(0, _OneImportName())
# the ledger of the machine that the tests run on is none of theirs
os.environ["TEMPLE_CONFIG_FILE"] = ""
ENOUGH_BYTES: Final = 3 * 1024**3


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        require(*mark.args)


def in_memory() -> Path | None:
    """Where files are memory, and there is enough of it: a copy of the template for each test is mostly disk."""
    place = SHARED_MEMORY
    has_room = place.is_dir() and os.access(place, os.W_OK | os.X_OK) and shutil.disk_usage(place).free > ENOUGH_BYTES
    return place if has_room else None


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    # in the same folder each time, where the next run finds and removes what a killed one left
    with scratch_server(in_memory()) as running:
        yield running


@pytest.fixture(scope="session")
def template(server: EmbeddedServer) -> str:
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
    bring_up_to_date(Database(server.dsn(TEMPLATE)))
    return TEMPLATE


@pytest.fixture(scope="session")
def copies(server: EmbeddedServer, template: str) -> Iterator[Copies]:
    with Copies(server.dsn(), template) as made:
        yield made


@pytest.fixture
def database(server: EmbeddedServer, copies: Copies) -> Iterator[Database]:
    """An empty, migrated ledger of this test alone."""
    name = copies.take()
    yield Database(server.dsn(name))
    copies.drop(name)
