"""A place for an archive, and a second ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.testing.copies import Copies


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def other(server: EmbeddedServer, copies: Copies) -> Iterator[Database]:
    """Another ledger, without events."""
    name = copies.take()
    yield Database(server.dsn(name), "the other ledger")
    copies.drop(name)
