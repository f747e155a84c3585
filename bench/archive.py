"""The archive: written, verified, restored; and everybody folded from it, beside the database."""

import os
import resource
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Final

from bench.apart import alone
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.history import COLUMNS, as_csv, history, loaded
from bench.replaying import ANY, replay
from bench.rounds import Contender, take_turns
from bench.site import Site, rows
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.archive.place import place_at
from temple_ledger.infrastructure.archive.restore import restore_archive
from temple_ledger.infrastructure.archive.shared import shared_archive
from temple_ledger.infrastructure.archive.verify import verify_archive
from temple_ledger.infrastructure.archive.write import write
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.engines.local import LocalEngine
from temple_ledger.infrastructure.read_models.rebuild.fold_buckets import FoldBuckets
from temple_ledger.infrastructure.read_models.rebuild.progress import Cut
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.projections.members import members

WORKERS: Final = 2
SMALL: Final = 10_000

WRITTEN: Final = "temple archive write, events/s"
VERIFIED: Final = "temple archive verify, events/s"
RESTORED: Final = "temple archive restore"
COPIED: Final = "\\copy of the same rows"
BYTES: Final = "bytes an event in the archive, 1,000,000 events"
BYTES_SMALL: Final = "bytes an event in the archive, 10,000 events"
BYTES_DATABASE: Final = "bytes an event in PostgreSQL, with indexes"
FROM_DATABASE: Final = "replay from the database, 2 workers"
FROM_ARCHIVE: Final = "replay from the archive, 2 workers"
SERVER_DATABASE: Final = "server CPU of the fold, from the database"
SERVER_ARCHIVE: Final = "server CPU of the fold, from the archive"
WORKER_CPU: Final = "worker CPU an event folded from the archive"
WORKER_CPU_DATABASE: Final = "worker CPU an event folded from the database"


