"""What the HTTP receiver answers, counted in its own process."""

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from temple_ledger.infrastructure.observability.metrics.labels import Bounded

SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
CODES: Final = ("200", "400", "401", "403", "404", "405", "413", "415", "429", "500", "503")
ALERTED: Final = ("200", "401", "403", "500", "503")
"""There from the start, at zero: of a series that begins with a burst, Prometheus sees no increase."""
MOST_SOURCES: Final = 20
UNKNOWN: Final = "unknown"
"""A request for a path that no source has: whoever asks must not make series."""


class ReceiverMetrics:
    def __init__(
        self,
        registry: CollectorRegistry,
        sources: tuple[str, ...] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._source = Bounded((*sources, UNKNOWN), most=MOST_SOURCES)
        self._code = Bounded(CODES)
        self._responses = Counter(
            "ledger_receiver_responses", "Answers to requests", ["source", "code"], registry=registry
        )
        self._seconds = Histogram(
            "ledger_receiver_response_duration_seconds",
            "From a request to its answer; of a delivery that was taken, with its commit",
            ["source"],
            buckets=SECONDS,
            registry=registry,
        )
        self._last = Gauge(
            "ledger_receiver_last_delivery_timestamp_seconds",
            "When this receiver last answered 200",
            ["source"],
            registry=registry,
        )
        for source in sources:
            self._seconds.labels(source)
            for code in ALERTED:
                self._responses.labels(source, code)

    def answered(self, source: str, code: int, seconds: float) -> None:
        name = self._source(source or UNKNOWN)
        self._responses.labels(name, self._code(str(code))).inc()
        self._seconds.labels(name).observe(seconds)
        if code == 200:
            self._last.labels(name).set(self._clock())
