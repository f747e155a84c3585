"""What is wrong with effects is seen: by the doctor, and in the metrics."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from temple_ledger import Ledger
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.observability.doctor.projections import check_effects
from temple_ledger.infrastructure.observability.metrics.feed import feed
from temple_ledger.infrastructure.observability.metrics.outbox import outbox
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.outgoing import outgoing, outgoing_troubles
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


def troubles(database: Database) -> list[tuple[str, str]]:
    with snapshot(database) as connection:
        return [(each.what, each.next) for each in outgoing_troubles(outgoing(connection))]


def older(database: Database, table: str, column: str, hours: int) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(f"update {table} set {column} = {column} - interval '{hours} hours'".encode())


def test_status_names_what_waits_for_long_and_what_failed(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(young("ada", 1, 1), young("bob", 1, 1))
    ledger.catch_up()
    assert troubles(database) == []
    older(database, "effect_outbox", "created_at", 2)
    assert troubles(database) == [
        ("2 messages of effects not delivered yet, the oldest for 2 hours", "temple effects run")
    ]
    with database.connect(DatabaseRole.DELIVER) as connection:
        assert hold_sink(connection, "log", uuid4(), 30)
    assert [todo for _, todo in troubles(database)] == ["temple effects list"]
    ledger.given(young("ada", 1, 13))
    ledger.catch_up()
    assert ("1 message of effects failed or parked", "temple effects list") in troubles(database)


def test_a_consumer_that_does_not_read_is_named_and_measured(database: Database, ledger: LedgerScenario) -> None:
    with (
        Ledger(database.dsn, projections=[warnings], catalogue=ledger.catalogue) as program,
        program.changes("effective", consumer="shop", follow=False) as read,
    ):
        list(read)
    ledger.given(young("ada", 1, 1))
    ledger.catch_up()
    assert measured(database)["ledger_feed_oldest_timestamp_seconds"] == pytest.approx(
        datetime.now(UTC).timestamp(), abs=60
    )
    assert troubles(database) == []
    older(database, "feed_change", "recorded_at", 3)
    assert troubles(database) == [
        ("consumer shop of effective has not read what waits for 3 hours", "temple feed list")
    ]
    hours_ago = datetime.now(UTC) - timedelta(hours=3)
    assert measured(database)["ledger_feed_oldest_timestamp_seconds"] == pytest.approx(hours_ago.timestamp(), abs=60)
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("update feed_consumer set state = 'behind'")
    assert measured(database)["ledger_feed_behind"] == 1
    assert troubles(database) == [
        ("consumer shop of effective was away for too long, and has to begin anew", "temple feed list")
    ]


def measured(database: Database) -> dict[str, float]:
    with database.connect(DatabaseRole.READ) as connection:
        return {sample.name: sample.value for metric in feed(connection) for sample in metric.samples}
