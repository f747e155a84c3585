"""What open pages of the console cost while nothing happens, and how soon they have what does.

The console is a process of its own, as in production; what
listens is as many connections as that many browsers have.
"""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from bench.findings import Series
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.console_logins import READER, SIGN_IN, as_login, make_console_logins
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.rights import EVERY
from temple_ledger.infrastructure.web.sign_in import make_link
from temple_ledger.projections.testing.histories import at, joined
from tests.ports import free_port
from tests.web.conftest import Visitor

OF_A_SESSION: Final = 5
"""Streams; a browser has one, whatever number of tabs it has."""
EVENTS: Final = 5


def open_pages(database: Database, home: Path, pages: int, seconds: float) -> Mapping[str, Series]:
    """On an empty ledger: `idle` while nothing happens, `event` until every page has a new one, `memory` after that."""
    with ExitStack() as stack:
        make_console_logins(database)
        ledger = LedgerScenario(database)
        ledger.given(*(joined(f"{500_000_000_000_000_000 + number}", at(number)) for number in range(100)))
        ledger.catch_up()
        process, port = stack.enter_context(_console(database, home))
        sessions = [_signed_in(database, port) for _ in range(-(-pages // OF_A_SESSION))]
        streams = [Stream(sessions[number // OF_A_SESSION]) for number in range(pages)]
        time.sleep(3)
        idle = _idle(process.pid, seconds)
        taken = _follow(ledger, streams)
        return {
            "idle": Series(f"{pages} idle pages", "% of a core", (idle,)),
            "event": Series(f"a new event on all of {pages} pages", "s", tuple(taken)),
            "memory": Series(f"memory with {pages} pages", "MB", (_memory(process.pid),)),
        }


class Stream:
    """One browser that listens, and asks for its part of the page when it hears of something."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._connection = http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=120)
        self.shown: list[float] = []
        threading.Thread(target=self._until_closed, daemon=True).start()

    def _until_closed(self) -> None:
        """The console's end is this one's; one that ends too early has not shown what is waited for."""
        with suppress(OSError, http.client.HTTPException):
            self._listen()

    def _listen(self) -> None:
        self._connection.request("GET", "/live", headers={"Cookie": _cookies(self._visitor)})
        answer = self._connection.getresponse()
        assert answer.status == 200, answer.status
        while line := answer.fp.readline():
            if line.startswith(b"data:"):
                part = self._visitor.get("/events", HX_Request="true", HX_Target="live")
                assert part.status == 200
                self.shown.append(time.monotonic())


@contextmanager
def _console(database: Database, home: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    port = free_port()
    environment = {
        **os.environ,
        "TEMPLE_HOME": str(home),
        "TEMPLE_DATABASE_URL": database.dsn,
        "TEMPLE_WEB_PORT": str(port),
        "TEMPLE_WEB_DATABASE_URL": as_login(database, READER).dsn,
        "TEMPLE_WEB_SIGN_IN_DATABASE_URL": as_login(database, SIGN_IN).dsn,
    }
    process = subprocess.Popen([sys.executable, "-m", "temple_ledger.cli", "web"], env=environment)
    try:
        while not _answers(port):
            assert process.poll() is None, "the console ended"
            time.sleep(0.2)
        yield process, port
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return Visitor(port).get("/healthz").status == 200
    except OSError:
        return False


def _signed_in(database: Database, port: int) -> Visitor:
    with as_login(database, SIGN_IN).connect(DatabaseRole.LOGIN) as connection:
        link = f"/sign-in/{make_link(connection, 'local:bench', EVERY)}"
    visitor = Visitor(port)
    assert visitor.post(link).status == 303
    return visitor


def _cookies(visitor: Visitor) -> str:
    return "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())


def _idle(pid: int, seconds: float) -> float:
    """Percent of a core."""
    before, started = _processor_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (_processor_seconds(pid) - before) / (time.monotonic() - started)


def _follow(ledger: LedgerScenario, streams: Sequence[Stream]) -> list[float]:
    """An event, until every browser has its part of the page: seconds."""
    taken: list[float] = []
    for number in range(EVENTS):
        known = [len(each.shown) for each in streams]
        began = time.monotonic()
        ledger.given(joined(f"{600_000_000_000_000_000 + number}", at(number)))
        while not all(len(each.shown) > before for each, before in zip(streams, known, strict=True)):
            assert time.monotonic() - began < 30, (
                f"{sum(len(e.shown) > b for e, b in zip(streams, known, strict=True))}"
            )
            time.sleep(0.01)
        taken.append(time.monotonic() - began)
        time.sleep(3)
    return taken


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    status: Mapping[str, str] = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return int(status["VmRSS"].split()[0]) / 1024
