"""What verifying found, and when it last looked."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, counter, gauge
from temple_ledger.projections.processor import Projection

MOST_ROWS: Final = 20_000
"""Read at a time: the results of four months; the next scrape goes on."""


@dataclass(frozen=True)
class _Latest:
    finished_at: float
    seconds: float
    position: int
    issues: int


class Verifications:
    def __init__(self, projections: Iterable[Projection]) -> None:
        installed = list(projections)
        self._tables = [table.name for each in installed for table in each.tables]
        self._errors: Counter[str] = Counter({each.name: 0 for each in installed})
        self._checks: Counter[str] = Counter({each.name: 0 for each in installed})
        self._latest: dict[str, _Latest] = {}
        self._seen = 0
        self._drifts: tuple[int, dict[str, int]] = (-1, {})

    def __call__(self, connection: Connection) -> Iterator[Metric]:
        self._take_in(connection)
        yield from self._counted()
        yield from self._of_the_latest()
        yield self._drifted(connection)
        yield self._everybody(connection)

    def _take_in(self, connection: Connection) -> None:
        for number, projection, finished_at, seconds, position, issues, _ in connection.execute(
            statement("metrics_verifications"), {"after": self._seen, "limit": MOST_ROWS}
        ):
            self._errors[projection] += issues
            self._checks[projection] += 1
            self._latest[projection] = _Latest(finished_at, seconds, position, issues)
            self._seen = number

    def _counted(self) -> Iterator[Metric]:
        errors = counter(
            "ledger_consistency_errors",
            "Differences that verifying found: rows that drifted, and counts that differ from the log; found again, "
            "they are counted again",
            "projection",
        )
        checks = counter("ledger_consistency_checks", "Verifies that were kept", "projection")
        for name in self._checks:
            errors.add_metric([name], self._errors[name])
            checks.add_metric([name], self._checks[name])
        yield from (errors, checks)

    def _of_the_latest(self) -> Iterator[Metric]:
        failures = gauge(
            "ledger_consistency_check_failures",
            "Differences that the latest verify found. What is repaired is counted until the next one, which a "
            "reconciliation makes at once",
            "projection",
        )
        position = gauge("ledger_verified_position", "The position that the latest verify was made at", "projection")
        at = gauge("ledger_verified_timestamp_seconds", "When the latest verify ended", "projection")
        seconds = gauge("ledger_verify_duration_seconds", "How long the latest verify took", "projection")
        for name, latest in self._latest.items():
            failures.add_metric([name], latest.issues)
            position.add_metric([name], latest.position)
            at.add_metric([name], latest.finished_at)
            seconds.add_metric([name], latest.seconds)
        yield from (failures, position, at, seconds)

    def _drifted(self, connection: Connection) -> Metric:
        """Only read again when there is a newer verify."""
        if self._drifts[0] != self._seen:
            found = connection.execute(statement("metrics_drift_tables")).fetchall()
            self._drifts = (self._seen, {str(name): int(number) for name, number in found})
        family = gauge(
            "ledger_drift_rows",
            "Differences of the latest verify by table; of each projection the first thousand are told apart",
            "table",
        )
        for table in self._tables:
            family.add_metric([table], self._drifts[1].get(table, 0))
        return family

    def _everybody(self, connection: Connection) -> Metric:
        family = gauge(
            "ledger_verified_everybody_timestamp_seconds",
            "When verifying had last come round: every member was compared by then",
            "projection",
        )
        for name, _, completed_at in connection.execute(statement("metrics_rounds")):
            if completed_at is not None:
                family.add_metric([name], completed_at)
        return family
