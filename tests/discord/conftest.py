"""A listener in a thread, on the database of the test, that talks to a fake Discord through the real discord.py."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.sources.discord.catch_up import CaughtUp
from temple_ledger.infrastructure.sources.discord.frame_buffer import FrameBuffer
from temple_ledger.infrastructure.sources.discord.gateway import GatewayClient
from temple_ledger.infrastructure.sources.discord.listener import Listened, Listener
from temple_ledger.infrastructure.sources.discord.rest import pointed_at
from temple_ledger.infrastructure.sources.discord.slash_answers import SlashAnswers
from tests.discord.world import new_guild
from tests.fakes.discord_guild import TrueGuild
from tests.fakes.fake_discord import FakeDiscord

MOST_SECONDS = 60.0


@dataclass
class Running:
    listener: Listener
    database: Database
    said: list[str] = field(default_factory=list)
    caught_up: list[CaughtUp] = field(default_factory=list)
    listened: Listened | None = None
    failure: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def ended(self) -> None:
        assert self.done.wait(MOST_SECONDS)

    def until_caught_up(self, times: int = 1) -> None:
        self.until(lambda: len(self.caught_up) >= times, "it has caught up")

    def until_translated(self, kinds: Callable[[dict[str, int]], bool]) -> None:
        """*kinds* counts the frames that the inbox has; none of them waits any more."""
        self.until(lambda: kinds(self.kinds()) and not self.waiting(), f"frames are translated, not {self.kinds()}")

    def kinds(self) -> dict[str, int]:
        return dict(self.ask("select kind, count(*) from inbox group by kind"))

    def waiting(self) -> bool:
        return bool(self.ask("select from inbox where state = 'waiting' limit 1"))

    def until(self, holds: Callable[[], bool], what: str, *, seconds: float = MOST_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert self.failure is None, self.failure
            assert time.monotonic() < deadline, f"waited for: {what}; it said {self.said}"
            threading.Event().wait(0.01)

    def ask(self, query: str) -> list[Any]:
        with self.database.connect(DatabaseRole.TRANSLATE) as connection:
            return connection.execute(query.encode()).fetchall()


@contextmanager
def running(
    database: Database,
    fake: FakeDiscord,
    *,
    frames: FrameBuffer | None = None,
    clock: Callable[[], datetime] | None = None,
    slash: SlashAnswers | None = None,
    askers: Sequence[str] = (),
) -> Iterator[Running]:
    made: list[Running] = []
    listener = Listener(
        database,
        "a-token",
        guild=None,
        say=lambda text: made[0].said.append(text),
        settle_seconds=0.1,
        frames=frames,
        caught_up=lambda done: made[0].caught_up.append(done),
        clock=clock or (lambda: datetime.now(UTC)),
        slash=slash,
        askers=askers,
    )
    found = Running(listener, database)
    made.append(found)

    def listen() -> None:
        try:
            found.listened = listener.run()
        except Exception as error:  # noqa: BLE001 -- the test asks for it
            found.failure = error
        finally:
            found.done.set()

    thread = threading.Thread(target=listen)
    with pointed_at(fake.api_url, fake.gateway_url):
        thread.start()
        try:
            yield found
        finally:
            listener.stop()
            thread.join(MOST_SECONDS)
            assert not thread.is_alive()


@pytest.fixture(autouse=True)
def no_wait_before_identify(monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py waits five seconds before it identifies anew."""

    async def at_once(*_: Any, **__: Any) -> None:
        pass

    monkeypatch.setattr(GatewayClient, "before_identify_hook", at_once)


@pytest.fixture
def guild() -> TrueGuild:
    made = new_guild(7, ["Oracle", "Seeker"], now=datetime.now(UTC))
    made.wait(-3600)
    return made


@pytest.fixture
def fake(guild: TrueGuild) -> Iterator[FakeDiscord]:
    with FakeDiscord(guild) as running_:
        yield running_


@pytest.fixture
def asked(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        yield connection
