"""What can be known of the server's first process, and of those that outlived it."""

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT, Signals
from typing import Literal

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.embedded_postgres.account import Account
from temple_ledger.infrastructure.embedded_postgres.place import Place

PROCESSES = Path("/proc")
POLL_SECONDS = 0.02
REPLY_SECONDS = 5.0
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""The shortest thing a client may say first; the answer on a Unix socket is N, for no."""

Status = Literal["starting", "ready", "stopping"]
StopMode = Literal["fast", "immediate"]
_STOP_SIGNALS: dict[StopMode, Signals] = {"fast": SIGINT, "immediate": SIGQUIT}
_STATUS_LINE = 7
_STATUSES: dict[str, Status] = {
    "starting": "starting",
    "standby": "starting",
    "ready": "ready",
    "stopping": "stopping",
}


@dataclass(frozen=True, slots=True)
class Postmaster:
    pid: int
    status: Status


def recorded(place: Place) -> Postmaster | None:
    """What postmaster.pid says; the process may be gone, and its number another's by now."""
    try:
        lines = (place.data / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].strip().isdecimal():
        return None
    status = lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE else "starting"
    return Postmaster(int(lines[0]), _STATUSES.get(status, "starting"))


def living(place: Place) -> Postmaster | None:
    """The running server's first process, in whatever status."""
    postmaster = recorded(place)
    return postmaster if postmaster and _serves(postmaster.pid, place) else None


def is_ready(place: Place) -> bool:
    """Whether it takes connections; it may be a process of another container that shares the directory."""
    postmaster = recorded(place)
    if postmaster is None or postmaster.status != "ready":
        return False
    return listens(place) if _serves(postmaster.pid, place) else _replies(place)


def listens(place: Place) -> bool:
    """Whether somebody listens on the socket, whose directory only the server's account can write."""
    try:
        with _connection(place):
            return True
    except BlockingIOError:
        return True  # its queue is full, so there is one
    except OSError:
        return False


def _replies(place: Place) -> bool:
    """Whether a server is behind the socket: that of a dying process goes on listening for a moment."""
    try:
        with _connection(place) as client:
            client.sendall(SSL_REQUEST)
            return client.recv(1) == b"N"
    except OSError:
        return False


def _connection(place: Place) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    try:
        client.settimeout(REPLY_SECONDS)
        client.connect(os.fspath(place.socket))
    except BaseException:
        client.close()
        raise
    return client


def await_end_of(place: Place, status: Status, *, seconds: float) -> Postmaster | None:
    """The server's next status, or the same one when the time is over."""
    deadline = time.monotonic() + seconds
    while (postmaster := living(place)) and postmaster.status == status and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return postmaster


def signal(postmaster: Postmaster, mode: StopMode) -> None:
    with suppress(ProcessLookupError):  # it was about to end anyway
        os.kill(postmaster.pid, _STOP_SIGNALS[mode])


def ended(postmaster: Postmaster, place: Place, *, seconds: float) -> bool:
    """Waits until the process is gone; false if it was not when the time is over."""
    deadline = time.monotonic() + seconds
    while _serves(postmaster.pid, place):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def clear_after_crash(place: Place, account: Account) -> None:
    """Ends what a killed server left running, and removes what would make the next one hesitate.

    Only under the lock, and only when no server lives there.
    """
    _end_orphans(place, account)
    postmaster = recorded(place)
    if postmaster and _exists(postmaster.pid):
        # PostgreSQL takes a process that merely got the dead one's number for a running server.
        (place.data / "postmaster.pid").unlink()
    for left in (place.socket, place.socket_lock):
        left.unlink(missing_ok=True)


def _end_orphans(place: Place, account: Account) -> None:
    """Backends notice that their postmaster died when they next wait; one in a long computation does not."""
    for sign, seconds in ((None, 1.0), (SIGQUIT, 5.0), (SIGKILL, 5.0)):
        if sign is not None:
            for pid in _orphans(place, account):
                with suppress(ProcessLookupError):
                    os.kill(pid, sign)
        deadline = time.monotonic() + seconds
        while any(_orphans(place, account)):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        else:
            return
    raise DatabaseUnavailable(f"processes of the crashed PostgreSQL under {place.root} do not end, not even by SIGKILL")


def _orphans(place: Place, account: Account) -> Iterator[int]:
    title = f"postgres: {place.mark}: ".encode()
    for process in PROCESSES.glob("[0-9]*"):
        try:
            if process.stat().st_uid == account.uid and _command_line(process).startswith(title):
                yield int(process.name)
        except OSError:
            continue  # it ended meanwhile


def _serves(pid: int, place: Place) -> bool:
    """Whether that process is the server of that data directory; a zombie is not.

    By its command line: /proc/PID/cwd is closed to a root without CAP_SYS_PTRACE, as in containers.
    """
    if not PROCESSES.is_dir():
        return _exists(pid)
    try:
        return os.fsencode(place.data) in _command_line(PROCESSES / str(pid)).split(b"\0")
    except OSError:
        return False


def _command_line(process: Path) -> bytes:
    """Arguments ended by NUL; empty for a zombie."""
    return (process / "cmdline").read_bytes()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another account's
    return True
