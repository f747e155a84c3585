"""What a runner does, counted while it does it: no question to the database."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from temple_ledger.infrastructure.log.reader import Look
from temple_ledger.infrastructure.observability.metrics.labels import Bounded
from temple_ledger.infrastructure.observability.metrics.latency import Latencies
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import Step

EVENTS: Final = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)
SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
PARKED: Final = "parked"
FAILED: Final = "failed"
STATES: Final = 30


class RunnerMetrics:
    """The runner's watcher. Every series is there from the beginning, at 0: one that begins at 1 has no rate."""

    def __init__(
        self,
        registry: CollectorRegistry,
        projections: Iterable[str],
        latencies: Latencies | None = None,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._latencies = latencies
        self._blocked_since: float | None = None
        self._state = Bounded(most=STATES)
        self._events = Counter(
            "ledger_events_folded", "Events that this runner folded", ["projection"], registry=registry
        )
        self._refolded = Counter(
            "ledger_members_refolded",
            "Members that this runner folded again from the log, because an event came late",
            ["projection"],
            registry=registry,
        )
        self._batch_events = Histogram(
            "ledger_batch_events", "Events in a batch", ["projection"], buckets=EVENTS, registry=registry
        )
        self._batch_seconds = Histogram(
            "ledger_batch_duration_seconds",
            "From the beginning of a batch to its commit",
            ["projection"],
            buckets=SECONDS,
            registry=registry,
        )
        self._errors = Counter(
            "ledger_sync_errors",
            "Events that could not be folded (parked) and projections that had to stop (failed), since this process "
            "began",
            ["projection", "kind"],
            registry=registry,
        )
        self._database_errors = Counter(
            "ledger_database_errors",
            "Steps that a database error ended and that were tried again, by SQLSTATE (none: the connection was lost)",
            ["sqlstate"],
            registry=registry,
        )
        self._gap_waits = Counter(
            "ledger_log_gap_waits", "Gaps in the log that the reader had to wait for", registry=registry
        )
        blocked = Gauge(
            "ledger_log_blocked_seconds",
            "For how long the reader has been waiting for a transaction that may still fill a gap; 0: it is not. "
            "The runner's log names the process",
            registry=registry,
        )
        blocked.set_function(self._blocked)
        self.is_recovering = False
        """From an error of the database until the runner comes round again."""
        self._heartbeat = Gauge(
            "ledger_runner_heartbeat_timestamp_seconds",
            "When the runner last came round, with or without anything to fold",
            registry=registry,
        )
        for projection in projections:
            for each in (self._events, self._refolded):
                each.labels(projection)
            for histogram in (self._batch_events, self._batch_seconds):
                histogram.labels(projection)
            for kind in (PARKED, FAILED):
                self._errors.labels(projection, kind)

    def stepped(self, key: ProjectionKey, step: Step, seconds: float) -> None:
        self._events.labels(key.name).inc(step.events)
        self._refolded.labels(key.name).inc(step.refolded)
        self._batch_events.labels(key.name).observe(step.events)
        self._batch_seconds.labels(key.name).observe(seconds)
        if step.failures:
            self._errors.labels(key.name, PARKED).inc(len(step.failures))
        if self._latencies is not None:
            self._latencies.folded(key, step.position, step.events)

    def looked(self, look: Look) -> None:
        if look.blocked_since is not None and look.blocked_since != self._blocked_since:
            self._gap_waits.inc()
        self._blocked_since = look.blocked_since

    def failed(self, key: ProjectionKey) -> None:
        self._errors.labels(key.name, FAILED).inc()

    def recovering(self, sqlstate: str | None) -> None:
        self.is_recovering = True
        self._blocked_since = None
        self._database_errors.labels(self._state(sqlstate or "none")).inc()

    def beat(self) -> None:
        self.is_recovering = False
        self._heartbeat.set(self._clock())

    def _blocked(self) -> float:
        since = self._blocked_since
        return 0.0 if since is None else max(0.0, self._monotonic() - since)
