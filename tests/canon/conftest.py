from collections.abc import Iterator

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.testing.copies import Copies


@pytest.fixture
def databases(server: EmbeddedServer, copies: Copies, database: Database) -> Iterator[tuple[Database, Database]]:
    """Two empty, migrated ledgers: one for the trigger, one for the runner."""
    name = copies.take()
    yield database, Database(server.dsn(name))
    copies.drop(name)
