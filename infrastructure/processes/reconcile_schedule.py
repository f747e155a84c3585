"""A runner's own schedule: `temple reconcile` as a process of its own, every so many seconds.

A process shares neither connections nor the interpreter's lock with the runner, and can be ended at any moment: what
it repairs is one transaction.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import structlog

from temple_ledger.infrastructure.processes.child_environment import child_environment
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.session import Session

END_SECONDS: Final = 2.0
LONGEST_SECONDS: Final = 3_600.0
"""A reconciliation that takes longer is ended, and the next one comes in its time."""

log = structlog.get_logger("temple.reconcile")


@contextmanager
def reconciling(session: Session, leads: Callable[[], Sequence[str]]) -> Iterator[None]:
    """While the block lasts, on the schedule of the settings; *leads* names the projections that are ours by then."""
    every = session.settings.reconcile_every_seconds
    if not every:
        yield
        return
    schedule = Schedule(every, leads, child_environment(session))
    schedule.begin()
    try:
        yield
    finally:
        schedule.end()


class Schedule:
    def __init__(
        self, every_seconds: float, leads: Callable[[], Sequence[str]], environment: Mapping[str, str]
    ) -> None:
        self._every = every_seconds
        self._leads = leads
        self._environment = dict(environment)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)

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
            names = self._leads()
            if not names:
                continue
            try:
                self._reconcile(names)
            except Exception as error:  # noqa: BLE001 -- the runner goes on whatever happens here
                log.error("reconciliation failed", error=f"{type(error).__name__}: {error}")

    def _reconcile(self, names: Sequence[str]) -> None:
        with self._lock:
            if self._ending.is_set():
                return
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "temple_ledger.cli", "reconcile", "--json", *names],
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
            _tell(self._process.returncode, stdout, stderr)


def _tell(code: int, stdout: str, stderr: str) -> None:
    try:
        result = json.loads(stdout)["data"]
    except (ValueError, KeyError, TypeError):
        said = stderr.strip().splitlines()
        log.error("reconciliation failed", exit_code=code, said=said[-1] if said else "")
        return
    facts = {name: result[name] for name in ("issues", "left", "repaired", "sentences") if result[name]}
    if code == ExitCode.FOUND:
        unverified = [each["projection"] for each in result["found"] if each["unverified"]]
        log.warning("reconciliation left issues", **facts, **({"unverified": unverified} if unverified else {}))
    else:
        log.info("reconciled", **facts)
    if result["push_error"]:
        log.warning("reconciliation not told", reason=result["push_error"])
