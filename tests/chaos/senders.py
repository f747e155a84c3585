"""Whoever sends: Patreon with signed bodies, each again until it is answered with 200; Discord with frames."""

import http.client
import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from temple_ledger.infrastructure.ingestion.webhooks.endpoint import HOOKS
from tests.chaos.acknowledged import Acknowledged
from tests.chaos.processes import pause
from tests.fakes.discord_guild import Dispatch, TrueGuild
from tests.fakes.fake_discord import FakeDiscord
from tests.patreon.bodies import ACOLYTE, NOVICE, encoded, member_document
from tests.webhooks.builders import signed

PATH: Final = f"{HOOKS}/patreon/main"
ANSWER_SECONDS: Final = 8.0
PATRONS: Final = 15
LEAVING: Final = 0.1
PEOPLE: Final = tuple(str(9_000_000_000_000_000_00 + number) for number in range(12))


class Sender:
    def __init__(self, port: int, record: Acknowledged, seed: str) -> None:
        self.port = port
        self.record = record
        self._dice = random.Random(seed)
        self._number = 0

    def run(self, ended: threading.Event, pace: float) -> None:
        while not ended.is_set():
            body = self.body()
            while self.post(body) != 200 and not ended.is_set():
                pause(0.1)
            pause(self._dice.uniform(0, 2 * pace))

    def post(self, body: bytes, *, seconds: float = ANSWER_SECONDS) -> int | None:
        """The code of the answer; None where there was none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("POST", PATH, body, signed(body))
            code = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if code == 200:
            self.record.add_delivery(sha256(body).digest())
        return code

    def body(self) -> bytes:
        self._number += 1
        who = self._dice.randrange(PATRONS)
        tiers = self._dice.choice([(), (NOVICE,), (ACOLYTE,)])
        member = f"5c0e7a52-6f0e-4f4e-9f43-{who:012}"
        noise = f"{self._number}-{self._dice.getrandbits(64)}"
        return encoded(member_document(*tiers, member=member, user=str(55_600_000 + who), discord=None, noise=noise))


class Guild:
    """People join it and leave, and get roles: what it truly is, the ledger has to say of it in the end."""

    def __init__(self, fake: FakeDiscord, seed: str) -> None:
        self.fake = fake
        self._dice = random.Random(seed)

    def run(self, ended: threading.Event, pace: float) -> None:
        while not ended.is_set():
            self.fake.dispatch(*self._act(self.fake.guild))
            pause(self._dice.uniform(0, 2 * pace))

    def _act(self, guild: TrueGuild) -> Sequence[Dispatch]:
        guild.now = datetime.now(UTC)
        who = self._dice.choice(PEOPLE)
        if not guild.is_member(who):
            return guild.join(who)
        if self._dice.random() < LEAVING:
            return guild.leave(who)
        role = self._dice.choice(sorted(guild.roles))
        if role in guild.members[who].roles:
            return guild.change_roles(who, remove=[role])
        return guild.change_roles(who, add=[role])
