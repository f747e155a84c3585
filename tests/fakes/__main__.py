"""A Discord server and a Patreon campaign that never were, on this machine, for trying everything without accounts.

`.venv/bin/python -m tests.fakes temple.toml` writes the settings that lead to them, and goes on until Ctrl-C: every few
seconds somebody joins, gets a role, begins to pay, and so on. docs/without-accounts.md goes through it.
"""

import argparse
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Final

import click

from tests.discord.world import new_guild
from tests.fakes.discord_guild import Dispatch, TrueGuild
from tests.fakes.fake_discord import FakeDiscord
from tests.fakes.patreon import FakePatreon, fake_patreon
from tests.fakes.patreon_sender import Sender
from tests.patreon.bodies import ACOLYTE, NOVICE, ORACLE, Tier, member_document

MARK: Final = "# Written by tests.fakes, and written anew when it starts again."
SECRET: Final = "temple-ledger-test-secret"
NAMES: Final = ("Ada", "Bo", "Cleo", "Dina", "Emil", "Fay", "Gil", "Hana", "Ivo", "Juno", "Kim", "Lou")
AT_FIRST: Final = 6
ROLES: Final = ("Novice", "Acolyte", "Oracle")
TIERS: Final[Sequence[Tier]] = (NOVICE, ACOLYTE, ORACLE)


class Community:
    """What happens is done to the guild and the campaign, and they report it as the platforms do."""

    def __init__(self, discord: FakeDiscord, patreon: FakePatreon, receiver: str) -> None:
        self._discord, self._patreon, self._receiver = discord, patreon, receiver
        self._guild: TrueGuild = discord.guild
        self._people: dict[str, str] = {}
        self._sender = Sender(self._post, SECRET.encode())
        for name in NAMES[:AT_FIRST]:
            self._enter(name)
        for user_id, role, tier in zip(self._people, self._guild.roles, TIERS, strict=False):
            self._guild.change_roles(user_id, add=[role])
            self._pay(user_id, tier)
        # who pays, and has no role for it
        self._pay(list(self._people)[len(TIERS)], NOVICE)

    def happenings(self, pause: Callable[[], None]) -> Iterator[str]:
        """For ever; after each pause something is done, and then described in a sentence."""
        roles = cycle(self._guild.roles)
        for turn, name in enumerate(cycle(NAMES[AT_FIRST:])):
            if name not in self._people.values():
                pause()
                user_id = self._enter(name)
                yield f"{name} ({user_id}) joined"
            user_id = next(each for each, called in self._people.items() if called == name)
            role = next(roles)
            pause()
            self._does(self._guild.change_roles(user_id, add=[role]))
            yield f"{name} ({user_id}) was given {self._guild.roles[role]} by the moderator ({self._guild.moderator})"
            tier = TIERS[turn % len(TIERS)]
            pause()
            self._report(user_id, tier, "create", "pledge:create")
            yield f"{name} ({user_id}) began to pay for {tier[1]}"
            pause()
            # those of the first day stay as they are: the page that goes with this shows what they pay and hold
            later = list(self._people)[AT_FIRST:]
            gone = later[turn % len(later)]
            if turn % 3 == 2:
                self._does(self._guild.leave(gone))
                yield f"{self._people.pop(gone)} ({gone}) left"
            elif self._guild.members[gone].roles:
                self._does(self._guild.change_roles(gone, remove=list(self._guild.members[gone].roles)[:1]))
                yield f"{self._people[gone]} ({gone}) lost a role"

    def deliver_again(self) -> None:
        """What the receiver did not take, once more."""
        for each in self._sender.queue:
            each.due = datetime.now(UTC)
        self._sender.retry(datetime.now(UTC))

    def _enter(self, name: str) -> str:
        self._guild.now = datetime.now(UTC)
        user_id = self._guild.draw()
        self._people[user_id] = name
        self._does(self._guild.join(user_id))
        self._does(self._guild.rename(user_id, name))
        return user_id

    def _does(self, dispatches: Sequence[Dispatch]) -> None:
        self._guild.now = datetime.now(UTC)
        self._discord.dispatch(*dispatches)

    def _pay(self, user_id: str, tier: Tier) -> dict[str, object]:
        now = datetime.now(UTC)
        member = f"5c0e7a52-6f0e-4f4e-9f43-{user_id[-12:]}"
        document = member_document(
            tier, member=member, user=user_id[-8:], discord=user_id, charged=now, pledged=now, lifetime=tier[2]
        )
        self._patreon.put(document)
        return document

    def _report(self, user_id: str, tier: Tier, *triggers: str) -> None:
        self._sender.tell(datetime.now(UTC), self._pay(user_id, tier), *triggers)

    def _post(self, trigger: str, body: bytes, signature: str) -> bool:
        headers = {"X-Patreon-Event": trigger, "X-Patreon-Signature": signature, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._receiver}/hooks/patreon/main", body, headers)  # noqa: S310 -- loopback
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return 200 <= int(answer.status) < 300
        except OSError:
            return False


def settings(discord: FakeDiscord, patreon: FakePatreon) -> str:
    values = {
        "discord_token": "a-token",
        "discord_api_url": discord.api_url,
        "discord_gateway_url": discord.gateway_url,
        "patreon_token": "first",
        "patreon_secrets": SECRET,
        "patreon_api_url": patreon.url,
        "tier_roles": ",".join(f"{name}={name}" for name in ROLES),
    }
    return "\n".join([MARK, *(f'{name} = "{value}"' for name, value in values.items()), ""])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes", description=__doc__)
    parser.add_argument("file", type=Path, help="where the settings are written: temple.toml")
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS", help="how often something happens")
    parser.add_argument("--receiver", default="http://127.0.0.1:8080", metavar="URL", help="where webhooks are sent")
    given = parser.parse_args()
    if given.file.exists() and not given.file.read_text().startswith(MARK):
        click.echo(f"{given.file} is there already: move it away, or name another one", err=True)
        return 1
    guild = new_guild(7, ROLES, now=datetime.now(UTC))
    with FakeDiscord(guild) as discord, fake_patreon() as patreon:
        community = Community(discord, patreon, given.receiver)
        given.file.touch(0o600)
        given.file.write_text(settings(discord, patreon))
        click.echo(f"a Discord server and a Patreon campaign are there; {given.file} leads to them until Ctrl-C")
        try:
            for happening in community.happenings(lambda: time.sleep(given.every)):
                click.echo(f"{datetime.now(UTC):%H:%M:%S}  {happening}")
                community.deliver_again()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
