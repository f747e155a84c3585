"""What this process cannot load."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Gauge

from temple_ledger.projections.packages import NotLoaded


def expose_not_loaded(registry: CollectorRegistry, failed: Iterable[NotLoaded]) -> None:
    """A series for each, which ends when the process is started again with a package that loads."""
    gauge = Gauge(
        "ledger_package_not_loaded",
        "1 for a projection, or a list of event types, of a package that this process cannot load",
        ["kind", "name"],
        registry=registry,
    )
    for each in failed:
        gauge.labels(each.kind, each.name).set(1)
