"""Projections of installed packages, each in a process of its own that is ended where a rule does not return.

Nothing of an author's runs in the process that folds the built-in ones: no rule can hold them up, whatever it does.
"""

import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError
from temple_ledger.infrastructure.log.temporary_folder import temporary_folder
from temple_ledger.infrastructure.processes.child_environment import child_environment
from temple_ledger.infrastructure.processes.watched import begin_watched, close_pipes, relay
from temple_ledger.infrastructure.read_models.fold_mark import Mark, ended_by_itself
from temple_ledger.infrastructure.read_models.operations import park_by_time
from temple_ledger.infrastructure.read_models.runner.parked_log import log_parked
from temple_ledger.infrastructure.read_models.runner.watcher import Watcher
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.lane_range import as_typed
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import EVERY

FOLD_SECONDS: Final = 5.0
"""A fold of one member that takes longer is ended. The database would end its transaction after eight."""
LOOK_SECONDS: Final = 0.1
AGAIN_SECONDS: Final = 1.0
MOST_ENDS: Final = 5
"""In a row, without a step between: a process that ends by itself so often is not started again until a restart."""
END_SECONDS: Final = 10.0

_FINAL: Final = (ExitCode.OK, ExitCode.UNREACHABLE, ExitCode.REFUSED)
"""Of one that was to catch up: it has, or what it lacks will not be there a second later."""

log = structlog.get_logger("temple.runner")


class Children:
    """One process for each projection; started again when it ends, unless it has caught up and that was asked for."""

    def __init__(
        self,
        session: Session,
        keys: Iterable[ProjectionKey],
        watcher: Watcher,
        *,
        until_caught_up: bool,
        lanes: frozenset[int] = EVERY,
    ) -> None:
        options = [*(["--until-caught-up"] if until_caught_up else []), "--lanes", as_typed(lanes)]
        self._children = [_Child(session, key, watcher, options, until_caught_up) for key in keys]

    def begin(self) -> None:
        for child in self._children:
            child.thread.start()

    def stop(self) -> None:
        """Asks all to finish the batch at hand. Safe in a signal handler."""
        for child in self._children:
            child.stop()

    def wait(self) -> None:
        """Until all have ended. Raises DatabaseUnavailable where one of them had no database."""
        for child in self._children:
            while child.thread.is_alive():
                child.thread.join(LOOK_SECONDS)
        if any(child.code == ExitCode.UNREACHABLE for child in self._children):
            raise DatabaseUnavailable("a process of the runner had no database that takes writes; its reason is above")


class _Child:
    def __init__(
        self,
        session: Session,
        key: ProjectionKey,
        watcher: Watcher,
        options: Sequence[str],
        until_caught_up: bool,
    ) -> None:
        self._session = session
        self._key = key
        self._name = str(key)
        self._watcher = watcher
        self._options = options
        self._until_caught_up = until_caught_up
        self._stopping = False
        self._process: subprocess.Popen[str] | None = None
        self._ends = 0
        self.code: int | None = None
        self.thread = threading.Thread(target=self._run, name=f"child {key.name}", daemon=True)

    def stop(self) -> None:
        self._stopping = True
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()

    def _run(self) -> None:
        while not self._stopping:
            with _started(self._session, self._key, self._options) as (process, mark):
                self._process = process
                reading = threading.Thread(target=self._read, args=(process,), daemon=True)
                reading.start()
                if self._stopping:
                    process.terminate()
                failure = self._watch(process, mark)
                reading.join()
                self.code = process.returncode
            if failure is not None:
                self._park(failure)
            elif self._is_over():
                return

    def _is_over(self) -> bool:
        """Whether a process that ended by itself is not started again."""
        if self._stopping or (self._until_caught_up and self.code in _FINAL):
            return True
        self._ends += 1
        log.warning("a projection's process ended", projection=self._name, exit_code=self.code, times=self._ends)
        if self._ends >= MOST_ENDS:
            log.error("a projection's process ends again and again; restart to try once more", projection=self._name)
            self._watcher.failed(self._key)
            return True
        time.sleep(AGAIN_SECONDS)
        return False

    def _read(self, process: "subprocess.Popen[str]") -> None:
        if process.stdout is None:
            return
        for line in process.stdout:
            self._ends = 0
            relay(line, self._watcher)

    def _watch(self, process: "subprocess.Popen[str]", mark: Mark) -> Failure | None:
        """Until it has ended; the fold that it was ended for, or that ended it, None where it was no fold."""
        asked_at: float | None = None
        while process.poll() is None:
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            if self._stopping:
                asked_at = now if asked_at is None else asked_at
                if now - asked_at > END_SECONDS:
                    process.kill()
            folding = mark.read()
            if folding is not None and now - folding.since > FOLD_SECONDS:
                process.kill()
                process.wait()
                return folding.failure(FOLD_SECONDS)
        folding = mark.read()
        if folding is None or self._stopping or not ended_by_itself(process.returncode):
            return None
        return folding.failure_of_end(process.returncode)

    def _park(self, failure: Failure) -> None:
        log_parked(self._name, failure)
        while not self._stopping:
            try:
                park_by_time(self._session.database, self._key, failure)
                return
            except LedgerError as error:
                log.warning("not parked yet", projection=self._name, reason=str(error))
                time.sleep(AGAIN_SECONDS)


@contextmanager
def _started(
    session: Session, key: ProjectionKey, options: Sequence[str]
) -> "Iterator[tuple[subprocess.Popen[str], Mark]]":
    with temporary_folder("temple-child-") as folder:
        file = folder / "mark"
        mark = Mark.make(file)
        process = begin_watched(child_environment(session), key, "--watched", str(file), *options)
        try:
            yield process, mark
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            close_pipes(process)
