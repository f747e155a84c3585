"""Whether the bot is in the guild, and the guild is there: two different ends of what Discord sends."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Literal

import psycopg

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.sources.discord.frames import UnreadableFrame

GuildState = Literal["available", "listed", "unavailable", "removed"]
"""`listed`: the bot is in it; whether Discord has an outage of it is unknown."""

REMOVED: Final = "the bot is not in guild {guild} any more (it was removed, or the guild was deleted): invite it again"
UNAVAILABLE: Final = "Discord has an outage of guild {guild}: nothing is received until it is back"


def store_guild_state(connection: psycopg.Connection[Any], state: GuildState, at: datetime) -> None:
    """The first time of a state that lasts stays."""
    connection.execute(statement("discord_guild_state"), {"state": state, "at": at})


def store_refusal(database: Database, reason: str, at: datetime) -> None:
    """Discord refuses the bot, as `temple status` shows until a session begins: who looks there does not see the log of
    a service."""
    with (
        suppress(DatabaseUnavailable),
        database_errors("storing that Discord refuses"),
        database.connect(DatabaseRole.TRANSLATE, application="temple discord") as connection,
    ):
        connection.execute(statement("discord_refused"), {"reason": reason, "at": at})


def state_after_delete(data: Mapping[str, Any]) -> GuildState:
    """GUILD_DELETE says both: of an outage it says `unavailable`, of a removal it does not."""
    return "unavailable" if is_unavailable(data) else "removed"


def is_unavailable(data: Mapping[str, Any]) -> bool:
    """Raises UnreadableFrame for what is no boolean: taken for false, an outage would be a removal of the bot."""
    value = data.get("unavailable")
    if value is not None and not isinstance(value, bool):
        raise UnreadableFrame("unavailable is no boolean")
    return value is True


def sentence(state: GuildState, guild: str) -> str:
    return (UNAVAILABLE if state == "unavailable" else REMOVED).format(guild=guild)
