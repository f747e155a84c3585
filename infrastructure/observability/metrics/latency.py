"""From recorded to projected: how long an event took from the log into the rows.

The runner only notes which positions it folded; the database says how long they took when it is next asked, of all of
them at once and by its own clock. Of a large batch some positions stand for all.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from threading import Lock
from typing import Any, Final

import psycopg
from prometheus_client.core import HistogramMetricFamily

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.key import ProjectionKey

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
MOST_BATCHES: Final = 4_000
ASKED_OF_A_BATCH: Final = 10
MOST_ASKED: Final = 4_000


@dataclass(frozen=True)
class _Batch:
    """`events` of them stand at or before `last`, the position it ended at."""

    projection: str
    version: int
    last: Position
    events: int
    again: bool = False
    """It was asked about before, and was not to be seen yet: on a standby."""

    def positions(self, most: int) -> list[int]:
        """Some of its positions, its last one among them; one that was never used is no harm."""
        step = max(1, -(-self.events // most))
        return list(range(self.last, self.last - self.events, -step))


class Latencies:
    """The histogram webhook_processing_duration_seconds. `folded` is called by the runner, all else by a scrape."""

    def __init__(self, projections: Iterable[str]) -> None:
        self._counts = {name: [0.0] * (len(BUCKETS) + 1) for name in projections}
        self._sums = dict.fromkeys(self._counts, 0.0)
        self._noted: deque[_Batch] = deque(maxlen=MOST_BATCHES)
        self._lock = Lock()

    def folded(self, key: ProjectionKey, last: Position, events: int) -> None:
        """Where nobody asks for long, the oldest are forgotten."""
        self._noted.append(_Batch(*key, last, events))

    def ask(self, connection: psycopg.Connection[Any]) -> None:
        """Raises psycopg.Error; what was noted is lost then."""
        batches = [self._noted.popleft() for _ in range(len(self._noted))]
        if not batches:
            return
        most = max(1, min(ASKED_OF_A_BATCH, MOST_ASKED // len(batches)))
        asked = [
            (number, batch, position) for number, batch in enumerate(batches) for position in batch.positions(most)
        ]
        found: dict[int, list[float]] = {}
        for number, seconds in connection.execute(
            statement("metrics_latencies"),
            {
                "numbers": [number for number, _, _ in asked],
                "projections": [batch.projection for _, batch, _ in asked],
                "versions": [batch.version for _, batch, _ in asked],
                "lasts": [batch.last for _, batch, _ in asked],
                "positions": [position for _, _, position in asked],
            },
        ):
            found.setdefault(number, []).append(seconds)
        for number, batch in enumerate(batches):
            if number not in found and not batch.again:
                self._noted.append(replace(batch, again=True))
        by_number = {number: batch for number, batch, _ in asked}
        for number, seconds_of_some in found.items():
            self.observe(by_number[number].projection, seconds_of_some, events=by_number[number].events)

    def observe(self, projection: str, seconds: list[float], *, events: int) -> None:
        """*events* took as long as these, each of which stands for as many."""
        weight = events / len(seconds)
        with self._lock:
            counts = self._counts.setdefault(projection, [0.0] * (len(BUCKETS) + 1))
            self._sums[projection] = self._sums.get(projection, 0.0) + sum(seconds) * weight
            for each in seconds:
                counts[bisect_left(BUCKETS, each)] += weight

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(
            "webhook_processing_duration_seconds",
            "From recorded in the log to folded into the rows, of events that this runner folded first; in trigger "
            "mode it is nothing. Of a large batch some events stand for all",
            labels=["projection"],
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        with self._lock:
            for projection, counts in self._counts.items():
                buckets = list(zip(bounds, accumulate(counts), strict=True))
                family.add_metric([projection], buckets, self._sums[projection])
        yield family
