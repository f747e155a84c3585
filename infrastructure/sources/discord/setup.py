"""What the bot needs, checked one after the other: token, intent, server, audit log.

Nothing here needs a database, and nothing is stored.
"""

from collections.abc import AsyncIterator, Awaitable, Collection
from typing import Final

from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.observability.doctor.finding import Check, CheckOutcome, fail, ok
from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses
from temple_ledger.infrastructure.sources.discord.rest import Application, DiscordRest, Waiting, logged_in
from temple_ledger.infrastructure.sources.discord.slash_command import LEDGER, NAME

PORTAL: Final = "https://discord.com/developers/applications"
INVITE: Final = "https://discord.com/oauth2/authorize"
VIEW_AUDIT_LOG: Final = 1 << 7
"""Of Discord's permissions, the only one that the bot asks for."""


async def check_setup(
    token: str | None, wanted: str | None, *, askers: Collection[str] | None = None, waiting: Waiting
) -> AsyncIterator[Check]:
    """Ends at the first step without which the later ones cannot be checked. *waiting*: see DiscordRest.

    With *askers*, the roles that may use them, the commands of the bot are registered too.
    Raises DiscordUnavailable.
    """
    again = f"in {PORTAL}, your application, Bot: Reset Token shows a new one; set TEMPLE_DISCORD_TOKEN to it"
    if token is None:
        yield fail("token", "TEMPLE_DISCORD_TOKEN is not set, and there is no secret file of that name", again)
        return
    try:
        async with logged_in(token, waiting) as rest:
            async for check in _of_application(rest, wanted, askers):
                yield check
    except DiscordRefuses as error:
        yield fail("token", str(error), again)


async def _of_application(
    rest: DiscordRest, wanted: str | None, askers: Collection[str] | None
) -> AsyncIterator[Check]:
    application = await rest.application()
    yield ok("token", f"Discord accepts it; the application is {application.id}")
    yield ok("invite", invite_link(application.id, wanted))
    yield _intent(application)
    guild, check = await _guild(rest, wanted)
    yield check
    if guild is not None:
        yield await _tried(
            "members",
            rest.members(guild, "0", 1),
            "the list of members can be read",
            f"in {PORTAL}, your application, Bot: switch on Server Members Intent",
        )
        yield await _tried(
            "audit log",
            rest.audit_log(guild, "0", 1),
            "the audit log can be read",
            "open the invite link again, or give a role of the bot the permission View Audit Log",
        )
        if askers is not None:
            yield await _tried(
                "commands",
                rest.register_command(application.id, guild, LEDGER),
                f"/{NAME} is registered",
                "open the invite link again: with it the bot may have commands in your server",
            )
            yield _askers(askers)


def invite_link(application: str, guild: str | None) -> str:
    """To be opened by somebody who has the permission Manage Server there."""
    chosen = "" if guild is None else f"&guild_id={guild}"
    return f"{INVITE}?client_id={application}&scope=bot&permissions={VIEW_AUDIT_LOG}{chosen}"


def _intent(application: Application) -> Check:
    if application.may_see_members:
        return ok("intent", "Server Members Intent is on")
    return fail(
        "intent",
        "Server Members Intent is off: Discord would close the connection with code 4014",
        f"in {PORTAL}, your application, Bot, Privileged Gateway Intents: switch it on, and save",
    )


async def _guild(rest: DiscordRest, wanted: str | None) -> tuple[str | None, Check]:
    """The server to ask about; None where there is none, or more than one."""
    if wanted is not None:
        check = await _tried(
            "server",
            rest.counted(wanted),
            f"{wanted} (TEMPLE_DISCORD_GUILD), and the bot is in it",
            "open the invite link, or set TEMPLE_DISCORD_GUILD to the id of your server",
        )
        return (wanted if check.outcome is CheckOutcome.OK else None), check
    guilds = await rest.guilds()
    if not guilds:
        return None, fail("server", "the bot is in no server yet", "open the invite link, and choose your server")
    if len(guilds) > 1:
        return None, fail(
            "server",
            f"the bot is in {guilds[0]} and at least one more, and a ledger is about one",
            "set TEMPLE_DISCORD_GUILD; with Developer Mode on, the menu of a server has Copy Server ID",
        )
    return guilds[0], ok("server", f"{guilds[0]}, the only one that the bot is in")


def _askers(askers: Collection[str]) -> Check:
    if askers:
        return ok("askers", f"{plural(len(askers), 'role')} may use it (TEMPLE_DISCORD_ASK_ROLES)")
    return fail(
        "askers",
        "nobody may use it yet",
        "set TEMPLE_DISCORD_ASK_ROLES to the ids of the roles that may, and start the listener again",
    )


async def _tried(step: str, question: Awaitable[object], found: str, advice: str) -> Check:
    try:
        await question
    except DiscordRefuses as error:
        return fail(step, str(error), advice)
    return ok(step, found)
