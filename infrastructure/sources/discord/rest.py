"""What is asked of Discord over REST, through discord.py, which minds the rate limits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses, DiscordUnavailable
from temple_ledger.infrastructure.sources.discord.frames import UnreadableFrame, snowflake
from temple_ledger.infrastructure.sources.discord.voice import hide_voice_notices

Result = TypeVar("Result")
Waiting = Callable[[str], None]

PAGE: Final = 1_000
AUDIT_PAGE: Final = 100
MOST_MEMBERS: Final = 2**31 - 1
SEARCHED: Final = 100
LONGEST_SEARCH: Final = 100
QUIET_SECONDS: Final = 3.0
"""So long an answer may take before whoever looks on is notified."""
MOST_WAIT_SECONDS: Final = 300.0
"""For one answer, with all its rate limits; a longer one is an error, and not slept through."""
ODD: Final = (UnreadableFrame, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What comes of reading an answer that is no JSON, or of another form."""


def _nobody_waits(sentence: str) -> None:
    """A service has its log, and says itself when it asks again."""


class Counted(NamedTuple):
    """About how many members the guild has, says Discord."""

    guild: str
    members: int


class Application(NamedTuple):
    """Of the bot. `may_see_members`: whether Server Members Intent is on."""

    id: str
    may_see_members: bool


GUILD_MEMBERS: Final = 1 << 14 | 1 << 15
"""Flags of an application with the intent: that of a verified one, and that of another (GATEWAY_GUILD_MEMBERS, its
_LIMITED)."""


