"""The second process of a runner that is far behind: it folds a part of the members of each wide step.

Between the two goes a socket pair, over which each object is a pickle. Nobody else has an end of it.

    to the process      its Database, and what the runner folds by; then (number of the step, the step, whose members)
    from the process    READY, or why it cannot begin; then (number of the step, what was folded), (number, DONE),
                        (number, why it cannot)
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import inf
from multiprocessing.connection import Connection
from typing import Any, Final

import structlog

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.processes.part_process import folds_by
from temple_ledger.infrastructure.read_models.runner.beside import (
    DONE,
    READY,
    Folded,
    NotFolded,
    Others,
    Shared,
    WideStep,
)
from temple_ledger.projections.step import PartLost, TooWide

PROGRAM: Final = "temple_ledger.infrastructure.processes.part_process"
AHEAD: Final = 1
"""Parts that the process has at a time."""
STILL_SECONDS: Final = 10.0
"""A process that has not sent anything for so long stands still."""
MOST_WAITING: Final = 8
"""Pieces that have come and are not stored yet."""
LOOK_SECONDS: Final = 0.05
AGAIN_SECONDS: Final = 600.0
"""After one that could not begin or was lost."""
END_SECONDS: Final = 1.0
"""It has nothing to finish; after that it is killed."""

log = structlog.get_logger("temple.runner")


class SecondProcess:
    """Begun when it is wanted; where it ended by itself, killed or by an error, or stood still, not again for
    ten minutes."""

    def __init__(self, database: Database, environment: Mapping[str, str]) -> None:
        self._database = database
        self._environment = environment
        # an installation may be replaced under a runner: what it was when the runner began
        self._folds_by = folds_by()
        self._may_begin_at = 0.0 if _cores() > 1 else inf
        self._process: subprocess.Popen[bytes] | None = None
        self._wire: Connection | None = None
        self._reading: threading.Thread | None = None
        self._changed = threading.Condition()
        """Of what follows."""
        self._step: _Step | None = None
        self._number = 0
        self._is_ready = self._is_gone = False
        self._reason: str | None = None
        """Why it could not begin."""

    @property
    def is_there(self) -> bool:
        return self._process is not None and not self._is_gone

    def begin(self) -> None:
        if self._process is not None or time.monotonic() < self._may_begin_at:
            return
        ours, its = socket.socketpair()
        with its:
            command = [sys.executable, "-P", "-m", PROGRAM, str(its.fileno())]
            try:
                self._process = subprocess.Popen(
                    command,
                    env=self._environment,
                    stdin=subprocess.PIPE,
                    stdout=2,
                    pass_fds=[its.fileno()],
                    # Ctrl-C is for the runner, which ends this one
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                log.warning("no second process", reason=error.strerror)
                self._may_begin_at = time.monotonic() + AGAIN_SECONDS
                return
        self._wire = Connection(ours.detach())
        self._is_ready = self._is_gone = False
        with suppress(OSError):
            self._wire.send((self._database.dsn, self._database.name, self._folds_by))
        reading = threading.Thread(target=self._read, args=(self._wire,), name="second process", daemon=True)
        try:
            reading.start()
        except RuntimeError as error:
            self._reason, self._is_gone = str(error), True
            self._give_up()
            return
        self._reading = reading
        log.info("far behind: a second process folds a part of the members")

    def end(self) -> None:
        process, wire, reading = self._process, self._wire, self._reading
        if process is None or wire is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if reading is not None:
            reading.join()
        wire.close()
        self._process = self._wire = self._reading = None

    @contextmanager
    def ended(self) -> Iterator[None]:
        """It ends with the block, by force where it does not by itself."""
        try:
            yield
        finally:
            self.end()

    @contextmanager
    def folding(self, step: WideStep, parts: Shared) -> Iterator[Others]:
        with self._changed:
            self._number += 1
            self._step = current = _Step(self._number, step, parts, self)
            self._give()
        is_lost = False
        try:
            yield current
        except BaseException:
            is_lost = current.is_still() or (current.failed is not None and not current.failed.too_wide)
            raise
        finally:
            with self._changed:
                # first of all: what is read may wait for the step to take it, and the end waits for what is read
                self._step = None
                self._changed.notify_all()
            if is_lost or self._is_gone:
                self._give_up()

    def _give_up(self) -> None:
        process = self._process
        if process is not None:
            process.kill()
            why = {} if self._reason is None else {"reason": self._reason}
            log.warning("a second process ended early", exit_code=process.wait(), **why)
        self._may_begin_at = time.monotonic() + AGAIN_SECONDS
        self.end()

    def _give(self) -> None:
        step, wire = self._step, self._wire
        while step is not None and wire is not None and self._is_ready and step.given < AHEAD:
            part = step.parts.take()
            if part is None:
                return
            step.given += 1
            step.received = time.monotonic()
            with suppress(OSError):
                wire.send((step.number, step.step, part))

    def _read(self, wire: Connection) -> None:
        try:
            with suppress(EOFError, OSError):
                while True:
                    self._receive(wire.recv())
        finally:
            with self._changed:
                self._is_gone = True
                self._changed.notify_all()

    def _receive(self, message: Any) -> None:
        with self._changed:
            if message == READY:
                self._is_ready = True
                self._give()
                return
            if isinstance(message, str):
                self._reason = message
                return
            number, what = message
            step = self._step
            if step is None:
                return
            step.received = time.monotonic()
            if step.number != number:
                # of a step that is void, whose part it ends first
                return
            if what == DONE:
                step.given -= 1
                self._give()
            elif isinstance(what, NotFolded):
                step.given, step.failed = step.given - 1, what
            else:
                self._changed.wait_for(lambda: len(step.came) < MOST_WAITING or self._step is not step)
                step.came.append(what)
                step.received = time.monotonic()
            self._changed.notify_all()


class _Step:
    def __init__(self, number: int, step: WideStep, parts: Shared, second: SecondProcess) -> None:
        self.number = number
        self.step = step
        self.parts = parts
        self.given = 0
        """Parts that are not done."""
        self.came: deque[Folded] = deque()
        self.failed: NotFolded | None = None
        self.received = time.monotonic()
        self._second = second

    def is_still(self) -> bool:
        """Not while it is the runner that takes nothing."""
        return self.given > 0 and len(self.came) < MOST_WAITING and time.monotonic() - self.received > STILL_SECONDS

    def folded(self) -> Iterator[Folded]:
        yield from self._taken(0.0)

    def rest(self) -> Iterator[Folded | None]:
        while self.given or self.came or self.failed:
            yield None
            yield from self._taken(LOOK_SECONDS)

    def _taken(self, seconds: float) -> Sequence[Folded]:
        changed = self._second._changed
        with changed:
            if not self.came and self.given and seconds:
                changed.wait(seconds)
            if self.failed is not None and self.failed.too_wide:
                raise TooWide(self.failed.why)
            if self.failed is not None:
                raise PartLost(f"the second process could not go on: {self.failed.why}")
            if not self.came and self.given and self._second._is_gone:
                raise PartLost("the second process is gone")
            if seconds and self.is_still():
                raise PartLost("the second process stands still")
            came = list(self.came)
            self.came.clear()
            changed.notify_all()
        return came


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
