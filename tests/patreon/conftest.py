"""What the tests of Patreon share."""

from collections.abc import Iterator

import pytest

from infrastructure.database.connection import Database
from tests.patreon.feed import Feed


@pytest.fixture
def feed(database: Database) -> Iterator[Feed]:
    """Nobody looks again: only later bodies settle what is doubted."""
    fed = Feed(database)
    yield fed
    fed.close()


@pytest.fixture
def asking(database: Database) -> Iterator[Feed]:
    """Somebody looks again at what is doubted."""
    fed = Feed(database, asks=True)
    yield fed
    fed.close()
