"""What Prometheus is told: every name, right, cheap, and about nobody in particular."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from prometheus_client import CollectorRegistry

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.reader import Look
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.observability.metrics.event_totals import EventTotals
from temple_ledger.infrastructure.observability.metrics.kept import Cached
from temple_ledger.infrastructure.observability.metrics.labels import OTHER
from temple_ledger.infrastructure.observability.metrics.latency import BUCKETS, Latencies
from temple_ledger.infrastructure.observability.metrics.ledger import LedgerCollector
from temple_ledger.infrastructure.observability.metrics.receiver import ReceiverMetrics
from temple_ledger.infrastructure.observability.metrics.registry import new_registry
from temple_ledger.infrastructure.observability.metrics.roles import RoleCounts
from temple_ledger.infrastructure.observability.metrics.runner import RunnerMetrics
from temple_ledger.infrastructure.observability.metrics.statement_durations import timed_cursors
from temple_ledger.infrastructure.processes.readings import readings
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.trigger_mode import enable
from temple_ledger.infrastructure.read_models.verification.reconcile import reconcile
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Step
from temple_ledger.projections.testing.histories import at, joined, pledged, role_added
from tests.ending import result_of
from tests.monitoring.scraping import Scrape, scrape
from tests.queries.builders import altered, role_created, unfoldable
from tests.runner.test_runner import wait_until

MEASURED: Final = (members, activity)
NAMES = [(each.event_type, each.action) for each in CATALOGUE]
CANON = (
    "discord_user_role_count",
    "webhook_audit_events_total",
    "webhook_processing_duration_seconds_bucket",
    "ledger_consistency_errors_total",
    "ledger_consistency_check_failures",
    "webhook_audit_unprocessed_count",
    "ledger_sync_errors_total",
)
UNKNOWN_TYPE = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source)
    select gen_random_uuid(), now(), 'type ' || number, 'ada', 'action ' || number, 'elsewhere'
    from generate_series(1, 300) as number
"""


