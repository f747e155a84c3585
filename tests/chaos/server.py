"""The PostgreSQL of a storm: durable, with a clock that can be stepped and a disk that can be full."""

from contextlib import suppress
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from temple_ledger.infrastructure.embedded_postgres.account import our_account
from temple_ledger.infrastructure.embedded_postgres.programs import DEFAULT_MAJOR, installed_wheel, within_reach
from tests.chaos.disk import disk_of

SUPERUSER: Final = "storm"
PORT: Final = 5432
CONNECTIONS: Final = 60
SETTINGS: Final = (
    "listen_addresses=",
    f"port={PORT}",
    f"max_connections={CONNECTIONS}",
    "max_prepared_transactions=8",
    "shared_buffers=64MB",
    "max_wal_size=128MB",
    "min_wal_size=32MB",
    "deadlock_timeout=200ms",
    "log_min_messages=warning",
    "timezone=UTC",
    "jit=off",
)
FAKETIME: Final = ("/usr/lib", "/usr/local/lib", "/opt/homebrew/lib")


class ChaosServer:
    """`disk` can be full. `no_clock`: why the clock cannot be stepped here; None if it can."""

    def __init__(self, folder: Path, *, mounts: bool = True) -> None:
        self._account = our_account()
        self._folder = folder
        self._clock = folder / "clock"
        place = folder / "disk"
        place.mkdir()
        self._data = place / "data"
        self.disk = disk_of(self._data, self._account, mounts=mounts)
        library = _faketime()
        self.no_clock = None if library else "libfaketime is not installed (Debian: faketime)"
        self._environment = [] if library is None else self._faking(library)
        self._programs = within_reach(installed_wheel(), DEFAULT_MAJOR, self._account, folder / "programs")
        for each in (folder, place):
            self._account.own(each)
        self._run(
            *(self._programs / "initdb", "-D", self._data, "-U", SUPERUSER, "--encoding=UTF8", "--locale=C"),
            *("--auth=trust", "--no-sync", "--wal-segsize=4", "--data-checksums"),
        )

    def dsn(self, login: str = SUPERUSER, database: str = "postgres") -> str:
        return f"postgresql://{login}@/{database}?host={quote(str(self._folder))}&port={PORT}"

    def start(self) -> None:
        settings = " ".join(f"-c {each}" for each in (*SETTINGS, f"unix_socket_directories={self._folder}"))
        log = self._folder / "server.log"
        start = (self._programs / "pg_ctl", "start", "-w", "-s", "-D", self._data, "-l", log, "-o", settings)
        self._run(*self._environment, *start)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        stop = (self._programs / "pg_ctl", "stop", "-w", "-s", "-m", mode, "-D", self._data)
        self._account.run(stop, seconds=60)

    def running(self) -> bool:
        return self._account.run((self._programs / "pg_ctl", "status", "-D", self._data), seconds=30).returncode == 0

    def remove(self) -> None:
        self.stop("immediate")
        self.disk.remove()

    def step_clock(self, seconds: int) -> None:
        """From now on the server's clock is so far from the machine's."""
        new = self._clock.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.chmod(0o644)
        new.replace(self._clock)

    def _faking(self, library: Path) -> list[str | Path]:
        self.step_clock(0)
        faking = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": self._clock,
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",
        }
        return ["/usr/bin/env", *(f"{name}={value}" for name, value in faking.items())]

    def _run(self, *command: str | Path) -> None:
        done = self._account.run(command, seconds=90)
        if done.returncode != 0:
            raise RuntimeError(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip()}")


def _faketime() -> Path | None:
    for place in FAKETIME:
        with suppress(OSError, StopIteration):
            return next(Path(place).rglob("libfaketime.so.1"))
    return None
