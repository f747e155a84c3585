"""`temple discord setup`."""

import asyncio
from dataclasses import asdict

import click

from temple_ledger.infrastructure.observability.doctor.finding import Check, CheckOutcome
from temple_ledger.infrastructure.sources.discord.settings import DiscordSettings
from temple_ledger.infrastructure.terminal.checks import print_check
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json


@click.command("setup")
@as_json
@click.pass_obj
def setup(session: Session, as_json: bool) -> int:
    """Check what the bot needs, step by step, and print the link that invites it.

    Asks Discord about the token, the Server Members Intent, the server and the audit log. It changes nothing, and
    needs no database. docs/tutorial.md goes through the steps.

    \b
    Examples:
      temple discord setup
      temple discord setup --json
    \b
    Exit codes: 0 everything is in place; 3 a step is missing, and what to do is printed; 4 Discord not reached.
    """
    from temple_ledger.infrastructure.sources.discord.rest import pointed_at

    settings = session.settings.of(DiscordSettings)
    token = None if settings.discord_token is None else settings.discord_token.get_secret_value()
    with pointed_at(settings.discord_api_url, settings.discord_gateway_url):
        found = asyncio.run(_checked(session, token, settings.discord_guild, quiet=as_json))
    if as_json:
        print_json([asdict(each) for each in found])
    if any(each.outcome is CheckOutcome.FAIL for each in found):
        return ExitCode.FOUND
    session.note("everything is in place; to listen: temple up, or in production: temple discord listen")
    return ExitCode.OK


async def _checked(session: Session, token: str | None, guild: str | None, *, quiet: bool) -> list[Check]:
    from temple_ledger.infrastructure.sources.discord.setup import check_setup

    found = []
    async for check in check_setup(token, guild, waiting=session.note):
        found.append(check)
        if not quiet:
            print_check(check)
    return found
