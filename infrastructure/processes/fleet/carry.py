"""The runners of a fleet: one for each ledger, in a thread of its own, and the same runner as that of a single ledger.

A ledger that is down, slow or of another version holds up nobody: it is tried again by its own thread.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.processes.children import Children
from temple_ledger.infrastructure.processes.fleet.ledger_thread import LedgerThread
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession, require_guild
from temple_ledger.infrastructure.processes.fleet.metrics import LedgerMetrics
from temple_ledger.infrastructure.processes.foreground import led_here
from temple_ledger.infrastructure.processes.unfinished_replays import finishing_replays
from temple_ledger.infrastructure.read_models.runner.runner import SPARING, Runner
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.registry import carried, catalogue


class CarriedLedger(LedgerThread):
    """Folded from `begin` on, until `stop`. Two connections at most: the runner's, and one that listens and is lent to
    whoever asks for metrics, or looks for replays that were ended early. Projections of installed packages have a
    process each, as in `temple run`, and so has a replay that goes on."""

    def __init__(self, session: LedgerSession, metrics: LedgerMetrics) -> None:
        super().__init__(session, "folding")
        self._metrics = metrics
        self._runner: Runner | None = None
        self._wakeup: Wakeup | None = None
        self._children: Children | None = None

    def stop(self) -> None:
        """Finish the batch at hand. From any thread."""
        super().stop()
        for each in (self._runner, self._children):
            if each is not None:
                each.stop()
        if self._wakeup is not None:
            self._wakeup.wake()

    def _work(self) -> None:
        """Raises what Runner.run raises, and Refused where it is another guild's ledger."""
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
            finishing = finishing_replays(self.session, lambda: led_here(runner, carried()), wakeup.lend)
            with self._with_children(elsewhere), finishing:
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
