"""Makes a cluster with the database in it, whole or not at all."""

import os
import shutil
from pathlib import Path
from subprocess import CompletedProcess

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.embedded_postgres.account import Account
from temple_ledger.infrastructure.embedded_postgres.place import Place
from temple_ledger.infrastructure.embedded_postgres.server_log import full_disk, reason_in

SUPERUSER = "temple"
DATABASE = "temple"
MAKING_SECONDS = 120.0

INITDB_OPTIONS = (
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    # Collation C compares bytes: the fastest there is, the same on every machine, and no change of the
    # C library ever reorders an index. It needs no locale to be installed.
    "--locale=C",
    "--data-checksums",
    # Only for whoever starts the cluster by hand: our own server is told another file.
    "--auth-local=peer",
    "--auth-host=reject",
    "--set=huge_pages=off",
    "--no-instructions",
)

FIRST_STATEMENTS = (
    # The message of a failed statement may quote what was sent, and belongs to the client alone. Set for
    # sessions, not for the server: what the checkpointer or the archiver fails at must be in the log.
    "alter role all set log_min_messages = 'log';",
    f"create database {DATABASE};",
)


def make_cluster(place: Place, programs: Path, account: Account, *, durable: bool) -> None:
    """The last step is a rename; what a killed predecessor left of its own attempt is removed."""
    unfinished = place.unfinished_data
    if unfinished.exists():
        shutil.rmtree(unfinished)
    try:
        unfinished.mkdir(mode=0o700)
        account.own(unfinished)
        initdb = (
            programs / "initdb",
            "-D",
            unfinished,
            *INITDB_OPTIONS,
            *(() if durable else ("--no-sync",)),
        )
        _succeeded(account.run(initdb, seconds=MAKING_SECONDS), place)
        # By the server in its single-user mode: a cluster without its database never bears the final name.
        single = (programs / "postgres", "--single", "-D", unfinished, "-c", "exit_on_error=on")
        unsynced = () if durable else ("-F",)
        statements = "".join(f"{statement}\n" for statement in FIRST_STATEMENTS)
        _succeeded(account.run((*single, *unsynced, "postgres"), seconds=MAKING_SECONDS, stdin=statements), place)
        unfinished.rename(place.data)
        if durable:
            _sync(place.root)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _succeeded(run: CompletedProcess[str], place: Place) -> None:
    if run.returncode != 0:
        reason = reason_in(run.stderr) or full_disk(place.root) or f"exit code {run.returncode}"
        raise DatabaseUnavailable(f"the embedded PostgreSQL could not be made in {place.root}: {reason}")


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
