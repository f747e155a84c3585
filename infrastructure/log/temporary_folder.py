"""Folders in the temporary folder that go with the process that made them, also where it was killed.

Nobody tidies up after a kill. So whoever makes such a folder first removes those of the same kind whose maker is gone:
each holds a lock in its folder, which the system gives back when a process ends, however it does.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from temple_ledger.infrastructure.embedded_postgres.lock import try_lock

LOCK: Final = "in-use"
UNLOCKED: Final = "in-use.new"
_FLAGS: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def temporary_folder(kind: str) -> Iterator[Path]:
    """For this user alone, until the block ends. *kind* begins its name."""
    _remove_left_ones(kind)
    with tempfile.TemporaryDirectory(prefix=kind, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        descriptor = os.open(folder / UNLOCKED, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            try_lock(descriptor)
            # from here on others look at it, and find it held
            (folder / UNLOCKED).rename(folder / LOCK)
            yield folder
        finally:
            os.close(descriptor)


def _remove_left_ones(kind: str) -> None:
    """Those of this user that nobody holds. One without a lock is being made, or was made by something else."""
    with suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{kind}*"):
            with suppress(OSError):
                if _is_ours(folder):
                    _remove_unless_held(folder)


def _is_ours(folder: Path) -> bool:
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _remove_unless_held(folder: Path) -> None:
    descriptor = os.open(folder / LOCK, _FLAGS)
    try:
        if try_lock(descriptor):
            shutil.rmtree(folder)
    finally:
        os.close(descriptor)
