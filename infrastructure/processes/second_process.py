"""The second process of a runner that is far behind: a watched one, of one projection, until it has caught up."""

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import structlog

from temple_ledger.infrastructure.processes.watched import begin_watched, close_pipes, relay
from temple_ledger.infrastructure.read_models.runner.watcher import Watcher
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.lane_range import as_typed
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import EVERY

END_SECONDS: Final = 10.0

log = structlog.get_logger("temple.runner")


class SecondProcess:
    """Begun for one projection at a time, and where it ended early, killed or by an error, not again."""

    def __init__(self, environment: Mapping[str, str], watcher: Watcher, *, lanes: frozenset[int] = EVERY) -> None:
        """Its steps are reported to *watcher*. If its projection is split meanwhile, it leads these lanes at most."""
        self._environment = environment
        self._lanes = as_typed(lanes)
        self._watcher = watcher
        self._key: ProjectionKey | None = None
        self._process: subprocess.Popen[str] | None = None
        self._reading: threading.Thread | None = None
        self._stopping = False
        self._may_begin = _cores() > 1

    @property
    def key(self) -> ProjectionKey | None:
        process = self._process
        if process is not None and process.poll() is not None:
            self._ended(process)
        return self._key

    def begin(self, key: ProjectionKey, holder: UUID) -> bool:
        if self._stopping or not self._may_begin or self.key is not None:
            return False
        try:
            options = ("--holder", str(holder), "--until-caught-up", "--lanes", self._lanes)
            process = begin_watched(self._environment, key, *options)
        except OSError as error:
            log.warning("no second process", reason=error.strerror)
            self._may_begin = False
            return False
        self._key, self._process = key, process
        self._reading = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reading.start()
        if self._stopping:
            process.terminate()
        return True

    def stop(self) -> None:
        """Asks it to finish the batch at hand. Safe in a signal handler."""
        self._stopping = True
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()

    @contextmanager
    def ended(self) -> Iterator[None]:
        """It ends with the block, by force where it does not by itself."""
        try:
            yield
        finally:
            self.stop()
            process = self._process
            if process is not None:
                try:
                    process.wait(END_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                self._ended(process)

    def _read(self, process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            relay(line, self._watcher)

    def _ended(self, process: "subprocess.Popen[str]") -> None:
        if self._reading is not None:
            # all that it did is reported, before anybody goes on from there
            self._reading.join()
        close_pipes(process)
        if process.returncode not in (ExitCode.OK, ExitCode.UNREACHABLE) and not self._stopping:
            log.warning("a second process ended early", projection=str(self._key), exit_code=process.returncode)
            self._may_begin = False
        self._key = self._process = self._reading = None


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
