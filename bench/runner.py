"""The projection runner as it is in production: the built-in projections."""

import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from types import FrameType

from bench.apart import alone, peak_mebibytes
from bench.history import History, import_file, loaded
from bench.site import EMPTY, Site, rows, tidy
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.processes.second_process import SecondProcess
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.processor import Projection


@dataclass(frozen=True)
class CaughtUp:
    """The peak is the sum of those of the runner and of its second process."""

    seconds: float
    peak_mebibytes: float


def catch_up(dsn: str, names: Sequence[str] | None = None) -> CaughtUp:
    """Of these projections; None is all of them."""
    database = Database(dsn)
    second = SecondProcess(database, _environment())
    with Wakeup(database) as wakeup, second.ended():
        runner = Runner(database, _named(names), wakeup, catalogue=CATALOGUE, beside=second)
        started = perf_counter()
        runner.run(until_caught_up=True)
        seconds = perf_counter() - started
    return CaughtUp(seconds, peak_mebibytes() + _peak_of_children())


def _environment() -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _peak_of_children() -> float:
    """Of the largest one that has ended; never less than this process had when it began it."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def folded(site: Site, of: History) -> str:
    """A database with the history in its log, and all of it folded, to copy from."""

    def fill(dsn: str) -> None:
        site.say("  catching up")
        alone(catch_up, dsn)

    return site.template(f"bench_folded_{of.events}_{of.members}", loaded(site, of), fill)


def half_folded(site: Site, of: History, half: History) -> str:
    """A database with all of the history in its log, of which this half has been folded, to copy from."""

    def fill(dsn: str) -> None:
        for part in (half, of):
            assert alone(import_file, dsn, part.path).added == part.events - (half.events if part is of else 0)
            if part is half:
                site.say("  catching up with the first half")
                alone(catch_up, dsn)
        tidy(dsn)

    return site.template(f"bench_half_folded_{of.events}_{of.members}", EMPTY, fill)


def daemon(dsn: str) -> None:
    """Until SIGTERM."""
    database = Database(dsn)
    with Wakeup(database) as wakeup:
        runner = Runner(database, BUILT_IN, wakeup, catalogue=CATALOGUE)

        def stop(_: int, __: FrameType | None) -> None:
            runner.stop()
            wakeup.wake()

        signal.signal(signal.SIGTERM, stop)
        runner.run()


def position(dsn: str, names: Sequence[str] | None = None) -> int:
    """How far each of these projections has come."""
    with Database(dsn).connect(DatabaseRole.READ) as connection:
        checkpoints = read_checkpoints(connection)
    return min(checkpoints[projection.key].position for projection in _named(names))


def require_caught_up(dsn: str, names: Sequence[str] | None = None) -> None:
    assert rows(dsn, "select max(id) from webhook_audit_log") == [(position(dsn, names),)]


def require_verified(dsn: str, names: Sequence[str] | None = None) -> None:
    """That every row is what the whole log folds to."""
    for projection in _named(names):
        verified = verify(Database(dsn), projection, catalogue=CATALOGUE)
        assert verified.ok, verified


def _named(names: Sequence[str] | None) -> Sequence[Projection]:
    return [projection for projection in BUILT_IN if names is None or projection.name in names]
