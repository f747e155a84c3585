"""The runners of a fleet: one for each ledger, in a thread of its own, and the same runner as that of a single ledger.

A ledger that is down, slow or of another version holds up nobody: it is tried again by its own thread.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg
import structlog

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.database.connection import reason_of
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.observability.redaction import scrubbed
from temple_ledger.infrastructure.processes.children import Children
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession, require_guild
from temple_ledger.infrastructure.processes.fleet.metrics import LedgerMetrics
from temple_ledger.infrastructure.read_models.runner.runner import SPARING, Runner
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.registry import carried, catalogue

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
END_SECONDS: Final = 15.0

log = structlog.get_logger("temple.fleet")


class CarriedLedger:
    """Folded from `begin` on, until `stop`. Two connections at most: the runner's, and one that listens and is lent to
    whoever asks for metrics. Projections of installed packages have a process each, as in `temple run`."""

    def __init__(self, session: LedgerSession, metrics: LedgerMetrics) -> None:
        self.session = session
        self._metrics = metrics
        self._stopping = threading.Event()
        self._runner: Runner | None = None
        self._wakeup: Wakeup | None = None
        self._children: Children | None = None
        self._thread = threading.Thread(target=self._run, name=f"ledger {session.name}", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch at hand. From any thread."""
        self._stopping.set()
        for each in (self._runner, self._children):
            if each is not None:
                each.stop()
        if self._wakeup is not None:
            self._wakeup.wake()

    def ended(self, *, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause, reason = FIRST_PAUSE_SECONDS, None
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._fold()
            except (psycopg.Error, LedgerError) as error:
                found = reason_of(error)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the other ledgers go on, and this one is tried again
                found = scrubbed(f"{type(error).__name__}: {error}")
            else:
                continue
            if time.monotonic() - began > LONGEST_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            if found != reason:
                log.error("not folding", ledger=self.session.name, reason=found)
            reason = found
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _fold(self) -> None:
        """Until it is stopped. Raises what Runner.run raises, and Refused where it is another guild's ledger."""
        database = self.session.database
        require_guild(database, self.session.ledger)
        elsewhere = [each.key for each in carried() if each not in BUILT_IN]
        with Wakeup(database, application="temple fleet") as wakeup, self._metrics.lent(wakeup.lend):
            runner = Runner(
                database,
                [each for each in carried() if each in BUILT_IN],
                wakeup,
                watcher=self._metrics.runner,
                catalogue=catalogue(),
                polling=SPARING,
                wide=False,
            )
            self._runner, self._wakeup = runner, wakeup
            with self._with_children(elsewhere):
                if not self._stopping.is_set():
                    runner.run()

    @contextmanager
    def _with_children(self, keys: Sequence[ProjectionKey]) -> Iterator[None]:
        children = Children(self.session, keys, self._metrics.runner, until_caught_up=False)
        self._children = children
        children.begin()
        try:
            yield
        finally:
            children.stop()
            children.wait()
            self._children = None


def end_all(ledgers: Sequence[CarriedLedger]) -> Sequence[str]:
    """Ends them together; the names of those that did not in time."""
    for each in ledgers:
        each.stop()
    deadline = time.monotonic() + END_SECONDS
    return [each.session.name for each in ledgers if not each.ended(seconds=max(0.0, deadline - time.monotonic()))]