class Rest(Protocol):
    """All that backfill and snapshot ask. Raises DiscordUnavailable and DiscordRefuses."""

    async def counted(self, guild: str) -> Counted: ...

    async def roles(self, guild: str) -> Sequence[Mapping[str, Any]]: ...

    async def members(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        """By ascending id."""
        ...

    async def audit_log(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        """By ascending id."""
        ...

    async def guilds(self) -> Sequence[str]:
        """Of the bot: two at most."""
        ...

    async def is_in(self, guild: str) -> bool: ...


class NamesRest(Protocol):
    """What is asked for the names of people. Raises DiscordUnavailable and DiscordRefuses."""

    async def member(self, guild: str, user_id: str) -> Mapping[str, Any] | None:
        """None for somebody who is not in the guild."""
        ...

    async def user(self, user_id: str) -> Mapping[str, Any] | None:
        """None where there is no such account."""
        ...

    async def search_members(self, guild: str, text: str) -> Sequence[Mapping[str, Any]]:
        """Whose name or nickname begins so."""
        ...


class InteractionsRest(Protocol):
    """How interactions are answered. Raises DiscordUnavailable and DiscordRefuses."""

    async def answer_interaction(self, interaction: str, token: str, answer: Mapping[str, Any]) -> None:
        """Within three seconds of it, once."""
        ...

    async def edit_answer(self, application: str, token: str, message: Mapping[str, Any]) -> None:
        """What a deferred answer becomes, within a quarter of an hour."""
        ...


class DiscordRest:
    """The raw answers: discord.py's own pages come in descending order, and make objects that are not needed."""

    def __init__(self, client: discord.Client, waiting: Waiting = _nobody_waits) -> None:
        """*waiting* is called with a sentence where an answer takes long: the library tries again without a word."""
        self._http = client.http
        self._waiting = waiting

    async def _asked(self, what: str, answer: Awaitable[Result]) -> Result:
        return await _asked(what, answer, self._waiting)

    async def counted(self, guild: str) -> Counted:
        answer: Any = await self._asked("the guild", self._http.get_guild(int(guild), with_counts=True))
        return _read("the guild", lambda: Counted(snowflake(answer, "id"), _count(answer)))

    async def roles(self, guild: str) -> Sequence[Mapping[str, Any]]:
        """Each once."""
        answer = await self._asked("the roles", self._http.get_roles(int(guild)))
        return list({role["id"]: role for role in _rows("the roles", answer, "id")}.values())

    async def members(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        answer = await self._asked(
            "the members (the bot needs the intent SERVER MEMBERS)",
            self._http.get_members(int(guild), limit, int(after)),
        )
        return _rows("the members", answer, "user", "id")

    async def audit_log(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        answer: Any = await self._asked(
            "the audit log (the bot needs the permission View Audit Log)",
            self._http.get_audit_logs(int(guild), limit=limit, after=int(after)),
        )
        listed = answer.get("audit_log_entries") if isinstance(answer, Mapping) else None
        return _rows("the audit log", listed, "id")

    async def application(self) -> Application:
        answer: Any = await self._asked("the application of the bot", self._http.application_info())
        return _read(
            "the application of the bot",
            lambda: Application(snowflake(answer, "id"), bool(int(answer.get("flags") or 0) & GUILD_MEMBERS)),
        )

    async def guilds(self) -> Sequence[str]:
        answer = await self._asked("the guilds of the bot", self._http.get_guilds(limit=2))
        return [guild["id"] for guild in _rows("the guilds of the bot", answer, "id")]

    async def member(self, guild: str, user_id: str) -> Mapping[str, Any] | None:
        return await self._asked("a member", _or_none(self._http.get_member(int(guild), int(user_id))))

    async def user(self, user_id: str) -> Mapping[str, Any] | None:
        return await self._asked("an account", _or_none(self._http.get_user(int(user_id))))

    async def search_members(self, guild: str, text: str) -> Sequence[Mapping[str, Any]]:
        route = Route("GET", "/guilds/{guild_id}/members/search", guild_id=int(guild))
        wanted = {"query": text[:LONGEST_SEARCH], "limit": SEARCHED}
        answer = await self._asked("members by name", self._http.request(route, params=wanted))
        return _rows("members by name", answer, "user", "id")

    async def answer_interaction(self, interaction: str, token: str, answer: Mapping[str, Any]) -> None:
        route = Route("POST", "/interactions/{id}/{webhook_token}/callback", id=interaction, webhook_token=token)
        await self._asked("an answer", self._http.request(route, json=answer))

    async def edit_answer(self, application: str, token: str, message: Mapping[str, Any]) -> None:
        path = "/webhooks/{webhook_id}/{webhook_token}/messages/@original"
        route = Route("PATCH", path, webhook_id=application, webhook_token=token)
        await self._asked("an answer", self._http.request(route, json=message))

    async def send(self, channel: str, body: Mapping[str, Any]) -> None:
        route = Route("POST", "/channels/{channel_id}/messages", channel_id=int(channel))
        await self._asked("a message to the channel", self._http.request(route, json=body))

    async def register_command(self, application: str, guild: str, command: Mapping[str, Any]) -> None:
        """In the place of one of the same name; others stay."""
        route = Route("POST", "/applications/{id}/guilds/{guild_id}/commands", id=application, guild_id=int(guild))
        await self._asked("the commands of the bot", self._http.request(route, json=command))

    async def is_in(self, guild: str) -> bool:
        # the first guild with a greater id than the one before it
        answer = await self._asked("the guilds of the bot", self._http.get_guilds(limit=1, after=int(guild) - 1))
        return any(each["id"] == guild for each in _rows("the guilds of the bot", answer, "id"))


@contextmanager
def pointed_at(api_url: str | None, gateway_url: str | None) -> Iterator[None]:
    """Makes discord.py speak to another place, and to Discord again afterwards; None leaves it."""
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    if api_url is not None:
        Route.BASE = api_url.rstrip("/")
    if gateway_url is not None:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@asynccontextmanager
async def logged_in(token: str, waiting: Waiting = _nobody_waits) -> AsyncIterator[DiscordRest]:
    """Without a gateway. *waiting*: see DiscordRest. Raises DiscordUnavailable and DiscordRefuses."""
    hide_voice_notices()
    # an intent that is never asked for, since nothing connects: without it the library warns
    client = discord.Client(intents=discord.Intents(guilds=True), max_ratelimit_timeout=MOST_WAIT_SECONDS)
    try:
        await _asked("who the bot is", client.login(token), waiting)
        yield DiscordRest(client, waiting)
    finally:
        await client.close()


def _rows(what: str, answer: object, *path: str) -> list[Mapping[str, Any]]:
    """By ascending id, which is at *path*. One row without an id makes all of them void: who is left out is taken for
    gone. Raises DiscordUnavailable."""
    if not isinstance(answer, list):
        raise _unreadable(what)
    return _read(what, lambda: sorted(answer, key=lambda row: int(snowflake(row, *path))))


def _count(guild: Mapping[str, Any]) -> int:
    """Of its members; 0 where Discord does not say."""
    counted = guild.get("approximate_member_count") or 0
    if type(counted) is not int or not 0 <= counted <= MOST_MEMBERS:
        raise UnreadableFrame("approximate_member_count is no number")
    return counted


def _read(what: str, read: Callable[[], Result]) -> Result:
    """Raises DiscordUnavailable for an answer that has another form than Discord's documentation."""
    try:
        return read()
    except ODD:
        raise _unreadable(what) from None


def _unreadable(what: str) -> DiscordUnavailable:
    return DiscordUnavailable(f"Discord's answer about {what} is not what it documents; try again")


async def _or_none(answer: Awaitable[Any]) -> Mapping[str, Any] | None:
    """None where Discord has no such thing."""
    try:
        return dict(await answer)
    except discord.NotFound:
        return None


async def _asked(what: str, answer: Awaitable[Result], waiting: Waiting) -> Result:
    asking = asyncio.ensure_future(answer)
    try:
        with sentences(what):
            done, _ = await asyncio.wait([asking], timeout=QUIET_SECONDS)
            if not done:
                waiting(
                    f"Discord has not answered about {what} yet; asking again for some time, "
                    f"{MOST_WAIT_SECONDS / 60:.0f} minutes at most"
                )
            return await asyncio.wait_for(asking, MOST_WAIT_SECONDS)
    finally:
        asking.cancel()


@contextmanager
def sentences(what: str) -> Iterator[None]:
    """Turns the library's errors into one sentence; never with what was answered in it."""
    try:
        yield
    except discord.LoginFailure:
        raise DiscordRefuses("Discord does not accept the token: set TEMPLE_DISCORD_TOKEN to the bot's") from None
    except discord.RateLimited as error:
        raise DiscordUnavailable(
            f"Discord's rate limit holds for {error.retry_after:.0f} s more, asking for {what}; try again then"
        ) from None
    except (discord.Forbidden, discord.NotFound) as error:
        raise DiscordRefuses(f"Discord does not show {what}: HTTP {error.status}, code {error.code}") from None
    except discord.HTTPException as error:
        raise DiscordUnavailable(f"Discord failed to show {what}: HTTP {error.status}; try again") from None
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise DiscordUnavailable(f"cannot reach Discord for {what} ({type(error).__name__}); try again") from None
    except ODD:
        # the library reads bodies and limits as if they were always well formed
        raise _unreadable(what) from None
