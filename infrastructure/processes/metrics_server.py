"""A runner whose work Prometheus can see."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Final

import click
from prometheus_client import CollectorRegistry

from temple_ledger.domain.errors import CannotListen
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.ingestion.webhooks.listening import url_at
from temple_ledger.infrastructure.observability.metrics.disk import DiskCollector
from temple_ledger.infrastructure.observability.metrics.exposing import exposed
from temple_ledger.infrastructure.observability.metrics.latency import Latencies
from temple_ledger.infrastructure.observability.metrics.ledger import LedgerCollector
from temple_ledger.infrastructure.observability.metrics.loading import expose_not_loaded
from temple_ledger.infrastructure.observability.metrics.registry import new_registry
from temple_ledger.infrastructure.observability.metrics.runner import RunnerMetrics
from temple_ledger.infrastructure.observability.metrics.statement_durations import timed_cursors
from temple_ledger.infrastructure.processes.readings import readings
from temple_ledger.infrastructure.terminal.ports import RUNNER_METRICS, listening_for
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import catalogue, not_loaded

OFF: Final = 0

metrics_port = click.option(
    "--metrics-port",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help="Of the metrics for Prometheus; 0 switches them off.  [env: TEMPLE_METRICS_PORT; default: 9464]",
)


@dataclass(frozen=True)
class Measured:
    """`database` times the statements that are executed on its connections."""

    registry: CollectorRegistry
    runner: RunnerMetrics
    database: Database
    url: str


@contextmanager
def measuring(session: Session, projections: Iterable[Projection], port: int | None) -> Iterator[Measured | None]:
    """While the block lasts; None where metrics are off.

    A port that somebody asked for has to be free; the default one may well be another ledger's, and then there are
    no metrics, and a word about it. Raises CannotListen and Refused.
    """
    settings = session.settings
    asked_for = port is not None or "metrics_port" in settings.model_fields_set
    port = settings.metrics_port if port is None else port
    if port == OFF:
        yield None
        return
    wanted = list(projections)
    registry = new_registry()
    latencies = Latencies(each.name for each in wanted)
    runner = RunnerMetrics(registry, [each.name for each in wanted], latencies)
    names = [(each.event_type, each.action) for each in catalogue()]
    ledger = LedgerCollector(session.reading, readings(wanted, names), latencies=latencies)
    registry.register(ledger)
    expose_not_loaded(registry, not_loaded())
    files = {"state": settings.home}
    registry.register(DiskCollector(files))
    token = settings.metrics_token.get_secret_value() if settings.metrics_token is not None else None
    with ExitStack() as stack:
        try:
            with listening_for(RUNNER_METRICS, flag="--metrics-port"):
                stack.enter_context(exposed(registry, settings.metrics_host, port, token=token))
        except CannotListen as error:
            if asked_for:
                raise
            session.note(f"no metrics: {error}")
            yield None
            return
        stack.callback(ledger.close)
        database = replace(session.database, cursors=timed_cursors(registry))
        yield Measured(registry, runner, database, f"{url_at(settings.metrics_host, port)}/metrics")
