"""The server of a state directory: started when needed, shared, and stopped only when told."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.embedded_postgres import postmaster, server_log
from temple_ledger.infrastructure.embedded_postgres.account import Account, account_of, our_account
from temple_ledger.infrastructure.embedded_postgres.cluster import DATABASE, SUPERUSER, make_cluster
from temple_ledger.infrastructure.embedded_postgres.lock import exclusive
from temple_ledger.infrastructure.embedded_postgres.place import (
    PORT,
    Place,
    claimed,
    found,
    removed,
    settled,
    withdraw_sockets,
)
from temple_ledger.infrastructure.embedded_postgres.postmaster import StopMode
from temple_ledger.infrastructure.embedded_postgres.programs import (
    DEFAULT_MAJOR,
    installed_wheel,
    major_of,
    within_reach,
)
from temple_ledger.infrastructure.embedded_postgres.settings import write_settings

TERMINFO_DIRS = "/etc/terminfo:/lib/terminfo:/usr/lib/terminfo:/usr/share/terminfo"

START_SECONDS = 60
STOP_SECONDS = 60
LOCK_SECONDS = 300.0
"""More than making and starting a cluster takes on a slow disk."""


class EmbeddedServer:
    """`durable=False` gives up what protects data from a crash, for servers that are thrown away.

    *major* is the version of a cluster yet to be made; an existing one keeps its own, as a running server
    keeps the durability it was started with.
    Any method raises DatabaseUnavailable, with the reason.
    """

    def __init__(self, state_dir: Path, *, durable: bool = True, major: int = DEFAULT_MAJOR) -> None:
        self.state_dir = state_dir.resolve()
        self.durable = durable
        self.major = major

    def start(self) -> str:
        """Makes the cluster the first time, starts it unless it runs, and returns the superuser's DSN.

        The server outlives this process. Who calls at the same moment waits, and gets the same server.
        """
        with self._explained("started"):
            claimed(self.state_dir)
            if not self.running():
                with self._lock():
                    self._start()
            if server_log.is_too_large(self._place):
                with self._lock():
                    server_log.cut(self._place)
        return self.dsn()

    def stop(self, mode: StopMode = "fast") -> None:
        """Returns when the server has ended. `immediate` is a crash: the next start recovers."""
        with self._explained("stopped"):
            if not self._place.data.exists():
                return
            claimed(self.state_dir)
            with self._lock():
                if self.running() or postmaster.living(self._place):
                    self._stop(mode)

    def running(self) -> bool:
        """Whether it takes connections."""
        with self._explained("found"):
            return postmaster.is_ready(self._place)

    def pid(self) -> int | None:
        with self._explained("found"):
            living = postmaster.living(self._place)
            return living.pid if living else None

    def dsn(self, dbname: str = DATABASE) -> str:
        """For psql and psycopg, as superuser. Where the socket is, is certain once the server has started."""
        sockets = quote(os.fsencode(self.socket_dir), safe="/")
        return f"postgresql://{SUPERUSER}@/{quote(dbname, safe='')}?host={sockets}&port={PORT}"

    def client_binary(self, name: str) -> Path:
        """psql, pg_dump and the like, of the version of the cluster."""
        with self._explained("found"):
            program = installed_wheel().programs(self._major(self._place)) / name
            if not program.exists():
                raise DatabaseUnavailable(f"the embedded PostgreSQL has no program {name}")
            return program

    def psql_environment(self, dbname: str = DATABASE) -> dict[str, str]:
        """What makes psql and its like, called without arguments, connect as superuser."""
        return {
            "PGHOST": str(self.socket_dir),
            "PGPORT": str(PORT),
            "PGUSER": SUPERUSER,
            "PGDATABASE": dbname,
            # The wheel's readline was built elsewhere, and looks for terminals only where they lay there.
            "TERMINFO_DIRS": TERMINFO_DIRS,
        }

    @property
    def data_dir(self) -> Path:
        return self._place.data

    @property
    def socket_dir(self) -> Path:
        return self._place.sockets

    @property
    def log_file(self) -> Path:
        return self._place.log

    @property
    def _place(self) -> Place:
        return found(self.state_dir)

    def _lock(self) -> AbstractContextManager[None]:
        return exclusive(self.state_dir / "postgres.lock", seconds=LOCK_SECONDS)

    def _start(self) -> None:
        if self._came_up(self._place):
            return
        account = account_of(self._place.data) if self._place.data.exists() else our_account()
        place = settled(self.state_dir, account)
        try:
            programs = within_reach(installed_wheel(), self._major(place), account, place.shelf)
            if not place.data.exists():
                make_cluster(place, programs, account, durable=self.durable)
        except BaseException:
            if not place.data.exists():
                with suppress(OSError):  # the first error is the one to tell
                    removed(self.state_dir)
            raise
        write_settings(place, account, durable=self.durable)
        postmaster.clear_after_crash(place, account)
        _launch(place, programs, account)

    def _came_up(self, place: Place) -> bool:
        """Whether a server of somebody else's start is ready; if not, none is left when this returns."""
        if postmaster.is_ready(place):
            return True
        living = postmaster.await_end_of(place, "starting", seconds=START_SECONDS)
        if living and living.status == "starting":
            raise _still_starting(place)
        if living and living.status == "ready" and postmaster.listens(place):
            return True
        if living:
            # On its way down; or its socket was removed, by a cleaner of /tmp for one, and nobody gets in.
            self._stop("fast")
        return False

    def _stop(self, mode: StopMode) -> None:
        place = self._place
        living = postmaster.living(place)
        if living is None:
            raise DatabaseUnavailable(
                f"the server under {place.root} answers, but is no process of this machine: "
                "stop it in the container that started it"
            )
        # Signals are all that pg_ctl would send, and need no programs that this account can reach.
        postmaster.signal(living, mode)
        if not postmaster.ended(living, place, seconds=STOP_SECONDS):
            raise DatabaseUnavailable(
                f"the embedded PostgreSQL under {place.root} did not stop in {STOP_SECONDS} s: see {place.log}"
            )
        withdraw_sockets(place)

    def _major(self, place: Place) -> int:
        return major_of(place.data) if place.data.exists() else self.major

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """The system's refusals as one sentence; `what` was to be done to the server."""
        beginning = f"the embedded PostgreSQL of {self.state_dir} could not be {what}"
        try:
            yield
        except subprocess.TimeoutExpired as error:
            program = Path(os.fsdecode(error.cmd[0])).name
            raise DatabaseUnavailable(f"{beginning}: {program} took more than {error.timeout:.0f} s") from error
        except OSError as error:
            where = error.filename or self._place.root
            hint = "; run temple as the owner of that directory" if isinstance(error, PermissionError) else ""
            raise DatabaseUnavailable(f"{beginning}: {where}: {error.strerror or error}{hint}") from error


def _launch(place: Place, programs: Path, account: Account) -> None:
    mark = server_log.size(place)
    waiting = ("-w", "-t", str(START_SECONDS))
    settings = ("-o", f'-c "config_file={place.settings}"')
    started = account.run(
        (programs / "pg_ctl", "start", "-s", *waiting, "-D", place.data, "-l", place.log, *settings),
        seconds=START_SECONDS + 15,
    )
    if started.returncode == 0:
        return
    if postmaster.living(place):
        raise _still_starting(place)
    reason = server_log.reason_in(server_log.written_since(place, mark))
    reason = reason or server_log.full_disk(place.root) or server_log.reason_in(started.stderr)
    raise DatabaseUnavailable(f"the embedded PostgreSQL under {place.root} did not start: {reason}")


def _still_starting(place: Place) -> DatabaseUnavailable:
    said = server_log.reason_in(server_log.written_since(place, 0))
    return DatabaseUnavailable(
        f"the embedded PostgreSQL under {place.root} is not ready after {START_SECONDS} s and goes on "
        f"starting (its last words: {said}): try again"
    )
