"""The client of the gateway: every dispatch that is wanted, as it came and in the order in which it came.

discord.py's own events are of no use here: their members are live objects of a cache, its differences are wrong in
bursts, and what is not cached is dropped. So no event is dispatched at all; the raw text is taken before the library
reads it, in the loop that receives it, without a task in between.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import discord
import structlog

from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery
from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses
from temple_ledger.infrastructure.sources.discord.frames import (
    WANTED,
    Frame,
    UnreadableFrame,
    delivery_of,
    frame_of,
    session_of,
)
from temple_ledger.infrastructure.sources.discord.voice import hide_voice_notices

log = structlog.get_logger("temple.discord")


def _now() -> datetime:
    return datetime.now(UTC)


FATAL: Final = {
    4004: "Discord does not accept the token: set TEMPLE_DISCORD_TOKEN to the bot's",
    4010: "Discord says that the shard is invalid: this listener takes no shards",
    4011: "Discord asks for shards: the bot is in too many guilds for one connection; use a bot of its own",
    4012: "Discord does not speak version 10 of the gateway any more: a newer temple is needed",
    4013: "Discord does not know the intents that were asked for: a newer temple is needed",
    4014: "Discord does not allow the intent SERVER MEMBERS: switch it on for the bot in the developer portal, Bot, "
    "Privileged Gateway Intents",
}
"""Close codes after which trying again changes nothing."""


class GatewayClient(discord.Client):
    """Gives each delivery to *receive*, and each frame to *see*; neither may wait."""

    def __init__(
        self,
        receive: Callable[[Delivery], None],
        *,
        see: Callable[[Frame], None] = lambda _: None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        hide_voice_notices()
        super().__init__(
            intents=discord.Intents(guilds=True, members=True, moderation=True),
            enable_debug_events=True,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            guild_ready_timeout=0.1,
        )
        self._receive = receive
        self._see = see
        self._clock = clock
        self.interact: Callable[[Mapping[str, Any]], None] = lambda _: None
        """Given what somebody asks the bot; it is never stored, and may not wait either."""
        self.session_id: str | None = None

    def dispatch(self, event: str, /, *args: Any, **_: Any) -> None:
        """Called by the library; of all its events only the raw text counts."""
        if event == "socket_raw_receive":
            self._read(args[0])

    def _read(self, text: str | bytes) -> None:
        try:
            frame = frame_of(text)
        except UnreadableFrame as error:
            log.warning("a frame that is not what Discord documents", reason=str(error))
            return
        if frame is not None and frame.kind == "INTERACTION_CREATE":
            self.interact(frame.data)
        if frame is None or frame.kind not in WANTED:
            return
        self._see(frame)
        if frame.kind == "READY":
            self.session_id = session_of(frame)
        if self.session_id:
            self._receive(delivery_of(frame, text, self.session_id, self._clock()))


async def connect(client: GatewayClient) -> None:
    """Raises DiscordRefuses where Discord says that trying again is in vain."""
    try:
        await client.connect()
    except discord.PrivilegedIntentsRequired:
        raise DiscordRefuses(FATAL[4014]) from None
    except discord.ConnectionClosed as error:
        sentence = FATAL.get(error.code, f"Discord closed the connection for good, with code {error.code}")
        raise DiscordRefuses(sentence) from None
