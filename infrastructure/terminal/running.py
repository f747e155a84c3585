"""Which commands of a state directory run right now, so that `temple down` can end them."""

import fcntl
import json
import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temple_ledger.infrastructure.terminal.state_folder import private_folder

FOLDER: Final = "running"
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True)
class RunningProcess:
    """A command that runs; the lock on *file* ends with it, however it ends."""

    what: str
    pid: int
    host: str
    file: Path

    def __str__(self) -> str:
        return f"temple {self.what} (process {self.pid})"

    @property
    def is_here(self) -> bool:
        """Whether its number means a process of this machine: a directory may be shared by containers."""
        return self.host == socket.gethostname()

    def end(self) -> None:
        """Asks it to finish what it is at. Raises PermissionError for somebody else's."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def ended(self, *, seconds: float) -> bool:
        """Waits until it is gone; false if it was not when the time is over."""
        deadline = time.monotonic() + seconds
        while _is_held(self.file):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


@contextmanager
def announce_running(home: Path, what: str) -> Iterator[None]:
    """Known as running while the block lasts, but not where the state directory cannot be written."""
    try:
        folder = private_folder(home, FOLDER)
        descriptor, name = tempfile.mkstemp(dir=folder)
    except OSError:
        yield
        return
    unnamed = Path(name)
    file = unnamed.with_suffix(".json")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, json.dumps({"what": what, "pid": os.getpid(), "host": socket.gethostname()}).encode())
        # it gets its name when it is locked, so whoever finds one that is not locked may remove it
        unnamed.rename(file)
        yield
    finally:
        for each in (unnamed, file):
            each.unlink(missing_ok=True)
        os.close(descriptor)


def running_processes(home: Path) -> list[RunningProcess]:
    """Who is present, this process apart; what killed ones left is removed.

    Raises OSError where the directory cannot be read.
    """
    found: list[RunningProcess] = []
    try:
        files = list((home / FOLDER).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    for file in sorted(each for each in files if each.suffix == ".json"):
        if not _is_held(file):
            file.unlink(missing_ok=True)
            continue
        with suppress(OSError, ValueError, KeyError, TypeError):
            written = json.loads(file.read_bytes())
            each = RunningProcess(str(written["what"]), int(written["pid"]), str(written["host"]), file)
            if not each.is_here or each.pid != os.getpid():
                found.append(each)
    return found


def _is_held(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
