"""On what it was measured, and with which versions: figures mean nothing without."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.site import MAINTENANCE, Site, rows

PACKAGES: Final = ("eventsourcing", "psycopg", "psycopg-binary", "pydantic")
MEMORY_FILE_SYSTEMS: Final = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True)
class Machine:
    processor: str
    cores: int
    memory_gib: float | None
    system: str
    file_system: str
    versions: Mapping[str, str]
    load: float
    """The load average before anything was measured: who else was busy."""
    begun_at: datetime

    @property
    def in_memory(self) -> bool:
        """Whether the data lies where fsync costs nothing."""
        return self.file_system in MEMORY_FILE_SYSTEMS

    def __str__(self) -> str:
        memory = f", {self.memory_gib:.0f} GiB of memory" if self.memory_gib else ""
        return f"{self.processor}, {self.cores} cores{memory}, {self.system}, data on {self.file_system}"


def machine(site: Site) -> Machine:
    postgres = rows(site.dsn(MAINTENANCE), "select current_setting('server_version')")[0][0]
    versions = {"Python": platform.python_version(), "PostgreSQL": str(postgres)}
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gib=_memory_gib(),
        system=f"{platform.system()} {platform.machine()}",
        file_system=_file_system(site.folder),
        versions=versions | {name: version(name) for name in PACKAGES},
        load=os.getloadavg()[0],
        begun_at=datetime.now(UTC),
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError):
        return None


def _file_system(folder: Path) -> str:
    """Of the mount that is nearest above *folder*."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    above = [(len(place), kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    return max(above)[1] if above else "unknown"
