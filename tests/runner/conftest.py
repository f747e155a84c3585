import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import Ledger


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)
