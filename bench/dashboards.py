"""What the dashboards and Prometheus ask of a ledger that is at work for a while."""

from collections.abc import Mapping
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest

from bench.apart import alone
from bench.bench import Bench
from bench.findings import Findings, Goal, best_of
from bench.history import history, loaded
from bench.replaying import replay, verify_in_full
from bench.rounds import take_turns
from bench.site import tidy
from temple_ledger.deploy.grafana.questions import statements
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.observability.metrics.ledger import LedgerCollector
from temple_ledger.infrastructure.processes.readings import readings
from temple_ledger.projections.members import members

SCRAPE: Final = "a scrape of the ledger's metrics"


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    template = loaded(bench.site, history(bench.site, sizes.events, sizes.members))

    def work() -> Mapping[str, float]:
        with bench.site.copy(template) as dsn:
            alone(replay, dsn, 1)
            alone(verify_in_full, dsn)
            tidy(dsn)
            return {**alone(ask, dsn), SCRAPE: alone(scrape, dsn)}

    done = take_turns({"dashboards": work}, sizes.rounds, bench.say)
    series = {name: done.series(name, "ms") for name in done.values}
    slowest = best_of("the slowest SQL of a panel", *(each for name, each in series.items() if name != SCRAPE))
    return Findings(
        bench="dashboards",
        title="What the dashboards ask",
        how=(
            f"{sizes.events:,} events of {sizes.members:,} members, replayed and verified. Each SQL of the dashboards, "
            "asked as temple_read for all times, on a connection of its own; and the first scrape of a new process, "
            "which has nothing to go by yet."
        ),
        series=list(series.values()),
        goals=[
            Goal("slowest_panel", slowest, target=1_000, at_least=False),
            Goal("scrape", series[SCRAPE], target=1_000, at_least=False),
        ],
        load=done.load,
    )


def ask(dsn: str) -> Mapping[str, float]:
    database = Database(dsn)
    return {name: _milliseconds(database, text) for name, text in statements()}


def scrape(dsn: str) -> float:
    registry = CollectorRegistry()
    names = [(each.event_type, each.action) for each in CATALOGUE]
    registry.register(LedgerCollector(Database(dsn), readings([members], names)))
    started = perf_counter()
    text = generate_latest(registry)
    milliseconds = (perf_counter() - started) * 1_000
    assert b"\nledger_metrics_complete 1.0\n" in text
    return milliseconds


def _milliseconds(database: Database, text: str) -> float:
    with database.connect(DatabaseRole.READ) as connection:
        connection.execute("set default_transaction_read_only = on")
        started = perf_counter()
        connection.execute(text.encode()).fetchall()
        return (perf_counter() - started) * 1_000
