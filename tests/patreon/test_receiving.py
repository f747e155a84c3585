"""From Patreon's sender to the log through `temple receive`, killed and started again in between."""

import http.client
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from tests.cli.conftest import Typed, environment, home, spawn, temple  # noqa: F401
from tests.fakes.patreon import FakePatreon
from tests.fakes.patreon_sender import Sender
from tests.patreon.bodies import ACOLYTE, DISCORD, NOVICE, ORACLE, OTHER_DISCORD, START, at
from tests.patreon.truth import Patron

SECRET = "temple-ledger-test-secret"
MOST_SECONDS = 60.0

Spawn = Callable[..., "subprocess.Popen[str]"]


class Receiver:
    """`temple receive` as a process of its own, with a token to look again with."""

    def __init__(self, spawn: Spawn, patreon: FakePatreon) -> None:  # noqa: F811
        self._spawn = spawn
        self._token = {"TEMPLE_PATREON_TOKEN": "first", "TEMPLE_PATREON_API_URL": patreon.url}
        self._process: subprocess.Popen[str] | None = None
        self._port = 0

    def starts(self) -> None:
        self._process = self._spawn(
            "receive", "--port", "0", TEMPLE_PATREON_SECRETS=SECRET, TEMPLE_METRICS_PORT="0", **self._token
        )
        assert self._process.stdout is not None
        url = urlsplit(self._process.stdout.readline().removeprefix("listening on ").strip())
        self._port = url.port or 0

    def is_killed(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(MOST_SECONDS)

    def post(self, trigger: str, body: bytes, signed: str) -> bool:
        headers = {"Content-Type": "application/json", "X-Patreon-Event": trigger, "X-Patreon-Signature": signed}
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=MOST_SECONDS)
            connection.request("POST", "/hooks/patreon/main", body, headers)
            return connection.getresponse().status == 200
        except OSError:
            return False


@pytest.fixture
def receiver(spawn: Spawn, patreon: FakePatreon) -> Receiver:  # noqa: F811
    return Receiver(spawn, patreon)


@pytest.fixture
def log(database: Database) -> Iterator[Callable[[int], list[Any]]]:
    """So many events, once they are there."""
    with database.connect(DatabaseRole.READ) as connection:
        connection.execute(statement("log_listen"))

        def events(number: int) -> list[Any]:
            deadline = time.monotonic() + MOST_SECONDS
            while True:
                found = connection.execute(
                    "select user_id, action, target from webhook_audit_log order by id"
                ).fetchall()
                if len(found) >= number or time.monotonic() > deadline:
                    return found
                for _ in connection.notifies(timeout=0.5, stop_after=1):
                    pass

        yield events


def pledged(number: int, discord: str, tier: Any) -> Patron:
    return Patron(
        number,
        discord=discord,
        here=True,
        status="active_patron",
        tier=tier,
        charge="Paid",
        charged=START,
        pledged=START,
        lifetime=tier[2],
    )


def test_what_is_sent_is_told_once_whoever_is_killed(
    receiver: Receiver,
    patreon: FakePatreon,
    log: Callable[[int], list[Any]],
    temple: Typed,  # noqa: F811
) -> None:
    sender = Sender(receiver.post)
    iris, ben = pledged(0, DISCORD, ACOLYTE), pledged(1, OTHER_DISCORD, NOVICE)
    patreon.put(iris.document())
    patreon.put(ben.document())

    receiver.starts()
    sender.tell(START, iris.document(), "pledge:create", "update")
    assert log(1) == [(DISCORD, "started", "Acolyte")]

    # nothing shows that this one is newer: Patreon is asked
    iris.tier = ORACLE
    patreon.put(iris.document())
    sender.tell(START, iris.document(), "pledge:update", "update")
    assert log(2)[-1] == (DISCORD, "changed", "Oracle")

    receiver.is_killed()
    sender.tell(START, ben.document(), "pledge:create", "update")
    assert (sender.failures, len(sender.queue)) == (2, 2)
    receiver.starts()
    sender.retry(at(days=1))
    assert log(3)[-1] == (OTHER_DISCORD, "started", "Novice")

    # a loss that nobody sent
    patreon.remove(ben.member_id)
    ended = temple("patreon", "snapshot", "--apply", TEMPLE_PATREON_TOKEN="first", TEMPLE_PATREON_API_URL=patreon.url)
    assert ended.code == 0, ended.stderr
    assert log(4)[3:] == [(OTHER_DISCORD, "ended", None)]
    receiver.is_killed()
