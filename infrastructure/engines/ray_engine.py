"""A Ray cluster: tasks only, by init, remote, wait and cancel.

A worker has this package, the archive at the same address, and the DSN in its own environment or secret file: Ray
stores what a task is given, so no secret is among it. A task that ends with its worker is run again by Ray, and one
that was given out twice changes nothing.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

import ray

from temple_ledger.domain.errors import ArchiveUnavailable, LedgerError, Refused
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
from temple_ledger.infrastructure.engines.no_database import NoDatabase, environment, without_addresses

TRIES: Final = 5
"""So often is a share given out whose worker did not reach the database, or was lost for good."""
RETRIES: Final = 10
"""So often does Ray itself run a task again whose worker or machine was lost."""
THIS_MACHINE: Final = "local"
ANSWER_SECONDS: Final = 10.0

Returned = TypeVar("Returned")


class RayEngine:
    """*address* is that of the cluster's head; THIS_MACHINE begins one here, of so many workers, for the time of a run,
    whose workers inherit *database* in their environment. *find* is a function of a module, with which a worker finds
    the database of its own environment. Of NoDatabase nothing is in theirs.
    """

    def __init__(self, address: str, workers: int, database: Database, find: Callable[[], Database]) -> None:
        self._address = address
        self._workers = workers
        self._database = database
        self._find = find

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        with self._connected():
            submit = partial(ray.remote(max_retries=RETRIES)(run_share).remote, self._find)
            left = iter(shares)
            running: dict[Any, tuple[Buckets, int]] = {}
            try:
                running.update((submit(task, each), (each, 1)) for each in islice(left, self._workers * AHEAD))
                while running:
                    ready, _ = ray.wait(list(running), num_returns=1, timeout=within)
                    if within is not None and not ready:
                        raise stood_still(within)
                    (done,) = ready
                    buckets, tries = running.pop(done)
                    outcome = _outcome(done)
                    running.update((submit(task, each), (each, 1)) for each in islice(left, 1))
                    if not outcome.again:
                        raise_error(outcome)
                        result: Any = outcome.result
                        yield buckets, result
                    elif tries < TRIES:
                        running[submit(task, buckets)] = (buckets, tries + 1)
                    else:
                        raise_error(outcome)
            finally:
                for unfinished in running:
                    ray.cancel(unfinished, force=True)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        local = self._address == THIS_MACHINE
        where: dict[str, Any] = {"address": self._address}
        if local:
            where = {"num_cpus": self._workers, "_node_ip_address": "127.0.0.1"}
        _require_answer(self._address)
        with environment(self._environment()):
            try:
                ray.init(**where, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise ArchiveUnavailable(f"Ray at {self._address} cannot be reached: {_line(error)}") from None
            try:
                yield
            finally:
                ray.shutdown()

    def _environment(self) -> Mapping[str, str]:
        """Of workers on this machine; nothing is reported to Ray's makers."""
        ours = {"RAY_USAGE_STATS_ENABLED": "0", **os.environ}
        if isinstance(self._database, NoDatabase):
            return without_addresses(ours)
        return {**ours, "TEMPLE_DATABASE_URL": self._database.dsn} if self._address == THIS_MACHINE else ours


def _require_answer(address: str) -> None:
    """Ray itself tries for minutes. Raises ArchiveUnavailable."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.removeprefix("ray://").strip("[]"), int(port)), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        raise ArchiveUnavailable(f"Ray at {address} cannot be reached: {error.strerror or error}") from None


def run_share(find: Callable[[], Database], task: Task[object], buckets: Buckets) -> Outcome:
    """In a worker."""
    try:
        database = find()
    except LedgerError as error:
        return Outcome(error=str(error), kind=Refused.__name__)
    return outcome_of(task, database, buckets)


def _outcome(reference: Any) -> Outcome:
    try:
        found: Outcome = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise EngineFailed(f"a worker failed: {_line(error.cause)}") from None
    except ray.exceptions.RayError as error:
        return Outcome(None, f"a worker was lost again and again: {_line(error)}", "", again=True)
    return found


def _line(error: object) -> str:
    return (str(error).strip().partition("\n")[0] or type(error).__name__)[:300]