class Measured:
    """A runner's registry as `temple run` makes it, and a runner that is watched."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.registry = new_registry()
        latencies = Latencies(each.name for each in MEASURED)
        self.runner = RunnerMetrics(self.registry, [each.name for each in MEASURED], latencies)
        self.collector = LedgerCollector(database, readings(MEASURED, NAMES), latencies=latencies, deadline_seconds=20)
        self.registry.register(self.collector)
        self.timed = Database(database.dsn, cursors=timed_cursors(self.registry))

    def catch_up(self) -> None:
        with Wakeup(self.database) as wakeup:
            Runner(self.timed, MEASURED, wakeup, watcher=self.runner, catalogue=CATALOGUE).run(until_caught_up=True)

    def scrape(self) -> Scrape:
        return scrape(self.registry)


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(
        role_created("900000000000000001", "Oracle"),
        joined("100000000000000001", at(1)),
        role_added("100000000000000001", "900000000000000001", at(2)),
        pledged("patreon:7", "Gold", at(3)),
    )
    return found


@pytest.fixture
def measured(ledger: LedgerScenario) -> Iterator[Measured]:
    found = Measured(ledger.database)
    yield found
    found.collector.close()


def test_every_name_of_the_canon_is_there_after_a_verify(measured: Measured) -> None:
    measured.catch_up()
    reconcile(measured.database, [members, activity], catalogue=CATALOGUE, by="ada")
    said = measured.scrape()
    assert said("ledger_metrics_complete") == 1
    assert [name for name in CANON if name not in said.names()] == []


def test_the_figures_are_those_of_the_ledger(measured: Measured) -> None:
    measured.catch_up()
    said = measured.scrape()
    assert said("discord_user_role_count", role="Oracle") == 1
    assert said("webhook_audit_events_total", event_type="discord_join", action="joined") == 1
    assert said("ledger_members", status="active") == 1
    assert said("ledger_patrons_without_discord") == 1
    assert said("ledger_log_head_position") == said("ledger_position", projection="members") == 4
    assert said("webhook_audit_unprocessed_count") == 0
    assert said("ledger_events_folded_total", projection="activity") == 4
    assert said("webhook_processing_duration_seconds_count", projection="members") == 4
    assert said("ledger_projection_state", projection="members", state="running") == 1
    assert said("ledger_table_bytes", table="webhook_audit_log") is not None
    assert said("ledger_statement_duration_seconds_count", statement="checkpoint_advance") is not None


def test_before_anything_is_folded_all_of_it_is_unprocessed_and_ages(measured: Measured) -> None:
    said = measured.scrape()
    assert said("webhook_audit_unprocessed_count") == said("ledger_lag_events", projection="members") == 4
    assert (said("ledger_lag_seconds", projection="members") or 0) > 0
    assert said("ledger_sync_errors_total", projection="members", kind="parked") == 0


def test_no_label_says_who_it_is_about(measured: Measured) -> None:
    measured.catch_up()
    reconcile(measured.database, [members, activity], catalogue=CATALOGUE, by="ada")
    text = measured.scrape().text
    assert "100000000000000001" not in text
    assert "patreon:7" not in text


def test_ten_thousand_kinds_of_events_are_one_series_more(measured: Measured) -> None:
    altered_log(measured.database, UNKNOWN_TYPE)
    measured.catch_up()
    said = measured.scrape()
    assert said("webhook_audit_events_total", event_type=OTHER, action=OTHER) == 300
    assert len(said.of("webhook_audit_events_total")) == len(NAMES) + 1


def test_a_parked_member_is_an_error_and_has_an_age(measured: Measured) -> None:
    unfoldable(measured.database, "100000000000000001", at(5))
    before = time.time()
    measured.catch_up()
    said = measured.scrape()
    assert said("ledger_sync_errors_total", projection="members", kind="parked") == 1
    assert said("ledger_parked_members", projection="members") == 1
    assert before <= (said("ledger_parked_oldest_timestamp_seconds", projection="members") or 0) <= time.time()


def test_drift_is_told_by_table_and_counted_until_a_verify_finds_none(measured: Measured) -> None:
    measured.catch_up()
    altered(measured.database, "delete from discord_user_current_roles")
    reconcile(measured.database, [members], repair_below=0, catalogue=CATALOGUE, by="ada")
    said = measured.scrape()
    assert said("ledger_consistency_check_failures", projection="members") == 1
    assert said("ledger_consistency_errors_total", projection="members") == 1
    assert said("ledger_drift_rows", table="discord_user_current_roles") == 1
    reconcile(measured.database, [members], catalogue=CATALOGUE, by="ada")
    again = measured.scrape()
    assert again("ledger_consistency_check_failures", projection="members") == 0
    assert again("ledger_consistency_errors_total", projection="members") == 2
    assert again("ledger_drift_rows", table="discord_user_current_roles") == 0
    assert again("ledger_verified_position", projection="members") == 4


def test_a_database_that_does_not_answer_takes_only_its_own_figures_away(measured: Measured) -> None:
    measured.collector._deadline_seconds = 0.2
    measured.runner.beat()
    with measured.database.connect(DatabaseRole.OWNER, autocommit=False) as connection:
        connection.execute("lock table projection_checkpoint")
        # without a deadline it would wait for the lock, which nobody gives up
        said = result_of(measured.scrape)
    assert said("ledger_metrics_complete") == 0
    assert said("ledger_position", projection="members") is None
    assert said("ledger_runner_heartbeat_timestamp_seconds") is not None


def test_a_database_that_is_away_leaves_the_metrics_incomplete() -> None:
    registry = CollectorRegistry()
    away = Database("postgresql://127.0.0.1:1/nothing")
    registry.register(LedgerCollector(away, readings([members], NAMES)))
    assert scrape(registry)("ledger_metrics_complete") == 0


def test_events_of_recent_hours_are_counted_at_once_and_old_ones_after_a_while(ledger: LedgerScenario) -> None:
    kept: Cached[object] = Cached()
    totals = EventTotals(NAMES, kept=kept)  # type: ignore[arg-type]
    ledger.catch_up()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert events(totals, connection, "discord_join") == 1
        ledger.given(joined("bob", now()), joined("cid", at(1)))
        ledger.catch_up()
        assert events(totals, connection, "discord_join") == 2
        kept.refresh()
        assert events(totals, connection, "discord_join") == 3


def test_a_total_never_falls_though_a_replay_takes_events_back(ledger: LedgerScenario) -> None:
    totals = EventTotals(NAMES)
    ledger.given(joined("bob", now()))
    ledger.catch_up()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        before = events(totals, connection, "discord_join")
        altered(ledger.database, "delete from webhook_activity_hourly")
        assert events(totals, connection, "discord_join") == before


def test_roles_beyond_the_bound_are_one_series(ledger: LedgerScenario) -> None:
    ledger.given(*(role_added(f"m{number}", f"role {number % 5}", at(4)) for number in range(20)))
    ledger.catch_up()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        (family,) = RoleCounts(most=3)(connection)
    found = {sample.labels["role"]: sample.value for sample in family.samples}
    assert len(found) == 4
    assert found[OTHER] == 21 - 12


def test_a_dear_answer_is_kept_for_a_hundred_times_what_it_took() -> None:
    clock = Clock()
    kept: Cached[int] = Cached(seconds=60, clock=clock)
    answers = iter(range(100))

    def dear() -> int:
        clock.now += 3.0
        return next(answers)

    assert kept(dear) == 0
    clock.now = 299.0
    assert kept(dear) == 0
    clock.now = 301.0
    assert kept(dear) == 1


def test_a_wait_at_a_gap_is_counted_once_and_grows_until_it_is_over() -> None:
    registry, clock = CollectorRegistry(), Clock()
    watcher = RunnerMetrics(registry, ["members"], monotonic=clock)
    for _ in range(3):
        watcher.looked(Look(Position(4), Position(6), (), 100.0))
    clock.now = 131.0
    said = scrape(registry)
    assert (said("ledger_log_blocked_seconds"), said("ledger_log_gap_waits_total")) == (31, 1)
    watcher.looked(Look(Position(6), Position(6)))
    assert scrape(registry)("ledger_log_blocked_seconds") == 0


def test_the_heartbeat_is_the_last_round_whatever_there_was_to_fold() -> None:
    registry, clock = CollectorRegistry(), Clock()
    watcher = RunnerMetrics(registry, ["members"], clock=clock)
    clock.now = 12.0
    watcher.beat()
    watcher.failed(members.key)
    watcher.recovering(None)
    said = scrape(registry)
    assert said("ledger_runner_heartbeat_timestamp_seconds") == 12
    assert said("ledger_sync_errors_total", projection="members", kind="failed") == 1
    assert said("ledger_database_errors_total", sqlstate="none") == 1


def test_events_asked_about_stand_for_all_of_a_large_batch() -> None:
    latencies = Latencies(["members"])
    latencies.observe("members", [0.02, 0.02, 0.02, 7.0], events=1_000)
    (family,) = latencies.collect()
    found = {sample.labels.get("le", sample.name): sample.value for sample in family.samples}
    assert found["0.025"] == 750
    assert found["+Inf"] == 1_000
    assert found[str(BUCKETS[-1])] == 1_000


def test_batches_nobody_asked_about_are_forgotten_and_not_kept_for_ever() -> None:
    registry = CollectorRegistry()
    latencies = Latencies(["members"])
    watcher = RunnerMetrics(registry, ["members"], latencies)
    for number in range(10_000):
        watcher.stepped(members.key, Step(Position(number), events=1), 0.001)
    assert len(latencies._noted) == 4_000


def test_a_receiver_answers_by_source_and_code_and_strangers_make_no_series() -> None:
    registry = CollectorRegistry()
    metrics = ReceiverMetrics(registry, ("patreon",), clock=lambda: 42.0)
    metrics.answered("patreon", 200, 0.01)
    for number in range(500):
        metrics.answered(f"path {number}", 404, 0.001)
        metrics.answered("", 600 + number, 0.001)
    said = scrape(registry)
    assert said("ledger_receiver_responses_total", source="patreon", code="200") == 1
    assert said("ledger_receiver_responses_total", source="patreon", code="503") == 0
    assert said("ledger_receiver_last_delivery_timestamp_seconds", source="patreon") == 42
    assert len(said.of("ledger_receiver_responses_total")) < 40


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def altered_log(database: Database, statement: str) -> None:
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        connection.execute(statement.encode())


def events(totals: EventTotals, connection: Any, event_type: str) -> float:
    (family,) = totals(connection)
    return sum(sample.value for sample in family.samples if sample.labels["event_type"] == event_type)


def now() -> datetime:
    return datetime.now(UTC)


def test_in_trigger_mode_the_trigger_is_timed_and_nothing_is_unprocessed(
    measured: Measured, ledger: LedgerScenario
) -> None:
    measured.catch_up()
    enable(measured.database, reason="a test", catalogue=CATALOGUE, by="ada")
    ledger.given(joined("bob", at(6)))
    measured.catch_up()
    said = measured.scrape()
    assert said("webhook_audit_unprocessed_count") == 0
    assert said("ledger_projection_state", projection="members", state="trigger") == 1
    wait_until(lambda: measured.scrape()("ledger_trigger_calls_total") == 1)
    assert (measured.scrape()("ledger_trigger_duration_seconds_total") or 0) > 0
