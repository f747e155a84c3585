"""Which roles a member has now, asked of Discord through the connection that the listener has anyway."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final

from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses, DiscordUnavailable
from temple_ledger.infrastructure.sources.discord.rest import NamesRest
from temple_ledger.infrastructure.sources.discord.snowflake import is_snowflake

ANSWER_SECONDS: Final = 4.0


class MemberRoles:
    """Asked from any thread; answered while a listener is connected."""

    def __init__(self) -> None:
        self._connected: tuple[asyncio.AbstractEventLoop, NamesRest, str] | None = None

    @contextmanager
    def answered_by(self, rest: NamesRest, guild: str) -> Iterator[None]:
        """In the loop of the listener, while the block lasts."""
        self._connected = (asyncio.get_running_loop(), rest, guild)
        try:
            yield
        finally:
            self._connected = None

    def of(self, user_id: str) -> Sequence[str] | None:
        """Ids, @everyone among them; None for somebody who is no member. Raises DiscordUnavailable."""
        if not is_snowflake(user_id):
            return None
        if self._connected is None:
            raise DiscordUnavailable("the listener is not connected to Discord")
        loop, rest, guild = self._connected
        asked: Future[Sequence[str] | None] = asyncio.run_coroutine_threadsafe(_asked(rest, guild, user_id), loop)
        try:
            return asked.result(ANSWER_SECONDS)
        except TimeoutError:
            asked.cancel()
            raise DiscordUnavailable("Discord does not answer in time") from None
        except DiscordRefuses as error:
            raise DiscordUnavailable(str(error)) from None


async def _asked(rest: NamesRest, guild: str, user_id: str) -> Sequence[str] | None:
    member = await rest.member(guild, user_id)
    return None if member is None else [guild, *map(str, member.get("roles") or ())]
