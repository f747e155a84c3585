"""The processes of a soak: the services as in production, and those who send."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen
from uuid import UUID

from bench.discord_stand import small_guild
from bench.site import rows
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.log.append import LogAppender
from tests.chaos.acknowledged import Acknowledged
from tests.chaos.senders import Sender
from tests.fakes.fake_discord import FakeDiscord
from tests.ports import free_port
from tests.webhooks.builders import SECRET

RUNNER, RECEIVER, LISTENER, SEALER = "runner", "receiver", "listener", "sealer"
SERVICES: Final[Mapping[str, Sequence[str]]] = {
    RUNNER: ("run",),
    RECEIVER: ("receive",),
    LISTENER: ("discord", "listen"),
    SEALER: ("seal", "run"),
}
GUILD: Final = 1_000
ROLES: Final = 40
A_TIME: Final = 10
STORM_EVERY_SECONDS: Final = 60.0
STORM_SECONDS: Final = 5.0
STORM_TIMES: Final = 8
LATE: Final = 0.02
LATE_BY: Final = timedelta(days=2)
FRAME_SECONDS: Final = 0.1
DELIVERY_SECONDS: Final = 0.1
READY_SECONDS: Final = 60.0
END_SECONDS: Final = 30


class Stand:
    """`processes`: pid by name. `temple` types a command of an operator."""

    def __init__(self, dsn: str, folder: Path, port: int, discord: tuple[str, str]) -> None:
        self.port = port
        self.output = folder / "output.txt"
        self.processes: dict[str, int] = {}
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TEMPLE_")},
            "TEMPLE_DATABASE_URL": dsn,
            "TEMPLE_SERVICES_AS_OWNER": "true",
            "TEMPLE_HOME": str(folder / "home"),
            "TEMPLE_CONFIG_FILE": "",
            "TEMPLE_LOG_LEVEL": "warning",
            "TEMPLE_METRICS_PORT": "0",
            "TEMPLE_RECEIVE_METRICS_PORT": "0",
            "TEMPLE_RECEIVE_PORT": str(port),
            "TEMPLE_PATREON_SECRETS": SECRET,
            "TEMPLE_DISCORD_TOKEN": "a-token",
            "TEMPLE_DISCORD_API_URL": discord[0],
            "TEMPLE_DISCORD_GATEWAY_URL": discord[1],
            "TEMPLE_OPERATOR": "soak",
        }

    def temple(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "temple_ledger.cli", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with ExitStack() as stack, self.output.open("ab") as output:
            for name, arguments in SERVICES.items():
                process = subprocess.Popen(
                    [sys.executable, "-m", "temple_ledger.cli", *arguments],
                    env=self._environment,
                    stdout=output,
                    stderr=output,
                )
                stack.callback(_end, process)
                self.processes[name] = process.pid
            self._wait_until_ready()
            yield

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._receives():
            assert time.monotonic() < deadline, f"the services do not get ready: {self.output.read_text()}"
            time.sleep(0.1)

    def _receives(self) -> bool:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
        return False


@contextmanager
def stand(dsn: str, folder: Path, discord: tuple[str, str]) -> Iterator[Stand]:
    folder.mkdir(exist_ok=True)
    made = Stand(dsn, folder, free_port(), discord)
    with made.at_work():
        yield made


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def guild_at_work(place: Any, ended: Any) -> None:
    """People get roles and lose them, until *ended*; puts the two addresses first."""
    dice = random.Random(1)
    guild = small_guild(GUILD)
    with FakeDiscord(guild) as fake:
        place.put((fake.api_url, fake.gateway_url))
        people = sorted(set(guild.members) - {guild.bot})
        while not ended.wait(FRAME_SECONDS):
            guild.now = datetime.now(UTC)
            who, role = dice.choice(people), dice.choice(sorted(guild.roles))
            goes = role in guild.members[who].roles
            fake.dispatch(*guild.change_roles(who, add=[] if goes else [role], remove=[role] if goes else []))


def patreon_at_work(port: int, ended: Any) -> None:
    """Signed deliveries, each again until it is answered, until *ended*."""
    Sender(port, Acknowledged(), "soak").run(ended, DELIVERY_SECONDS)


def append_a_month(dsn: str, rate: int, month: timedelta, seconds: float, ended: Any) -> int:
    """A month of *seconds*, in storms and lulls, until *ended*; how many events were acknowledged."""
    dice = random.Random(2)
    members = [user_id for (user_id,) in rows(dsn, "select user_id from temple_member_status order by user_id")]
    began, first, number = time.monotonic(), datetime.now(UTC) - month, 0
    with LogAppender(Database(dsn)) as appender:
        while not ended.is_set():
            passed = time.monotonic() - began
            occurred_at = first + month * min(1.0, passed / seconds)
            appender.append_many([_event(dice, members, occurred_at) for _ in range(A_TIME)])
            number += A_TIME
            times = STORM_TIMES if passed % STORM_EVERY_SECONDS < STORM_SECONDS else 1
            ended.wait(max(0.0, A_TIME / (rate * times) - (time.monotonic() - began - passed)))
    return number


def _event(dice: random.Random, members: Sequence[str], occurred_at: datetime) -> LogEntry:
    if dice.random() < LATE:
        occurred_at -= dice.random() * LATE_BY
    role = str(4_000_000_000_000_000_00 + dice.randrange(ROLES))
    event_type, action, target = dice.choice(
        (
            ("discord_role_change", "added", role),
            ("discord_role_change", "added", role),
            ("discord_role_change", "removed", role),
            ("discord_role_change", "removed", role),
            ("patreon_membership", "changed", "Oracle"),
            ("patreon_membership", "ended", None),
            ("member_inactivity", "marked", None),
        )
    )
    event_id = UUID(int=dice.getrandbits(128))
    return LogEntry(event_id, occurred_at, event_type, dice.choice(members), action, target, None, "soak")
