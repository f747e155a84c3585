"""This machine: what we run on, where our files are, and who can read them."""

import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psycopg

from temple_ledger.infrastructure.embedded_postgres.account import FOR_ROOT
from temple_ledger.infrastructure.observability.doctor.finding import Check, fail, ok, warn

OLDEST_PYTHON: Final = (3, 11)
LIBRARIES: Final = ("click", "eventsourcing", "psycopg", "pydantic", "rich", "structlog")
SHARED_ACCOUNTS: Final = FOR_ROOT[1:]
LITTLE_SPACE: Final = 2_000_000_000
NO_SPACE: Final = 200_000_000


def check_python() -> Check:
    found = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}, {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return fail("python", found, "use Python 3.11 or newer")
    return ok("python", found)


def check_libraries() -> Check:
    found, missing = [], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return fail("libraries", f"{', '.join(missing)} not installed", "install Temple Ledger again")
    versions = f"{', '.join(found)}, libpq {psycopg.pq.version() // 10_000}"
    if psycopg.pq.__impl__ == "python":
        return warn(
            "libraries",
            f"{versions}, without psycopg's C part",
            "install psycopg[binary]: reading is much slower",
        )
    return ok("libraries", versions)


def check_state_dir(home: Path) -> Check:
    if not home.exists():
        return ok("state directory", f"{home}: not made yet")
    status = home.stat()
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid():
        return fail(
            "state directory",
            f"{home} belongs to another account",
            "run temple as its owner, or set TEMPLE_HOME",
        )
    # root's is passed through by the account that the embedded server runs as
    if mode & (stat.S_IRWXO | stat.S_IRGRP | stat.S_IWGRP):
        return fail("state directory", f"{home} is open to others ({mode:04o})", f"run: chmod go-rwx {home}")
    return ok("state directory", f"{home}, {mode:04o}")


def check_account(name: str) -> Check:
    """Whom the embedded server runs as: whatever else runs as that account can read and change its files."""
    if name in SHARED_ACCOUNTS:
        return warn(
            "database account",
            f"the embedded server runs as {name}, as other programs of this machine do: they can change its files",
            f"make an account of its own (useradd --system {FOR_ROOT[0]}) before a new ledger is made, and restore "
            "a dump there",
        )
    return ok("database account", f"the embedded server runs as {name}")


def check_space(folders: Iterable[Path]) -> Iterator[Check]:
    """Of the file systems that the folders are on, or will be."""
    seen: set[int] = set()
    for folder in folders:
        there = next(each for each in (folder, *folder.parents) if each.exists())
        device = there.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(there).free
        room = f"{free / 1e9:,.1f} GB free at {there}"
        if free < NO_SPACE:
            yield fail("disk space", room, "make room: PostgreSQL stops when it cannot write")
        elif free < LITTLE_SPACE:
            yield warn("disk space", room, "make room, or watch it")
        else:
            yield ok("disk space", room)


def check_secrets(files: Iterable[Path]) -> Check:
    """Files that hold a secret are for their owner, or a group of theirs."""
    every = list(files)
    opened = [f"{file} ({stat.S_IMODE(file.stat().st_mode):04o})" for file in every if _is_open(file)]
    if opened:
        return warn(
            "secret files",
            f"everybody on this machine can read {', '.join(opened)}",
            "run: chmod o-rwx on them",
        )
    return ok("secret files", ", ".join(map(str, every)) or "there are none")


def _is_open(file: Path) -> bool:
    """Whether others can read it: the file itself, and every directory down to it."""
    return bool(file.stat().st_mode & stat.S_IROTH) and all(
        folder.stat().st_mode & stat.S_IXOTH for folder in file.resolve().parents
    )
