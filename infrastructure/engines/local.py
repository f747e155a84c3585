"""Processes of this machine, which are copies of this one."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final, TypeVar

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.engines.engine import (
    Buckets,
    EngineFailed,
    Outcome,
    Task,
    outcome_of,
    raise_error,
)

TRIES: Final = 5
"""So often may workers end early, or miss the database, without a share being done in between."""
ENDED: Final = 1

Returned = TypeVar("Returned")


class LocalEngine:
    def __init__(self, database: Database, workers: int, *, tries: int = TRIES) -> None:
        self._database = database
        self._workers = workers
        self._tries = tries

    def run(self, task: Task[Returned], shares: Sequence[Buckets]) -> Iterator[tuple[Buckets, Returned]]:
        waiting, tries = list(shares), 0
        while waiting:
            done = 0
            for buckets, result in self._round(task, waiting):
                done += 1
                waiting.remove(buckets)
                yield buckets, result
            tries = 0 if done else tries + 1
            if waiting and tries >= self._tries:
                raise EngineFailed(
                    "the workers of this machine end before they are done (is there enough memory?); "
                    "run it again, it goes on from where it was, or with fewer --workers"
                )

    def _round(self, task: Task[Returned], shares: Sequence[Buckets]) -> Iterator[tuple[Buckets, Returned]]:
        """Those that got done before a worker ended early; all others are left."""
        fork = multiprocessing.get_context("fork")
        last: Outcome | None = None
        with ProcessPoolExecutor(self._workers, fork, _begin, (self._database,)) as pool:
            futures: dict[Future[Outcome], Buckets] = {pool.submit(_run, task, each): each for each in shares}
            try:
                for future in as_completed(futures):
                    outcome = future.result()
                    if outcome.again:
                        last = outcome
                        continue
                    raise_error(outcome)
                    result: Any = outcome.result
                    last = None
                    yield futures[future], result
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
