"""A registry of one process: without the library's own `_created` series and without what it knows of Python."""

from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics

from temple_ledger.infrastructure.version import version


def new_registry() -> CollectorRegistry:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    Gauge("ledger_build_info", "1, with the version that runs", ["version"], registry=registry).labels(version()).set(1)
    return registry
