import pytest

from infrastructure.database.connection import Database
from infrastructure.testing.ledger import Ledger


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)
