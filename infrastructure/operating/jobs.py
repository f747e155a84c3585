"""Actions at work, each in a thread: whoever asked looks again for how it ended."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from temple_ledger.domain.errors import LedgerError, Refused
from temple_ledger.infrastructure.operating.action import Asking, Job, Outcome

MOST_AT_WORK: Final = 4
MOST_REMEMBERED: Final = 200

log = structlog.get_logger("temple.operating")


class Jobs:
    def __init__(self, perform: Callable[[Asking], Outcome]) -> None:
        self._perform = perform
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def begin(self, asking: Asking) -> Job:
        """Raises Refused where too many are at work."""
        with self._lock:
            if sum(each.state == "working" for each in self._jobs.values()) >= MOST_AT_WORK:
                raise Refused("too much is being done at this moment: wait for it, then try again")
            job = Job(asking.action, asking.by, secrets.token_urlsafe(12))
            self._jobs[job.id] = job
            for old in [each.id for each in self._jobs.values() if each.state != "working"][:-MOST_REMEMBERED]:
                del self._jobs[old]
            thread = threading.Thread(target=self._run, args=(job, asking), name=asking.action, daemon=True)
            self._threads.add(thread)
        thread.start()
        return job

    def find(self, number: str) -> Job | None:
        with self._lock:
            return self._jobs.get(number)

    def finish(self) -> None:
        """Waits for what is at work: it is not left half done."""
        for thread in list(self._threads):
            thread.join()

    def _run(self, job: Job, asking: Asking) -> None:
        try:
            job.outcome = self._perform(asking)
            job.state = "failed" if job.outcome.failed else "done"
        except LedgerError as error:
            job.outcome, job.state = Outcome([str(error)], failed=True), "failed"
        except Exception as error:
            log.error("an action failed", action=job.action, exc_info=error)
            sentence = "it failed; the log of the process that carries out actions has the reason"
            job.outcome, job.state = Outcome([sentence], failed=True), "failed"
        finally:
            self._threads.discard(threading.current_thread())
