from collections.abc import Callable, Sequence
from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from tests.versions.standing import first, second

Rows = Sequence[tuple[Any, ...]]


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    """Version 1 alone, with some history folded."""
    ledger = LedgerScenario(database, projections=[first])
    ledger.given(joined("ada"), role_added("ada", "Oracle", at(1)), role_added("ada", "Seeker", at(2)))
    ledger.given(joined("bob"), role_added("bob", "Oracle", at(1)), left("bob", at(3)))
    ledger.catch_up()
    return ledger


@pytest.fixture
def beside(ledger: LedgerScenario) -> LedgerScenario:
    """Version 2 beside it, filled."""
    bring_up_to_date(ledger.database, [first, second])
    rebuild(ledger.database, second, catalogue=CATALOGUE, by="ada")
    return LedgerScenario(ledger.database, projections=[first, second], migrated=True)


@pytest.fixture
def query(database: Database) -> Callable[..., Rows]:
    def ask(text: str, role: DatabaseRole = DatabaseRole.READ) -> Rows:
        with database.connect(role) as connection:
            found = connection.execute(text.encode())
            return found.fetchall() if found.description else []

    return ask


def run(database: Database, *projections: Projection) -> None:
    with Wakeup(database) as wakeup:
        Runner(database, projections, wakeup, catalogue=CATALOGUE).run(until_caught_up=True)


def all_agree(database: Database, *projections: Projection) -> bool:
    found = [verify(database, each, catalogue=CATALOGUE) for each in projections]
    return all(each.ok and each.unverified is None for each in found)
