"""One page of metrics for all ledgers of a fleet: each series has the name of its ledger as a label."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.observability.metrics.latency import Latencies
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, LedgerCollector, Lend, bounded, gauge
from temple_ledger.infrastructure.observability.metrics.registry import new_registry
from temple_ledger.infrastructure.observability.metrics.runner import RunnerMetrics
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession
from temple_ledger.infrastructure.processes.readings import readings
from temple_ledger.projections.registry import carried, catalogue

LABEL: Final = "ledger"
AT_ONCE: Final = 16


class LedgerMetrics:
    """Of one ledger. What the database is asked goes over the connection that its runner's wake-up listens on."""

    def __init__(self, session: LedgerSession) -> None:
        self._lend: Lend | None = None
        projections = list(carried())
        latencies = Latencies(each.name for each in projections)
        self.registry = CollectorRegistry()
        self.runner = RunnerMetrics(self.registry, [each.name for each in projections], latencies)
        names = [(each.event_type, each.action) for each in catalogue()]
        self.registry.register(
            LedgerCollector(session.database, readings(projections, names), latencies=latencies, lend=self._connection)
        )

    @contextmanager
    def lent(self, lend: Lend) -> Iterator[None]:
        """While the block lasts."""
        self._lend = lend
        try:
            yield
        finally:
            self._lend = None

    @property
    def is_up(self) -> bool:
        return self._lend is not None and not self.runner.is_recovering

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        lent: AbstractContextManager[Connection] | None = None if self._lend is None else self._lend()
        if lent is None:
            raise DatabaseUnavailable("nobody folds this ledger now")
        with lent as connection:
            bounded(connection)
            yield connection


class FleetCollector(Collector):
    """Asks all ledgers at once: one that does not answer takes its own figures away, and no time of the others."""

    def __init__(self, ledgers: Mapping[str, LedgerMetrics]) -> None:
        self._ledgers = ledgers
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fleet metrics")

    def describe(self) -> Iterable[Metric]:
        """Nothing: a registry that is made asks no database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        up = gauge("ledger_fleet_ledger_up", "1 while this process folds the ledger; 0: the log has the reason", LABEL)
        families: dict[str, Metric] = {}
        answered = self._pool.map(lambda each: list(each.registry.collect()), self._ledgers.values())
        for (name, metrics), found in zip(self._ledgers.items(), answered, strict=True):
            up.add_metric([name], float(metrics.is_up))
            for metric in found:
                family = families.setdefault(
                    metric.name, Metric(metric.name, metric.documentation, metric.type, metric.unit)
                )
                family.samples += [sample._replace(labels={LABEL: name, **sample.labels}) for sample in metric.samples]
        yield up
        yield from families.values()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def fleet_registry(ledgers: Mapping[str, LedgerMetrics]) -> tuple[CollectorRegistry, FleetCollector]:
    registry, collector = new_registry(), FleetCollector(ledgers)
    registry.register(collector)
    return registry, collector


def metrics_of(sessions: Sequence[LedgerSession]) -> dict[str, LedgerMetrics]:
    return {each.name: LedgerMetrics(each) for each in sessions}
