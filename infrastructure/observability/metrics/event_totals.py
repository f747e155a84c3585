"""webhook_audit_events_total, from the tally that counts events as they are folded."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from prometheus_client.core import Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.kept import Cached
from temple_ledger.infrastructure.observability.metrics.labels import OTHER
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, counter

RECENT: Final = timedelta(hours=2)
FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
LAST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

Totals = Counter[tuple[str, str]]


class EventTotals:
    """The recent hours are read at each scrape, through the table's key; the sum of all others is kept."""

    def __init__(
        self,
        known: Iterable[tuple[str, str]],
        *,
        kept: Cached[tuple[datetime, Totals]] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._known = frozenset(known)
        self._kept = Cached() if kept is None else kept
        self._clock = clock
        self._at_least: Totals = Counter()

    def __call__(self, connection: Connection) -> Iterator[Metric]:
        for key, number in self._totals(connection).items():
            # what a replay took back is not taken back here: a counter that falls looks like one that began anew
            self._at_least[key] = max(self._at_least[key], number)
        family = counter(
            "webhook_audit_events",
            "Events in the log, as the projection 'activity' has counted them; type and action are `other` where the "
            "catalogue does not know them. Events of hours long past are counted within minutes",
            "event_type",
            "action",
        )
        for key in sorted(self._known | set(self._at_least)):
            family.add_metric(list(key), self._at_least[key])
        yield family

    def _totals(self, connection: Connection) -> Totals:
        before, old = self._kept(lambda: self._old(connection))
        return old + self._sum(connection, before, LAST)

    def _old(self, connection: Connection) -> tuple[datetime, Totals]:
        before = (self._clock() - RECENT).replace(minute=0, second=0, microsecond=0)
        return before, self._sum(connection, FIRST, before)

    def _sum(self, connection: Connection, since: datetime, until: datetime) -> Totals:
        found: Totals = Counter()
        for event_type, action, events in connection.execute(
            statement("metrics_event_totals"), {"since": since, "until": until}
        ):
            key = (event_type, action)
            found[key if key in self._known else (OTHER, OTHER)] += events
        return found
