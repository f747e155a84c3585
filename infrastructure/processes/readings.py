"""What is asked of the ledger at each scrape, cheapest first."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import structlog
from prometheus_client.core import Metric

from temple_ledger.infrastructure.observability.metrics.event_totals import EventTotals
from temple_ledger.infrastructure.observability.metrics.feed import feed
from temple_ledger.infrastructure.observability.metrics.inbox import Inbox
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, Reading
from temple_ledger.infrastructure.observability.metrics.members import MembersByStatus
from temple_ledger.infrastructure.observability.metrics.outbox import outbox
from temple_ledger.infrastructure.observability.metrics.projections import Projections
from temple_ledger.infrastructure.observability.metrics.rebuilds import rebuilds
from temple_ledger.infrastructure.observability.metrics.roles import RoleCounts
from temple_ledger.infrastructure.observability.metrics.seals import seals
from temple_ledger.infrastructure.observability.metrics.standby import standby
from temple_ledger.infrastructure.observability.metrics.storage import Storage
from temple_ledger.infrastructure.observability.metrics.trigger import trigger_durations
from temple_ledger.infrastructure.observability.metrics.verifying import Verifications
from temple_ledger.infrastructure.processes.sources import SourceMisdeclared, installed_sources, reason_of
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import reasons_not_loaded

log = structlog.get_logger("temple.metrics")


def readings(
    projections: Iterable[Projection], event_names: Iterable[tuple[str, str]]
) -> Sequence[tuple[str, Reading]]:
    """*event_names* are the types and actions that get a series of their own; all others are counted as `other`."""
    known = list(projections)
    return (
        ("standby", standby),
        ("projections", Projections(reasons_not_loaded())),
        ("event totals", EventTotals(event_names)),
        ("verifying", Verifications(known)),
        ("seals", seals),
        ("rebuilds", rebuilds),
        ("inbox", Inbox()),
        ("outbox", outbox),
        ("feed", feed),
        *_of_sources(),
        ("trigger", trigger_durations),
        ("members", MembersByStatus()),
        ("roles", RoleCounts()),
        ("storage", Storage()),
    )


def _of_sources() -> Iterator[tuple[str, Reading]]:
    for source in installed_sources().sources:
        try:
            found = dict(source.readings())
        except Exception as error:  # noqa: BLE001 -- a source's own code: the other figures are there all the same
            log.error("a source has no metrics", source=source.name, reason=reason_of(error))
            continue
        for name, reading in found.items():
            yield name, partial(_own_metrics, source.name, reading)


def _own_metrics(source: str, reading: Reading, connection: Connection) -> Sequence[Metric]:
    """Raises SourceMisdeclared for a name that may be another's: a scrape with one name twice is refused whole."""
    found = list(reading(connection))
    prefix = f"ledger_{source.replace('-', '_')}_"
    for metric in found:
        if not metric.name.startswith(prefix):
            raise SourceMisdeclared(source, f"has a metric {metric.name}; its name has to begin with {prefix}")
    return found
