"""`temple discord setup`."""

import asyncio
from dataclasses import asdict

import click

from temple_ledger.infrastructure.observability.doctor.finding import Check, CheckOutcome
from temple_ledger.infrastructure.sources.discord.settings import DiscordSettings, role_ids
from temple_ledger.infrastructure.terminal.checks import print_check
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json


@click.command("setup")
@click.option("--commands", "register", is_flag=True, help="Register the command /ledger in the server.")
@as_json
@click.pass_obj
def setup(session: Session, register: bool, as_json: bool) -> int:
    """Check what the bot needs, step by step, and print the link that invites it.

    Asks Discord about the token, the Server Members Intent, the server and the audit log. It needs no database, and
    changes nothing but what --commands says: other commands of the bot stay. docs/tutorial.md goes through the steps.

    \b
    Examples:
      temple discord setup
      temple discord setup --commands
      temple discord setup --json
    \b
    Exit codes: 0 everything is in place; 3 a step is missing, and what to do is printed; 4 Discord not reached.
    """
    from temple_ledger.infrastructure.sources.discord.rest import pointed_at

    settings = session.settings.of(DiscordSettings)
    token = None if settings.discord_token is None else settings.discord_token.get_secret_value()
    with pointed_at(settings.discord_api_url, settings.discord_gateway_url):
        found = asyncio.run(_checked(session, token, settings, register=register, quiet=as_json))
    if as_json:
        print_json([asdict(each) for each in found])
    if any(each.outcome is CheckOutcome.FAIL for each in found):
        return ExitCode.FOUND
    session.note("everything is in place; to listen: temple up, or in production: temple discord listen")
    return ExitCode.OK


async def _checked(
    session: Session, token: str | None, settings: DiscordSettings, *, register: bool, quiet: bool
) -> list[Check]:
    from temple_ledger.infrastructure.sources.discord.setup import check_setup

    found = []
    askers = role_ids(settings.discord_ask_roles) if register else None
    async for check in check_setup(token, settings.discord_guild, askers=askers, waiting=session.note):
        found.append(check)
        if not quiet:
            print_check(check)
    return found