@dataclass(frozen=True)
class Folded:
    seconds: float
    server_seconds: float
    worker_seconds: float
    whole_seconds: float


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    length = sizes.rebuilt_lengths[0]
    of = history(bench.site, length, sizes.rebuilt_members)
    template = loaded(bench.site, of)
    csv = as_csv(bench.site, of)
    folder = bench.site.folder / "archive"

    def archive() -> Mapping[str, float]:
        shutil.rmtree(folder, ignore_errors=True)
        with bench.site.copy(template) as dsn:
            written = alone(write_archive, dsn, folder)
            verified = alone(check_archive, dsn, folder)
            size = rows(dsn, "select pg_total_relation_size('webhook_audit_log')")[0][0]
        events = sum(file.stat().st_size for file in (folder / "events").glob("*.parquet"))
        return {
            WRITTEN: length / written,
            VERIFIED: length / verified,
            BYTES: events / length,
            BYTES_DATABASE: size / length,
        }

    def restore() -> Mapping[str, float]:
        with bench.site.copy() as dsn:
            return {RESTORED: alone(restore_all, dsn, folder)}

    def copy() -> Mapping[str, float]:
        with bench.site.copy() as dsn:
            started = perf_counter()
            bench.site.psql(dsn, f"\\copy webhook_audit_log ({COLUMNS}) from '{csv}' (format csv)")
            return {COPIED: perf_counter() - started}

    def small() -> Mapping[str, float]:
        few = history(bench.site, min(SMALL, length), max(10, sizes.rebuilt_members // 100))
        place = bench.site.folder / "small"
        shutil.rmtree(place, ignore_errors=True)
        with bench.site.copy(loaded(bench.site, few)) as dsn:
            alone(write_archive, dsn, place)
        return {BYTES_SMALL: sum(file.stat().st_size for file in place.rglob("*.parquet")) / few.events}

    def from_database() -> Mapping[str, float]:
        with bench.site.copy(template) as dsn:
            folded = fold(bench.site, dsn, None)
            whole = alone(replay, dsn, WORKERS).seconds
        return {
            FROM_DATABASE: whole,
            SERVER_DATABASE: folded.server_seconds,
            WORKER_CPU_DATABASE: folded.worker_seconds / length * 1e6,
        }

    def from_archive() -> Mapping[str, float]:
        with bench.site.copy(template) as dsn:
            folded = fold(bench.site, dsn, folder)
            whole = alone(replay_from, dsn, folder)[0]
        return {
            FROM_ARCHIVE: whole,
            SERVER_ARCHIVE: folded.server_seconds,
            WORKER_CPU: folded.worker_seconds / length * 1e6,
        }

    alone(write_archive, bench.site.dsn(template), folder)
    contenders: dict[str, Contender] = {
        "archive": archive,
        RESTORED: restore,
        COPIED: copy,
        BYTES_SMALL: small,
        FROM_DATABASE: from_database,
        FROM_ARCHIVE: from_archive,
    }
    done = take_turns(contenders, sizes.rounds, bench.say)
    rates = {name: done.series(name, "events/s") for name in (WRITTEN, VERIFIED)}
    bytes_ = {name: done.series(name, "bytes") for name in (BYTES, BYTES_SMALL, BYTES_DATABASE)}
    times = {name: done.series(name, "s") for name in (RESTORED, COPIED, FROM_DATABASE, FROM_ARCHIVE)}
    cpu = {name: done.series(name, "s") for name in (SERVER_DATABASE, SERVER_ARCHIVE)}
    workers = {name: done.series(name, "µs") for name in (WORKER_CPU, WORKER_CPU_DATABASE)}
    return Findings(
        bench="archive",
        title="The archive, and folding from it",
        how=(
            f"{length:,} events of {sizes.rebuilt_members:,} members. The archive is written from nothing, verified "
            "against the log (bytes, ranges, counts, content), and restored into an empty ledger; beside it psql's "
            "`\\copy` of the same rows into the same table with its indexes. Replays are of `members`, all of it: "
            "fold, compare, apply. The server's CPU is that of its processes during the fold alone, from /proc."
        ),
        series=(*rates.values(), *bytes_.values(), *times.values(), *cpu.values(), *workers.values()),
        goals=(
            Goal("written", rates[WRITTEN], target=150_000),
            Goal("verified", rates[VERIFIED], target=500_000),
            Goal("bytes", bytes_[BYTES], target=50, at_least=False),
            Goal("bytes_small", bytes_[BYTES_SMALL], target=50, at_least=False),
            Goal(
                "restore_over_copy",
                times[RESTORED].over(times[COPIED], "restore, over \\copy"),
                target=1.3,
                at_least=False,
            ),
            Goal(
                "archive_over_database",
                times[FROM_ARCHIVE].over(times[FROM_DATABASE], "replay from the archive, over the database"),
                target=1.0,
                at_least=False,
            ),
            Goal(
                "server_cpu",
                cpu[SERVER_ARCHIVE].over(cpu[SERVER_DATABASE], "server CPU of the fold, archive over database"),
                target=0.1,
                at_least=False,
            ),
        ),
        load=done.load,
    )


def write_archive(dsn: str, folder: Path) -> float:
    started = perf_counter()
    write(Database(dsn), place_at(str(folder)), now=datetime.now(UTC), grace=timedelta(0))
    return perf_counter() - started


def check_archive(dsn: str, folder: Path) -> float:
    started = perf_counter()
    report = verify_archive(place_at(str(folder)), Database(dsn))
    assert report.ok, report.findings
    return perf_counter() - started


def restore_all(dsn: str, folder: Path) -> float:
    started = perf_counter()
    restore_archive(place_at(str(folder)), Database(dsn))
    return perf_counter() - started


def fold(site: Site, dsn: str, folder: Path | None) -> Folded:
    """The fold alone, thrown away."""
    before = server_seconds(site)
    whole, seconds, workers = alone(replay_from, dsn, folder, False)
    return Folded(seconds, server_seconds(site) - before, workers, whole)


def replay_from(dsn: str, folder: Path | None, apply: bool = True) -> tuple[float, float, float]:
    """Seconds of all of it, of the fold, and of CPU of its processes."""
    database = Database(dsn)
    started = perf_counter()
    cut = Cut.MEMBERS if folder is None else Cut.BUCKETS
    with Rebuild(database, members, catalogue=CATALOGUE, cut=cut, to_be_applied=apply) as rebuild:
        if folder is None:
            rebuild.fold(workers=WORKERS)
        else:
            archive = shared_archive(database, place_at(str(folder)))
            engine = LocalEngine(database, WORKERS)
            rebuild.fold_buckets(lambda claimed: FoldBuckets(archive, *claimed), engine, workers=WORKERS)
        folded = perf_counter() - started
        if apply:
            rebuild.apply(rebuild.compare(), by="bench", limit=ANY)
        else:
            rebuild.clear()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return perf_counter() - started, folded, children.ru_utime + children.ru_stime


def server_seconds(site: Site) -> float:
    """CPU of the server and of all its processes, those that have ended included."""
    postmaster = int((site.server.data_dir / "postmaster.pid").read_text().splitlines()[0])
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid, parent = int(stat.parent.name), int(fields[1])
        if pid == postmaster:
            total += sum(map(int, fields[11:15]))
        elif parent == postmaster:
            total += sum(map(int, fields[11:13]))
    return total / ticks
