"""Processes of this machine, which are copies of this one."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, Final, TypeVar

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.engines.engine import (
    AHEAD,
    Buckets,
    EngineFailed,
    Outcome,
    Task,
    outcome_of,
    raise_error,
    stood_still,
)
from temple_ledger.infrastructure.engines.no_database import NoDatabase, without_addresses

TRIES: Final = 5
"""So often may workers end early, or miss the database, without a share being done in between."""
ENDED: Final = 1

Returned = TypeVar("Returned")


class LocalEngine:
    def __init__(self, database: Database, workers: int, *, tries: int = TRIES) -> None:
        self._database = database
        self._workers = workers
        self._tries = tries

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        waiting, tries = list(shares), 0
        while waiting:
            done = 0
            for buckets, result in self._round(task, waiting, within):
                done += 1
                waiting.remove(buckets)
                yield buckets, result
            tries = 0 if done else tries + 1
            if waiting and tries >= self._tries:
                raise EngineFailed(
                    "the workers of this machine end before they are done (is there enough memory?); "
                    "run it again, or with fewer --workers"
                )

    def _round(
        self, task: Task[Returned], shares: Sequence[Buckets], within: float | None
    ) -> Iterator[tuple[Buckets, Returned]]:
        """Those that got done before a worker ended early; all others are left."""
        fork = multiprocessing.get_context("fork")
        last: Outcome | None = None
        others = set(multiprocessing.active_children())
        with ProcessPoolExecutor(self._workers, fork, _begin, (self._database,)) as pool:
            left = iter(shares)
            futures: dict[Future[Outcome], Buckets] = {}

            def submit(number: int) -> None:
                futures.update((pool.submit(_run, task, each), each) for each in islice(left, number))

            try:
                submit(self._workers * AHEAD)
                while futures:
                    done, _ = wait(futures, timeout=within, return_when=FIRST_COMPLETED)
                    if within is not None and not done:
                        for process in set(multiprocessing.active_children()) - others:
                            # less would not end one that stands still
                            process.kill()
                            process.join()
                        raise stood_still(within)
                    for future in done:
                        buckets, outcome = futures.pop(future), future.result()
                        submit(1)
                        if outcome.again:
                            last = outcome
                            continue
                        raise_error(outcome)
                        result: Any = outcome.result
                        last = None
                        yield buckets, result
            except BrokenProcessPool:
                return
            finally:
                # whoever stops early does not wait for what is not begun
                pool.shutdown(wait=False, cancel_futures=True)
        if last is not None:
            raise_error(last)


_database: Database | None = None


def _begin(database: Database) -> None:
    global _database
    _database = database
    if isinstance(database, NoDatabase):
        reduced = without_addresses(os.environ)
        os.environ.clear()
        os.environ.update(reduced)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker that outlived its driver would do what nobody waits for."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(ENDED)


def _run(task: Task[object], buckets: Buckets) -> Outcome:
    return Outcome() if _database is None else outcome_of(task, _database, buckets)
