"""The names that Discord sends with everything: put into a name book, and nowhere else."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import structlog

from temple_ledger.infrastructure.names.book import NameBook
from temple_ledger.infrastructure.names.name import PersonKind, PersonName
from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses, DiscordUnavailable
from temple_ledger.infrastructure.sources.discord.frames import Frame
from temple_ledger.infrastructure.sources.discord.rest import Counted, NamesRest, Rest
from temple_ledger.infrastructure.sources.discord.snowflake import is_snowflake

MEMBER_FRAMES: Final = frozenset({"GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE"})
USER_FRAMES: Final = frozenset({"GUILD_MEMBER_REMOVE", "GUILD_BAN_ADD", "GUILD_BAN_REMOVE"})
DELETED: Final = ("deleted_user", "Deleted User")
"""How the names of accounts begin that are gone."""

LOOK_SECONDS: Final = 0.2
REST_SECONDS: Final = 60.0
"""After Discord did not answer."""

log = structlog.get_logger("temple.discord")


def see_frame(book: NameBook, frame: Frame) -> None:
    """Whatever names are in a frame of the gateway."""
    if frame.kind in MEMBER_FRAMES:
        see_members(book, [frame.data])
    elif frame.kind in USER_FRAMES:
        see_users(book, [frame.data.get("user")])
    elif frame.kind == "GUILD_CREATE":
        members = frame.data.get("members")
        see_members(book, members if isinstance(members, list) else ())


def see_members(book: NameBook, members: Iterable[object]) -> None:
    """Members of the guild, whose nickname there goes before the name of the account."""
    for member in members:
        if isinstance(member, Mapping):
            _see(book, member.get("user"), member.get("nick"))


def see_users(book: NameBook, users: Iterable[object]) -> None:
    for user in users:
        _see(book, user, None)


def _see(book: NameBook, user: object, nick: object) -> None:
    if not isinstance(user, Mapping) or not is_snowflake(user.get("id")):
        return
    handle = user.get("username")
    names = [each for each in (nick, user.get("global_name"), handle) if isinstance(each, str) and each.strip()]
    if not names:
        return
    deleted = isinstance(handle, str) and handle.startswith(DELETED) and nick is None
    kind = PersonKind.DELETED if deleted else PersonKind.BOT if user.get("bot") is True else PersonKind.MEMBER
    other = names[-1] if names[-1] != names[0] else None
    book.see(str(user["id"]), PersonName(names[0], kind, other))


class SeeingRest:
    """What is asked of Discord anyway; the names in the answers go into the book."""

    def __init__(self, rest: Rest, book: NameBook) -> None:
        self._rest = rest
        self._book = book

    async def counted(self, guild: str) -> Counted:
        return await self._rest.counted(guild)

    async def roles(self, guild: str) -> Sequence[Mapping[str, Any]]:
        return await self._rest.roles(guild)

    async def members(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        found = await self._rest.members(guild, after, limit)
        see_members(self._book, found)
        return found

    async def audit_log(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        return await self._rest.audit_log(guild, after, limit)

    async def guilds(self) -> Sequence[str]:
        return await self._rest.guilds()

    async def is_in(self, guild: str) -> bool:
        return await self._rest.is_in(guild)


async def fetch_names(rest: NamesRest, guild: str, book: NameBook) -> None:
    """For ever: asks Discord for the names that somebody wanted and nobody has seen, one after the other."""
    while True:
        try:
            for text in book.searches():
                see_members(book, await rest.search_members(guild, text))
                book.searched(text)
            while (user_id := book.wanted()) is not None:
                await _fetch(rest, guild, book, user_id)
        except (DiscordUnavailable, DiscordRefuses) as error:
            log.warning("names cannot be asked for", reason=str(error), again_in_seconds=REST_SECONDS)
            await asyncio.sleep(REST_SECONDS)
        await asyncio.sleep(LOOK_SECONDS)


async def _fetch(rest: NamesRest, guild: str, book: NameBook, user_id: str) -> None:
    """A member of the guild, or else any account."""
    if not is_snowflake(user_id):
        book.has_none(user_id)
        return
    member = await rest.member(guild, user_id)
    if member is not None:
        see_members(book, [member])
    else:
        see_users(book, [await rest.user(user_id)])
    if not book.of([user_id]):
        book.has_none(user_id)
