"""What is done for one ledger of a fleet, in a thread of its own: whatever ends it, it is tried again."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

import psycopg
import structlog

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.database.connection import reason_of
from temple_ledger.infrastructure.observability.redaction import scrubbed
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
END_SECONDS: Final = 15.0

log = structlog.get_logger("temple.fleet")


class LedgerThread(ABC):
    """At work from `begin` on, until `stop`. *doing* is a word for the log."""

    def __init__(self, session: LedgerSession, doing: str) -> None:
        self.session = session
        self._doing = doing
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ledger {session.name}", daemon=True)

    @abstractmethod
    def _work(self) -> None:
        """Until it is stopped. What it raises is logged where it is another reason than before."""

    def begin(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is at hand. From any thread."""
        self._stopping.set()

    def ended(self, *, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause, reason = FIRST_PAUSE_SECONDS, None
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._work()
            except (psycopg.Error, LedgerError) as error:
                found = reason_of(error)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the other ledgers go on, and this one is tried again
                found = scrubbed(f"{type(error).__name__}: {error}")
            else:
                continue
            if time.monotonic() - began > LONGEST_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            if found != reason:
                log.error("not at work", doing=self._doing, ledger=self.session.name, reason=found)
            reason = found
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def end_all(ledgers: Sequence[LedgerThread], *, seconds: float = END_SECONDS) -> Sequence[str]:
    """Ends them together; the names of those that did not in time."""
    for each in ledgers:
        each.stop()
    deadline = time.monotonic() + seconds
    return [each.session.name for each in ledgers if not each.ended(seconds=max(0.0, deadline - time.monotonic()))]
