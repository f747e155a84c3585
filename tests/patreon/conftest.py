"""What the tests of Patreon share."""

from collections.abc import Iterator

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.testing.copies import Copies
from tests.fakes.patreon import FakePatreon, fake_patreon
from tests.patreon.emptying import empty
from tests.patreon.feed import Feed


@pytest.fixture(scope="module")
def shared(server: EmbeddedServer, copies: Copies) -> Iterator[Database]:
    name = copies.take()
    yield Database(server.dsn(name))
    copies.drop(name)


@pytest.fixture
def database(shared: Database) -> Database:
    """An empty ledger, of this test alone for as long as it runs."""
    empty(shared)
    return shared


@pytest.fixture(scope="module")
def patreon_server() -> Iterator[FakePatreon]:
    with fake_patreon() as fake:
        yield fake


@pytest.fixture
def patreon(patreon_server: FakePatreon) -> FakePatreon:
    """A Patreon without members and without oddities."""
    patreon_server.forget()
    return patreon_server


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
