"""Any sequence of steps: after each, the tables are the fold and the oracle's, positions agree, and the seals hold."""

from collections.abc import Callable, Iterator
from itertools import count

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.database.whole_databases import create_database, drop_database
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from tests.model.ledger_machine import PROJECTIONS, LedgerMachine
from tests.thorough import THOROUGH, examples
from tests.versions.standing import first, second

HISTORIES = 8
"""The same ones in each run; far more, and others, when the tests are thorough."""
STEPS = 30
TEMPLATE = "model_template"


@pytest.fixture(scope="module")
def made(server: EmbeddedServer) -> Iterator[Callable[[], Database]]:
    """An empty ledger that carries a projection in two versions, a new one for each history."""
    numbers = count(1)
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        create_database(admin, TEMPLATE)
        template = Database(server.dsn(TEMPLATE))
        bring_up_to_date(template, PROJECTIONS)
        for version in (first, second):
            rebuild(template, version, catalogue=CATALOGUE, by="ada")

        def make() -> Database:
            name = f"model_{next(numbers)}"
            create_database(admin, name, template=TEMPLATE)
            return Database(server.dsn(name), name)

        yield make
        drop_database(admin, TEMPLATE)


def test_what_holds_of_a_ledger_holds_after_any_steps(made: Callable[[], Database], server: EmbeddedServer) -> None:
    def drop(database: Database) -> None:
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            drop_database(admin, database.name)

    class Ledger(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(made, drop)

    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=examples(HISTORIES),
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not THOROUGH,
            # a history takes a second, and shrinking one some minutes: that is for whoever looks for the cause
            phases=list(Phase) if THOROUGH else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
