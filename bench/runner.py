"""The projection runner as it is in production: both canon tables and the tally."""

import signal
from dataclasses import dataclass
from time import perf_counter
from types import FrameType

from bench.apart import peak_mebibytes
from bench.site import rows
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.projections.built_in import BUILT_IN


@dataclass(frozen=True)
class CaughtUp:
    seconds: float
    peak_mebibytes: float


def catch_up(dsn: str) -> CaughtUp:
    database = Database(dsn)
    with Wakeup(database) as wakeup:
        runner = Runner(database, BUILT_IN, wakeup, catalogue=CATALOGUE)
        started = perf_counter()
        runner.run(until_caught_up=True)
        return CaughtUp(perf_counter() - started, peak_mebibytes())


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


def position(dsn: str) -> int:
    """How far every projection has come."""
    with Database(dsn).connect(DatabaseRole.READ) as connection:
        checkpoints = read_checkpoints(connection)
    return min(checkpoints[projection.key].position for projection in BUILT_IN)


def require_caught_up(dsn: str) -> None:
    assert rows(dsn, "select max(id) from webhook_audit_log") == [(position(dsn),)]


def require_verified(dsn: str) -> None:
    """That every row is what the whole log folds to."""
    for projection in BUILT_IN:
        verified = verify(Database(dsn), projection, catalogue=CATALOGUE)
        assert verified.ok, verified
