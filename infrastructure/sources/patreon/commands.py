"""`temple patreon`: what is asked of Patreon itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

import click

from temple_ledger.domain.errors import DatabaseUnavailable, HeldBack, Refused
from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
from temple_ledger.infrastructure.ingestion.snapshots.apply import apply_snapshot
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import Snapshot, all_findings, read_snapshot, rows_of
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.queries.consistent_read import snapshot as reading
from temple_ledger.infrastructure.sources.patreon.client import PatreonClient
from temple_ledger.infrastructure.sources.patreon.factory import client as make_client
from temple_ledger.infrastructure.sources.patreon.mismatches_command import mismatches
from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings
from temple_ledger.infrastructure.sources.patreon.setup_command import setup
from temple_ledger.infrastructure.sources.patreon.snapshot import PatreonSettling, take_snapshot
from temple_ledger.infrastructure.sources.patreon.translator import PatreonTranslator
from temple_ledger.infrastructure.sources.patreon.webhooks import read_webhooks
from temple_ledger.infrastructure.terminal.applying import apply_options, asks, confirmed, require_apply
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_rows
from temple_ledger.infrastructure.terminal.snapshot_report import show_found, show_json, show_outcome
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.registry import catalogue

Result = TypeVar("Result")

WEBHOOKS: Final = ("webhook_id", "uri", "paused", "failures", "last_attempted_at")
WAIT_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.2


@click.group("patreon")
def command() -> None:
    """What is asked of Patreon itself, with the creator's access token: TEMPLE_PATREON_TOKEN, or a secret file.

    With TEMPLE_PATREON_REFRESH_TOKEN, TEMPLE_PATREON_CLIENT_ID and TEMPLE_PATREON_CLIENT_SECRET the token is
    refreshed ahead of its end, and the new pair kept in the database.
    """


command.add_command(mismatches)
command.add_command(setup)


@command.command("snapshot")
@apply_options
@click.option("--confirm", is_flag=True, help="Also when more members would lose something than usual.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(0), help="Show so many at most; 0: all.")
@as_json
@click.pass_obj
def snapshot(session: Session, apply: bool, yes: bool, confirm: bool, limit: int, as_json: bool) -> int:
    """Compare all memberships with what the ledger holds.

    All members of the campaigns are read. What was missed is shown in classes, and appended with --apply, as
    events that name the snapshot; on a terminal it asks first.
    When not everybody could be read, the rest is compared and appended all the same, and nobody is taken to be
    gone. Without --confirm it is refused when more than 5 % of the patrons, or more than 20, would lose something.
    Nobody who is an active patron loses a tier by one reading: that is read again some minutes later.

    \b
    Examples:
      temple patreon snapshot
      temple patreon snapshot --apply
    \b
    Exit codes: 0 nothing differs, or all was appended; 1 you answered no; 3 something differs, or not
    everybody could be read; 4 Patreon or the database did not answer; 5 held back, or no token.
    """
    require_apply(apply=apply, yes=yes)
    _translate_waiting(session)
    taken = _asked(session, lambda client: _take(session, client))
    with reading(session.database) as connection:
        found = read_snapshot(connection, taken)
        rows = rows_of(list(islice(all_findings(connection, taken, catalogue=catalogue()), limit or None)))
    if not as_json or (apply and asks(yes=yes)):
        show_found(found, rows, source="patreon", one="membership", err=as_json)
    outcome: dict[str, Any] = {"applied": False}
    refused = apply and bool(found.differences) and not confirmed("Append this?", yes=yes)
    if apply and not refused:
        outcome = _apply(session, found, confirmed=confirm)
    if as_json:
        show_json(found, rows, outcome)
    else:
        risk = f"{plural(found.at_risk, 'patron')} would lose something"
        show_outcome(session, found, outcome, source="patreon", risk=risk)
    if refused:
        return ExitCode.FAILED
    if outcome.get("held"):
        raise Refused(str(outcome["held"]))
    if not found.complete:
        session.note(f"not complete ({found.note}): nobody is taken to be gone")
        return ExitCode.FOUND
    if found.note is not None:
        session.note(found.note)
    return ExitCode.OK if apply or not found.differences else ExitCode.FOUND


@command.command("webhooks")
@as_json
@click.pass_obj
def webhooks(session: Session, as_json: bool) -> int:
    """Ask whether webhooks are paused or failing.

    Those tell us nothing any more. Only webhooks that were made by the token's own client are shown, not those
    of the portal. The answer is kept for the metrics. To let a paused one go on: its button in Patreon's portal,
    which then sends what has piled up.

    \b
    Exit codes: 0 all well; 3 one is paused or fails; 4 Patreon or the database did not answer; 5 no token.
    """
    found = _asked(session, lambda client: read_webhooks(session.database, client))
    if found or as_json:
        print_rows([each._asdict() for each in found], WEBHOOKS, as_json=as_json)
    else:
        session.note("this token's client has made no webhooks; those of the portal are not shown")
    return ExitCode.FOUND if any(each.in_trouble for each in found) else ExitCode.OK


async def _take(session: Session, client: PatreonClient) -> UUID:
    given = session.settings.of(PatreonSettings).patreon_campaign_ids
    campaigns = given or await client.campaigns()
    return await take_snapshot(session.writing, client, campaigns, whole=not given)


def _apply(session: Session, found: Snapshot, *, confirmed: bool) -> dict[str, Any]:
    settling, by = PatreonSettling(), session.operator
    try:
        with Notifier(session.database) as notifier:
            done = apply_snapshot(
                session.writing,
                settling,
                found.id,
                by=by,
                catalogue=catalogue(),
                confirmed=confirmed,
                partial=True,
                notifier=notifier,
            )
    except HeldBack as held:
        return {"applied": False, "held": str(held)}
    return {"applied": True, "appended": done.events, "conflicts": done.conflicts}


def _asked(session: Session, question: Callable[[PatreonClient], Awaitable[Result]]) -> Result:
    async def ask() -> Result:
        async with make_client(session.database, session.settings, waiting=session.note) as client:
            return await question(client)

    return asyncio.run(ask())


def _translate_waiting(session: Session) -> None:
    """What was received comes before what is read. Raises DatabaseUnavailable when it does not come to an end."""
    deadline = time.monotonic() + WAIT_SECONDS
    translator = PatreonTranslator(asks=True)
    with TranslationWorker(session.writing, translator) as worker:
        while not (stepped := worker.step()).drained:
            if stepped.elsewhere:
                time.sleep(POLL_SECONDS)
                if time.monotonic() > deadline:
                    raise DatabaseUnavailable("what Patreon sent is still being translated; try again in a while")
