"""Servers for tests: fast, forgetful, and gone afterwards."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.embedded_postgres.account import our_account
from temple_ledger.infrastructure.embedded_postgres.lock import try_lock
from temple_ledger.infrastructure.embedded_postgres.place import removed
from temple_ledger.infrastructure.embedded_postgres.programs import DEFAULT_MAJOR
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.embedded_postgres.settings import SHARED_MEMORY

CLAIMED = "temple-scratch-"
UNCLAIMED = "temple-unclaimed-"
OWNER = "owner.lock"
ENOUGH_BYTES = 3 * 1024**3


def in_memory() -> Path | None:
    """Where files are memory, and there is enough of it: a copy of the template for each test is mostly disk."""
    place = SHARED_MEMORY
    has_room = place.is_dir() and os.access(place, os.W_OK | os.X_OK) and shutil.disk_usage(place).free > ENOUGH_BYTES
    return place if has_room else None


@contextmanager
def scratch_server(directory: Path | None = None, *, major: int = DEFAULT_MAJOR) -> Iterator[EmbeddedServer]:
    """A started server in a new directory below *directory*.

    Below the system's for temporary files, if none is given or the server's account cannot get there,
    as with pytest's when root runs the tests.

    A process that is killed cannot clean up, so each state directory holds a lock that ends with its owner:
    the next call for the same *directory* ends and removes those whose lock is free. By hand:
    `ls /tmp/temple-scratch-*/postgres` (or below *directory*), and `kill -QUIT` the first line of data/postmaster.pid
    there.
    """
    usual = Path(tempfile.gettempdir())
    base = directory if directory and our_account().can_pass(directory) else usual
    remove_abandoned(base)
    with _claimed(base) as state_dir:
        try:
            server = EmbeddedServer(state_dir, durable=False, major=major)
            server.start()
            yield server
        finally:
            _remove(state_dir)


def remove_abandoned(base: Path) -> None:
    for state_dir in base.glob(f"{CLAIMED}*"):
        # A neighbour may be removing it at this moment, or it may be another user's.
        with suppress(OSError, DatabaseUnavailable):
            if state_dir.is_symlink() or state_dir.stat().st_uid != os.geteuid():
                continue
            with (state_dir / OWNER).open("rb") as owner:
                if try_lock(owner.fileno()):
                    _remove(state_dir)


@contextmanager
def _claimed(base: Path) -> Iterator[Path]:
    """A new state directory, locked as long as the block lasts. It gets its name when it is locked."""
    unclaimed = Path(tempfile.mkdtemp(prefix=UNCLAIMED, dir=base))
    with (unclaimed / OWNER).open("wb") as owner:
        try_lock(owner.fileno())
        state_dir = base / unclaimed.name.replace(UNCLAIMED, CLAIMED)
        unclaimed.rename(state_dir)
        yield state_dir


def _remove(state_dir: Path) -> None:
    EmbeddedServer(state_dir, durable=False).stop("immediate")
    removed(state_dir)
    shutil.rmtree(state_dir)
