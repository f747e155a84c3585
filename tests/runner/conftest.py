import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import LedgerScenario


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database)
