"""What the gateway makes of dispatches on their way: sessions, numbers, entries out of order, losses, repeats.

Below the gateway: what arrives is put into the inbox at once. Nothing arrives while the line is away.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.sources.discord.frames import delivery_of, frame_of
from temple_ledger.infrastructure.sources.discord.rest import Counted
from tests.fakes.discord_guild import ENTRY, Dispatch, TrueGuild


class Line:
    def __init__(self, connection: psycopg.Connection[Any], guild: TrueGuild) -> None:
        self._connection = connection
        self.guild = guild
        self.session: str | None = None
        self._sessions = 0
        self._sequence = 0
        self._late: list[Dispatch] = []
        self._sent: list[Delivery] = []
        self.drops = 0

    @property
    def away(self) -> bool:
        return self.session is None

    def open(self) -> None:
        """A new session: what happened before is not told."""
        self._sessions += 1
        self.session = f"session-{self.guild.id}-{self._sessions}"
        self._sequence, self._sent, self._late = 0, [], []
        there = [{"id": self.guild.id, "unavailable": True}] if self.guild.bot_is_in else []
        self._arrive(Dispatch("READY", {"session_id": self.session, "guilds": there}))
        if self.guild.bot_is_in:
            self._arrive(self.guild.guild_create())

    def cut(self) -> None:
        self.session = None

    def resume(self, frames: int) -> None:
        """The last *frames* again, as after a RESUME, and then the rest."""
        if self._sent and not self.away:
            store(self._connection, self._sent[-frames:])
            self._arrive(Dispatch("RESUMED", {}))

    def send(self, dispatches: Sequence[Dispatch], *, entries: str = "after") -> bool:
        """*entries*: they come before the frame, after it, or late. Whether the frames arrived."""
        if self.away:
            return False
        told = [each for each in dispatches if each.kind == ENTRY]
        frames = [each for each in dispatches if each.kind != ENTRY]
        dropped = bool(self.drops and any(each.about for each in frames))
        if dropped:
            self.drops -= 1
            frames = [each for each in frames if not each.about]
        if entries == "before":
            frames = [*told, *frames]
        elif entries == "after":
            frames = [*frames, *told]
        else:
            self._late += told
        for each in frames:
            self._arrive(each)
        return not dropped

    def hand_over_late(self, *, backwards: bool) -> None:
        late, self._late = self._late, []
        for each in reversed(late) if backwards else late:
            self._arrive(each)

    def _arrive(self, dispatch: Dispatch) -> None:
        if self.session is None:
            return
        self._sequence += 1
        text = json.dumps({"op": 0, "t": dispatch.kind, "s": self._sequence, "d": dispatch.data})
        frame = frame_of(text)
        assert frame is not None
        delivery = delivery_of(frame, text, self.session, self.guild.now)
        self._sent.append(delivery)
        store(self._connection, [delivery])


class GuildRest:
    """REST of the guild, without HTTP; pages are as short as Discord likes them."""

    def __init__(self, guild: TrueGuild, *, page: int = 3) -> None:
        self.guild = guild
        self.page = page
        self.counted_members: int | None = None

    async def counted(self, guild: str) -> Counted:
        number = len(self.guild.members) if self.counted_members is None else self.counted_members
        return Counted(self.guild.id, number)

    async def roles(self, guild: str) -> Sequence[Mapping[str, Any]]:
        return [self.guild.role_object(role) for role in self.guild.roles]

    async def members(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        return self.guild.member_page(after, min(limit, self.page))

    async def audit_log(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        return self.guild.audit_page(after, None, min(limit, self.page))

    async def guilds(self) -> Sequence[str]:
        return [self.guild.id] if self.guild.bot_is_in else []

    async def is_in(self, guild: str) -> bool:
        return self.guild.bot_is_in and guild == self.guild.id
