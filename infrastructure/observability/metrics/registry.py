"""A registry of one process: without the library's own `_created` series and without what it knows of Python.

What data carries into a label is shown as an escape, as on a terminal: whoever looks at a series sees every character.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from temple_ledger.infrastructure.observability.escaping import printable_label
from temple_ledger.infrastructure.version import version


def new_registry() -> CollectorRegistry:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = _PrintableRegistry()
    Gauge("ledger_build_info", "1, with the version that runs", ["version"], registry=registry).labels(version()).set(1)
    return registry


class _PrintableRegistry(CollectorRegistry):
    def collect(self) -> Iterable[Metric]:
        return map(_printable, super().collect())

    def restricted_registry(self, names: Iterable[str]) -> "_Printable":  # type: ignore[override]
        """What a scrape that asks for some names gets; the library needs no more of it than `collect`."""
        return _Printable(super().restricted_registry(names))


class _Printable(Collector):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterable[Metric]:
        return map(_printable, self._collector.collect())


def _printable(metric: Metric) -> Metric:
    """A copy: a collector may hold on to its own."""
    shown = Metric(metric.name, metric.documentation, metric.type, metric.unit)
    shown.samples = [_printable_sample(each) for each in metric.samples]
    return shown


def _printable_sample(sample: Sample) -> Sample:
    return sample._replace(labels={name: printable_label(value) for name, value in sample.labels.items()})
