"""The file systems that our files are on."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client.core import Metric

from temple_ledger.infrastructure.observability.metrics.ledger import gauge


class DiskCollector:
    """*folders* by what is kept there; one that is not there yet is looked for at its parents."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        free = gauge("ledger_disk_free_bytes", "Free on the file system of these files", "files")
        size = gauge("ledger_disk_size_bytes", "Size of the file system of these files", "files")
        for what, folder in self._folders.items():
            try:
                there = next(each for each in (folder, *folder.parents) if each.exists())
                usage = shutil.disk_usage(there)
            except OSError:
                continue
            free.add_metric([what], usage.free)
            size.add_metric([what], usage.total)
        yield from (free, size)
