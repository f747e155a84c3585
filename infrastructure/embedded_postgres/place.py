"""Where a cluster lives, and how its directories are made. The package's docstring draws them."""

import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.embedded_postgres.account import Account, name_of

FOR_CLOSED_PARENTS = Path("/var/lib/temple-ledger")
FOR_LONG_PATHS = Path("/tmp")  # noqa: S108 - what is made there is checked, see _short_directory

PORT = 5432
"""Part of the socket's name, no port of any network."""

SOCKET = f".s.PGSQL.{PORT}"

LONGEST_SOCKET_PATH = 103
"""In bytes, without the NUL at the end: what macOS takes; Linux takes 107."""

# PostgreSQL's own programs hand these to a shell, between double quotes.
SHELL_WOULD_READ = '"$`\\\n\r'


@dataclass(frozen=True, slots=True)
class Place:
    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def unfinished_data(self) -> Path:
        return self.root / "data.new"

    @property
    def log(self) -> Path:
        return self.root / "server.log"

    @property
    def older_log(self) -> Path:
        return self.root / "server.log.1"

    @property
    def shelf(self) -> Path:
        return self.root / "programs"

    @property
    def settings(self) -> Path:
        return self.root / "postgresql.conf"

    @property
    def access(self) -> Path:
        return self.root / "pg_hba.conf"

    @property
    def names(self) -> Path:
        return self.root / "pg_ident.conf"

    @property
    def sockets(self) -> Path:
        """The directory as the server and its clients name it."""
        recorded = self.root / "sockets"
        return recorded.readlink() if recorded.is_symlink() else recorded

    @property
    def socket(self) -> Path:
        return self.sockets / SOCKET

    @property
    def socket_lock(self) -> Path:
        return self.sockets / f"{SOCKET}.lock"

    @property
    def mark(self) -> str:
        """Names the cluster: in the titles of its processes, and in /tmp."""
        return f"temple-ledger-{_digest(self.root)}"


def found(state_dir: Path) -> Place:
    """Where the cluster of a state directory is, or would be looked for first."""
    return Place(_base(state_dir).resolve())


def claimed(state_dir: Path) -> None:
    """Makes the state directory if need be; refuses one that PostgreSQL cannot live in, or another's.

    Comes before any change below it: what another account laid there, links among it, is not to be trusted.
    """
    odd = [character for character in str(state_dir) if character in SHELL_WOULD_READ]
    if odd:
        raise DatabaseUnavailable(f"PostgreSQL cannot live in {str(state_dir)!r}: its path holds {odd[0]!r}")
    _private(state_dir)
    if _base(state_dir).exists():
        _must_be_ours(_base(state_dir))


def settled(state_dir: Path, account: Account) -> Place:
    """The place with all its directories but data/, made where they are missing. No server may be running."""
    base = _base(state_dir)
    if base.is_symlink() and not base.is_dir():
        raise DatabaseUnavailable(
            f"the database of {state_dir} was in {base.readlink()}, which is gone: bring it back, "
            f"or remove the link {base} to begin an empty one"
        )
    place = Place(_private(base).resolve() if account.is_ours else _within_reach(base, account))
    _settle_sockets(place, account)
    _settle_log(place, account)
    return place


def withdraw_sockets(place: Place) -> None:
    """Leaves nothing outside the place; no server may be running there."""
    recorded = place.root / "sockets"
    if recorded.is_symlink():
        for left in (place.socket, place.socket_lock):
            left.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            recorded.readlink().rmdir()
        recorded.unlink()


def removed(state_dir: Path) -> None:
    """Takes away a place and everything in it; no server may be running there."""
    place = found(state_dir)
    withdraw_sockets(place)
    if place.root.exists():
        shutil.rmtree(place.root)
    if _base(state_dir).is_symlink():
        _base(state_dir).unlink()


def _base(state_dir: Path) -> Path:
    return state_dir / "postgres"


def _within_reach(base: Path, account: Account) -> Path:
    """As root, for another account: in the state directory, or where that account can get to."""
    if _admitted(base.parent, account) or base.is_dir():
        # Resolved, since the account may not get as far as a link to where it can get.
        root = _passage(base.resolve(), account)
        if not account.can_pass(root):
            raise DatabaseUnavailable(
                f"the account {account.name}, which runs PostgreSQL for root, cannot reach {root}"
            )
        return root
    if not FOR_CLOSED_PARENTS.exists():
        FOR_CLOSED_PARENTS.mkdir(parents=True)
        FOR_CLOSED_PARENTS.chmod(0o711)  # whatever the umask
    _must_be_ours(FOR_CLOSED_PARENTS)
    # A new name each time: whoever removes a state directory and begins again must not meet the old data.
    root = Path(tempfile.mkdtemp(prefix=f"{_digest(base.parent)}-", dir=FOR_CLOSED_PARENTS))
    (root / "belongs-to").write_text(f"{base.parent}\n", encoding="utf-8", errors="surrogateescape")
    base.symlink_to(_passage(root, account))
    return root


def _admitted(state_dir: Path, account: Account) -> bool:
    """Whether the account can pass through the state directory, which is opened to its group if need be."""
    if account.can_pass(state_dir):
        return True
    mode = stat.S_IMODE(state_dir.stat().st_mode)
    if mode & stat.S_IRWXG or not account.can_pass(state_dir.parent):
        return False
    os.chown(state_dir, -1, account.gid)
    state_dir.chmod(mode | stat.S_IXGRP)
    return account.can_pass(state_dir)


def _passage(path: Path, account: Account) -> Path:
    """A directory of ours, through which the account can pass, and in which it can change nothing."""
    _private(path)
    os.chown(path, -1, account.gid)
    path.chmod(0o710)
    return path


def _private(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _must_be_ours(path)
    return path


def _must_be_ours(path: Path) -> None:
    owner = path.stat().st_uid
    if owner != os.geteuid():
        raise DatabaseUnavailable(
            f"{path} belongs to {name_of(owner)}, not to {name_of(os.geteuid())}: "
            f"run temple as {name_of(owner)}, or set TEMPLE_HOME to a directory of your own"
        )


def _settle_sockets(place: Place, account: Account) -> None:
    recorded = place.root / "sockets"
    if _can_be_named(recorded):
        if recorded.is_symlink():
            recorded.unlink()
        recorded.mkdir(mode=0o700, exist_ok=True)
        account.own(recorded)
        return
    if recorded.is_symlink() and _is_private(recorded.readlink(), account):
        return
    if recorded.is_symlink():
        recorded.unlink()
    elif recorded.exists():
        shutil.rmtree(recorded)
    recorded.symlink_to(_short_directory(place, account))


def _short_directory(place: Place, account: Account) -> Path:
    short = FOR_LONG_PATHS / place.mark
    try:
        short.mkdir(mode=0o700)
    except FileExistsError:
        # Left by us before the link was written, or laid there by somebody for us to step into.
        if not _is_private(short, account):
            short = Path(tempfile.mkdtemp(prefix=f"{place.mark}-", dir=FOR_LONG_PATHS))
    account.own(short)
    return short


def _is_private(path: Path, account: Account) -> bool:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == account.uid and not status.st_mode & 0o077


def _can_be_named(directory: Path) -> bool:
    """By client and kernel: libpq takes a comma for the end of one host and the beginning of another."""
    return "," not in str(directory) and len(os.fsencode(directory / SOCKET)) <= LONGEST_SOCKET_PATH


def _settle_log(place: Place, account: Account) -> None:
    """Made here, since the account cannot make a file in the place."""
    descriptor = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    os.close(descriptor)
    account.own(place.log)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
