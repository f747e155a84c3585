"""A `temple` command as a process of its own, every so many seconds, for as long as a runner is at work.

A process shares neither connections nor the interpreter's lock with the runner, and can be ended at any moment: what
it changes is one transaction, or goes on where it was.
"""

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

END_SECONDS: Final = 2.0
LONGEST_SECONDS: Final = 3_600.0
"""A command that takes longer is ended, and the next one comes in its time."""

Due = Callable[[], Sequence[str]]
"""What is to be typed behind `temple`; nothing where nothing is due."""
Report = Callable[[int, str, str], None]
"""Given how the command ended, and what it printed to stdout and stderr; not where it was ended from here."""

log = structlog.get_logger("temple.schedule")


class ChildSchedule:
    def __init__(self, name: str, every_seconds: float, due: Due, environment: Mapping[str, str], report: Report):
        self._name = name
        self._every = every_seconds
        self._due = due
        self._report = report
        self._environment = dict(environment)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Ends what is at work. Not from a signal handler: it takes locks."""
        self._ending.set()
        with self._lock:
            process = self._process
        if process is not None:
            process.terminate()
        self._thread.join(END_SECONDS)
        if process is not None and self._thread.is_alive():
            process.kill()
            self._thread.join(END_SECONDS)

    def _run(self) -> None:
        while not self._ending.wait(self._every):
            try:
                arguments = self._due()
                if arguments:
                    self._work(arguments)
            except Exception as error:  # noqa: BLE001 -- the runner goes on whatever happens here
                log.error("failed", schedule=self._name, error=f"{type(error).__name__}: {error}")

    def _work(self, arguments: Sequence[str]) -> None:
        with self._lock:
            if self._ending.is_set():
                return
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "temple_ledger.cli", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # Ctrl-C is for the runner, which ends this one
                start_new_session=True,
            )
        try:
            stdout, stderr = self._process.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            stdout, stderr = self._process.communicate()
        if not self._ending.is_set():
            self._report(self._process.returncode, stdout, stderr)


def last_line(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    return lines[-1] if lines else ""
