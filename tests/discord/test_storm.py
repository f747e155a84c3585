"""Histories through the real discord.py, with the faults of a connection and of the listener itself.

What must hold is said in `test_histories`; here the whole way is taken: sockets, RESUME, REST, threads.
TEMPLE_DISCORD_STORMS in the environment asks for more of them than a usual run has.
"""

import os
import random
from collections import Counter
from typing import Any

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery
from temple_ledger.infrastructure.sources.discord.frame_buffer import FrameBuffer
from temple_ledger.infrastructure.sources.discord.snapshot import apply_discord_snapshot
from tests.discord.conftest import Running, running
from tests.discord.test_listening import people, then_equal
from tests.discord.world import KINDS
from tests.fakes.discord_guild import ENTRY, Dispatch, TrueGuild
from tests.fakes.fake_discord import AUDIT_LOG, FakeDiscord

STEPS = 80
RUNS = 3
FAULTS = ("abort", "abort", "reconnect", "invalid", "deaf", "deaf", "outage")


class Storm:
    """Changes of a guild at random, and now and then a fault; `gaps` are what nobody but the audit log tells of."""

    def __init__(self, fake: FakeDiscord, users: list[str], seed: int) -> None:
        self.fake = fake
        self.guild: TrueGuild = fake.guild
        self.users = users
        self.chance = random.Random(seed)
        self._late: list[Dispatch] = []

    def change(self) -> None:
        self.guild.wait(3)
        user_id = self.chance.choice(self.users)
        roles = list(self.guild.roles)
        done: list[Dispatch]
        if not self.guild.is_member(user_id):
            done = self.guild.join(user_id)
        elif (drawn := self.chance.random()) < 0.1:
            done = self.chance.choice([self.guild.leave, self.guild.kick, self.guild.ban])(user_id)
        elif drawn < 0.2:
            done = self.guild.joins_again_they_say(user_id)
        elif drawn < 0.3:
            done = self.guild.rename(user_id, f"nick {drawn}")
        else:
            held = self.guild.members[user_id].roles
            change = {role for role in roles if self.chance.random() < 0.4} or {self.chance.choice(roles)}
            done = self.guild.change_roles(user_id, add=change - held, remove=change & held)
        self._send(done)

    def fault(self) -> None:
        match self.chance.choice(FAULTS):
            case "abort":
                self.fake.abort()
            case "reconnect":
                self.fake.ask_to_reconnect()
            case "invalid":
                self.fake.forget_sessions()
                self.fake.abort()
            case "deaf":
                self.fake.deaf = not self.fake.deaf
                if not self.fake.deaf:
                    self.fake.abort()
            case "outage" if not self.fake.deaf:
                self.fake.dispatch(Dispatch("GUILD_DELETE", {"id": self.guild.id, "unavailable": True}))
                self.fake.dispatch(self.guild.guild_create())

    def calm(self) -> None:
        self.fake.dispatch(*self._late)
        self._late = []
        if self.fake.deaf:
            self.fake.deaf = False
            self.fake.abort()

    def _send(self, done: list[Dispatch]) -> None:
        entries = [each for each in done if each.kind == ENTRY]
        frames = [each for each in done if each.kind != ENTRY]
        where = self.chance.random()
        if where < 0.3:
            self.fake.dispatch(*entries, *frames)
        elif where < 0.6:
            self.fake.dispatch(*frames, *entries)
        else:
            self.fake.dispatch(*frames)
            self._late += entries
        if self.chance.random() < 0.2:
            self.chance.shuffle(self._late)
            self.fake.dispatch(*self._late)
            self._late = []


class Noting(FrameBuffer):
    """Notes the frame that came last, so that time stands still until what was sent has come."""

    def __init__(self) -> None:
        super().__init__()
        self.last: tuple[str | None, int] = (None, 0)
        self.killed = False

    def put(self, delivery: Delivery) -> None:
        """Of a listener that is *killed* nothing is kept that came a little before."""
        if not self.killed:
            super().put(delivery)
        self.last = (delivery.origin, delivery.details["s"])


@pytest.mark.parametrize("seed", range(int(os.environ.get("TEMPLE_DISCORD_STORMS", "2"))))
def test_after_any_faults_the_ledger_is_the_guild_and_tells_nothing_twice(
    database: Database, guild: TrueGuild, fake: FakeDiscord, seed: int
) -> None:
    users = people(guild, 6, roles=1)
    storm = Storm(fake, users, seed)
    for run in range(RUNS):
        guild.wait(30)
        fake.deaf = False
        # a listener that ends before it has read the audit log back has translated nothing
        fake.held = {AUDIT_LOG} if run == 1 and seed % 2 else set()
        frames = Noting()
        with running(database, fake, frames=frames, clock=lambda: guild.now) as listening:
            if not fake.held:
                listening.until_caught_up()
            for step in range(STEPS):
                frames.killed = run < RUNS - 1 and step > STEPS - 6
                storm.change()
                if step % 20 == 19:
                    storm.fault()
                if not fake.deaf:
                    listening.until(lambda: fake.last_sent == frames.last, "what was sent has come")  # noqa: B023
            if run == RUNS - 1:
                storm.calm()
                listening.until(lambda: fake.last_sent == frames.last, "what was sent has come")  # noqa: B023
    guild.wait(400)
    with running(database, fake, clock=lambda: guild.now) as listening:
        listening.until_caught_up()
        if listening.caught_up[-1].held is not None:
            confirm(listening)
        listening.until(lambda: not listening.waiting(), "all is translated")
        then_equal(listening, guild)
        true: Counter[tuple[str, str, str]] = Counter((each.user_id, each.kind, each.role) for each in guild.history)
        # the bot was a member before the history of this guild began
        never = told(listening) - true - Counter([(guild.bot, "join", "")])
        assert not never, f"told what never was: {never}"
        assert listening.ask("select coalesce(sum(conflicts), 0) from translator") == [(0,)]


def confirm(listening: Running) -> None:
    """Somebody looked at the differences."""
    snapshot = listening.caught_up[-1].snapshot
    apply_discord_snapshot(listening.database, snapshot.id, by="a test", confirmed=True)


def told(listening: Running) -> Counter[tuple[str, str, str]]:
    rows: list[Any] = listening.ask(
        "select user_id, event_type, action, coalesce(target, '') from webhook_audit_log "
        "where not coalesce(metadata, '{}') ? 'attributes' and user_id <> 'guild'"
    )
    return Counter((user_id, KINDS[event_type, action], role) for user_id, event_type, action, role in rows)
