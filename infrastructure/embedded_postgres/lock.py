"""One process at a time creates, starts or stops a server."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from temple_ledger.domain.errors import DatabaseUnavailable

POLL_SECONDS = 0.02


@contextmanager
def exclusive(file: Path, *, seconds: float) -> Iterator[None]:
    """Held until the block ends, or the process does; the file stays."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(
                    f"another process has held {file} for {seconds:.0f} s, to start or stop the embedded "
                    "PostgreSQL: wait for it, or end it"
                )
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
