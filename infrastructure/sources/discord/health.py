"""Whether Discord still sends something: the bot may have been removed from the guild, or the guild be away."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.sources.discord.guild_state import sentence


class DiscordHealth(NamedTuple):
    """`guild` None: none was ever listened to. The times are None: it is as it should be. `refusal`: why Discord
    refuses the bot since `refused_at`."""

    guild: str | None
    removed_at: datetime | None
    unavailable_since: datetime | None
    refused_at: datetime | None
    refusal: str | None

    @property
    def sentences(self) -> Iterator[tuple[str, str]]:
        """What is wrong, and what to type about it."""
        guild = self.guild or ""
        if self.removed_at is not None:
            yield f"{sentence('removed', guild)}; since {_minute(self.removed_at)}", "temple discord listen"
        elif self.refused_at is not None:
            yield f"{self.refusal}; refused since {_minute(self.refused_at)}", "temple discord setup"
        if self.unavailable_since is not None:
            yield f"{sentence('unavailable', guild)}; since {_minute(self.unavailable_since)}", "temple status --watch"


def discord_health(connection: psycopg.Connection[Any]) -> DiscordHealth:
    row = connection.execute(statement("discord_health")).fetchone()
    return DiscordHealth(None, None, None, None, None) if row is None else DiscordHealth(*row)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
