"""Whom the server runs as, and who may connect to it."""

import errno
import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from temple_ledger.domain.errors import DatabaseUnavailable

FOR_ROOT = ("temple-ledger", "postgres", "nobody")

# Nothing of the caller's: PGDATA, PGOPTIONS, PGPORT, a locale or a preloaded library would change what runs.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int
    name: str
    clients: tuple[str, ...]
    """The accounts of this machine that may connect."""

    @property
    def is_ours(self) -> bool:
        """Whether this process runs as it already."""
        return self.uid == os.geteuid()

    def run(
        self, command: Sequence[str | Path], *, seconds: float, cwd: Path | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """In a session of its own, so that Ctrl-C in the terminal does not reach it."""
        try:
            return self._run(command, seconds=seconds, cwd=cwd or Path("/"), stdin=stdin)
        except OSError as error:
            if self.is_ours or error.errno not in (errno.EPERM, errno.EINVAL):
                raise
            raise DatabaseUnavailable(
                f"PostgreSQL does not run as root, and this root may not become {self.name}: "
                "run temple as an ordinary user, or set TEMPLE_DATABASE_URL"
            ) from error

    def _run(
        self, command: Sequence[str | Path], *, seconds: float, cwd: Path, stdin: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            check=False,
            cwd=cwd,
            env=ENVIRONMENT,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            start_new_session=True,
            umask=0o077,
            user=None if self.is_ours else self.uid,
            group=None if self.is_ours else self.gid,
            extra_groups=None if self.is_ours else [],
        )

    def can_pass(self, directory: Path) -> bool:
        return self.is_ours or self._finds('test -x "$1"', directory)

    def can_read(self, *files: Path) -> bool:
        return self.is_ours or self._finds('for file; do test -r "$file" || exit 1; done', *files)

    def _finds(self, script: str, *paths: Path) -> bool:
        # Asked of the kernel as that account: mode bits alone know nothing of ACLs and mount options.
        return self.run(["/bin/sh", "-c", script, "sh", *paths], seconds=10).returncode == 0

    def own(self, path: Path) -> None:
        if not self.is_ours:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def our_account() -> Account:
    """The account for a new cluster: ourselves, or for root one that PostgreSQL agrees to run as."""
    uid = os.geteuid()
    if uid != 0:
        return _account(uid)
    for name in FOR_ROOT:
        try:
            return _account(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise DatabaseUnavailable(
        "PostgreSQL does not run as root, and this machine has none of the accounts "
        f"{', '.join(FOR_ROOT)}: run temple as an ordinary user, or set TEMPLE_DATABASE_URL"
    )


def account_of(data: Path) -> Account:
    """The account that an existing cluster belongs to."""
    owner = data.stat().st_uid
    if owner == 0 or os.geteuid() not in (0, owner):
        raise DatabaseUnavailable(f"{data} belongs to {name_of(owner)}, and its server cannot run as that account")
    return _account(owner)


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"


def _account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise DatabaseUnavailable(
            f"PostgreSQL does not run as user id {uid}, which has no name on this machine: "
            "add it to /etc/passwd, or set TEMPLE_DATABASE_URL"
        ) from None
    clients = [entry.pw_name] if uid == os.geteuid() else [name_of(os.geteuid()), entry.pw_name]
    return Account(uid, entry.pw_gid, entry.pw_name, tuple(clients))
