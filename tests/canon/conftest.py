from collections.abc import Iterator
from itertools import count

import psycopg
import pytest
from psycopg import sql

from infrastructure.database.connection import Database
from infrastructure.postgres.server import EmbeddedServer

_numbers = count(1)


@pytest.fixture
def databases(server: EmbeddedServer, template: str, database: Database) -> Iterator[tuple[Database, Database]]:
    """Two empty, migrated ledgers: one for the trigger, one for the runner."""
    name = f"canon_{next(_numbers)}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template {}").format(*map(sql.Identifier, (name, template))))
        yield database, Database(server.dsn(name))
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
