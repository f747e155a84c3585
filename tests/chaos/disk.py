"""A disk that can be full: a file system of its own, or, where nobody may mount one, writes that find no room."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from temple_ledger.infrastructure.embedded_postgres.account import Account

ROOM: Final = 4 * 1024**3
"""A bound, and nothing that is taken."""
ATTEMPTS: Final = 50
WRITES: Final = "pwrite64,pwritev,fallocate"
"""What PostgreSQL makes its tables longer with, and writes them and its log with."""
END_SECONDS: Final = 10
_NUMBER: Final = re.compile(r"\d+")


class Disk(Protocol):
    """`why_not`: why it cannot be full here; None if it can. Asked while the server runs."""

    @property
    def why_not(self) -> str | None: ...

    def fill(self) -> None: ...

    def empty(self) -> None: ...

    def remove(self) -> None: ...


class OwnFileSystem:
    """Mounted at *place*, which only root may do. Raises OSError where it may not."""

    why_not: str | None = None

    def __init__(self, place: Path) -> None:
        if os.geteuid() != 0 or shutil.which("mount") is None:
            raise PermissionError("only root can give a file system a size")
        self._place = place
        self._mount("-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs")

    def fill(self) -> None:
        """To the last page; what is written meanwhile makes it larger than it may be, so it is tried again."""
        for _ in range(ATTEMPTS):
            with suppress(OSError):
                return self._resize(shutil.disk_usage(self._place).used)
        raise OSError("the disk grows faster than it can be filled")

    def empty(self) -> None:
        self._resize(ROOM)

    def remove(self) -> None:
        subprocess.run(["umount", "--lazy", self._place], check=False)

    def _resize(self, size: int) -> None:
        self._mount("-o", f"remount,size={size}")

    def _mount(self, *options: str) -> None:
        done = subprocess.run(["mount", *options, self._place], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OSError(f"no file system of its own can be mounted: {done.stderr.strip()}")


class RefusedWrites:
    """strace answers the writes of the processes of the server in *data* with ENOSPC, also of those that begin."""

    def __init__(self, data: Path, account: Account) -> None:
        self._data, self._account = data, account
        self._tracer: subprocess.Popen[str] | None = None

    @property
    def why_not(self) -> str | None:
        """Tried on the server, with nothing refused."""
        strace = shutil.which("strace")
        if strace is None:
            return "nobody may mount a file system here, and strace is not installed"
        try:
            self._attach(strace)
        except OSError as error:
            return f"nobody may mount a file system here, and {error}"
        self.empty()
        return None

    def fill(self) -> None:
        self._attach("strace", "-e", f"inject={WRITES}:error=ENOSPC")

    def empty(self) -> None:
        """It lets go of what it traces."""
        if self._tracer is not None:
            self._tracer.terminate()
            self._tracer.communicate(timeout=END_SECONDS)
            self._tracer = None

    def remove(self) -> None:
        self.empty()

    def _attach(self, strace: str, *options: str) -> None:
        """Returns when it has the first process of the server, from which all others come, and those that are there.
        Raises OSError."""
        pids = self._processes()
        # whoever ends first says so, and is no news
        output = ("-o", str(self._data.parent / "strace.txt"))
        each = [word for pid in pids for word in ("-p", str(pid))]
        self._tracer = subprocess.Popen(
            [strace, "-f", *output, "-e", f"trace={WRITES}", *options, *each],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # whoever has the same user and group may
            user=None if self._account.is_ours else self._account.uid,
            group=None if self._account.is_ours else self._account.gid,
            extra_groups=None if self._account.is_ours else [],
        )
        assert self._tracer.stderr is not None
        first = line = self._tracer.stderr.readline()
        # one that has ended meanwhile is named as well
        pending = set(map(str, pids)) - set(_NUMBER.findall(first))
        while "attached" in first and pending and line:
            line = self._tracer.stderr.readline()
            pending -= set(_NUMBER.findall(line))
        if "attached" not in first or pending:
            self.empty()
            raise OSError(f"strace may not look into the server: {(line or first).strip()}")

    def _processes(self) -> Sequence[int]:
        """The first one, and those it has started."""
        with suppress(OSError, ValueError):
            first = int((self._data / "postmaster.pid").read_text().splitlines()[0])
            children = Path(f"/proc/{first}/task/{first}/children").read_text()
            return [first, *map(int, children.split())]
        raise OSError("the server does not run")


def disk_of(data: Path, account: Account, *, mounts: bool = True) -> Disk:
    """For the server whose data will be in *data*, below a folder of its own."""
    if mounts:
        with suppress(OSError):
            return OwnFileSystem(data.parent)
    return RefusedWrites(data, account)
