"""The listeners of a fleet: one for each ledger that has a token, in threads of one process.

A ledger that is down, or a guild whose gateway is away, holds up nobody: it is tried again by its own threads. What a
ledger cannot store yet waits in a buffer of its own, which has a bound.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from temple_ledger.infrastructure.processes.fleet.ledger_thread import LedgerThread
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession, require_guild
from temple_ledger.infrastructure.processes.sources import workers
from temple_ledger.infrastructure.sources.source import Worker

END_SECONDS: Final = 40.0
"""A listener may take 30 to store what waits."""


def listeners_of(session: LedgerSession) -> Sequence[Worker]:
    """What has a process of its own beside the receiver; none where the ledger has no token."""
    return [each for each in workers(session, own_processes=True).made if each.own_process]


class ListeningLedger(LedgerThread):
    """Listened for from `begin` on, until `stop`, which lets it store what waits."""

    def __init__(self, session: LedgerSession) -> None:
        super().__init__(session, "listening")

    def _work(self) -> None:
        """Each listener begins again by itself when its platform is away."""
        require_guild(self.session.database, self.session.ledger)
        with ExitStack() as stack:
            for worker in listeners_of(self.session):
                stack.enter_context(worker.running())
            self._stopping.wait()
