"""`temple patreon setup`."""

import asyncio
from dataclasses import asdict

import click

from temple_ledger.infrastructure.observability.doctor.finding import Check, CheckOutcome
from temple_ledger.infrastructure.sources.patreon.setup import check_setup
from temple_ledger.infrastructure.terminal.checks import print_check
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.url_options import Url


@click.command("setup")
@click.option(
    "--url",
    type=Url(),
    metavar="URL",
    help="Where the receiver is reached from outside, such as https://ledger.our.org",
)
@as_json
@click.pass_obj
def setup(session: Session, url: str | None, as_json: bool) -> int:
    """Check what Patreon needs, step by step, and print the address and the triggers to give it.

    Looks at the secrets of the webhooks, asks the receiver for its address where --url says it is, and Patreon about
    the token, the campaigns, their members and the webhooks. Before there is a ledger, it checks what can be checked
    without one. docs/tutorial.md goes through the steps.

    \b
    Examples:
      temple patreon setup
      temple patreon setup --url https://ledger.our-community.org
    \b
    Exit codes: 0 everything is in place; 3 a step is missing, and what to do is printed; 4 Patreon or the
    database not reached.
    """
    found = asyncio.run(_checked(session, url, quiet=as_json))
    if as_json:
        print_json([asdict(each) for each in found])
    if any(each.outcome is CheckOutcome.FAIL for each in found):
        return ExitCode.FOUND
    session.note("nothing is missing; to receive: temple up, or in production: temple receive")
    return ExitCode.OK


async def _checked(session: Session, url: str | None, *, quiet: bool) -> list[Check]:
    found, settings = [], session.settings
    async for check in check_setup(lambda: session.database, settings, url, waiting=session.note):
        found.append(check)
        if not quiet:
            print_check(check)
    return found
