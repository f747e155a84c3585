"""What is wrong with effects is seen: by the doctor, and in the metrics."""

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.observability.doctor.projections import check_effects
from temple_ledger.infrastructure.observability.metrics.outbox import outbox
from temple_ledger.infrastructure.read_models.feed.outbox import hold_sink, record_attempts, waiting
from temple_ledger.infrastructure.read_models.feed.sink import Attempt
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from tests.effects.builders import warnings, young


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=(warnings,))


def test_an_effect_that_is_declared_and_not_installed_is_named(database: Database, ledger: LedgerScenario) -> None:
    assert list(check_effects(database, [warnings])) == []
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("delete from effect where name = 'every_change'")
    (check,) = check_effects(database, [warnings])
    assert (check.check, check.advice) == ("effect every_change", "run: temple db migrate")


def test_a_sink_that_accepts_nothing_and_a_function_that_raised_are_named(
    database: Database, ledger: LedgerScenario
) -> None:
    from uuid import uuid4

    ledger.given(young("ada", 1, 13), young("bob", 1, 1))
    ledger.catch_up()
    with database.connect(DatabaseRole.DELIVER) as connection:
        assert hold_sink(connection, "log", uuid4(), 30)
        record_attempts(connection, "log", [Attempt(each, "no") for each in waiting(connection, "log", 1)])
        found = {
            (sample.name, sample.labels["sink"]): sample.value
            for metric in outbox(connection)
            for sample in metric.samples
        }
    assert (found["ledger_effects_waiting", "log"], found["ledger_effects_trouble", ""]) == (2, 1)
    failed, sink = check_effects(database, [warnings])
    assert failed.found == "1 message failed or parked"
    assert sink.check == "sink log"
    assert sink.found.endswith(": no")
