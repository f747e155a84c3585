"""What Patreon needs, checked one after the other: secret, address, token, campaigns, members, webhooks."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import aiohttp
from yarl import URL

from temple_ledger.domain.errors import DatabaseUnavailable, Refused, SchemaMismatch
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.migrations import require_current
from temple_ledger.infrastructure.ingestion.webhooks.endpoint import HOOKS
from temple_ledger.infrastructure.observability.doctor.finding import Check, CheckOutcome, fail, ok, warn
from temple_ledger.infrastructure.settings import Settings
from temple_ledger.infrastructure.sources.patreon.client import PatreonClient, PatreonRefuses, new_session
from temple_ledger.infrastructure.sources.patreon.factory import asks, client_without_ledger
from temple_ledger.infrastructure.sources.patreon.factory import client as make_client
from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings
from temple_ledger.infrastructure.sources.patreon.webhook import SOURCE
from temple_ledger.infrastructure.sources.patreon.webhook_secrets import ONLY, CampaignSecret, living
from temple_ledger.infrastructure.sources.patreon.webhooks import Webhook, ask_webhooks, read_webhooks

CLIENTS: Final = "https://www.patreon.com/portal/registration/register-clients"
WEBHOOKS: Final = "My Webhooks of Patreon's portal"

TRIGGERS: Final = tuple(
    f"members:{each}" for each in ("create", "update", "delete", "pledge:create", "pledge:update", "pledge:delete")
)
"""All of Patreon's that are about members."""


async def check_setup(
    database: Callable[[], Database], settings: Settings, url: str | None, *, waiting: Callable[[str], None]
) -> AsyncIterator[Check]:
    """*url*: where the receiver is reached from outside; None: that is not checked. *database* has the tokens, and is
    asked for once there is one; without it, the token of the settings is checked. *waiting* is called with a sentence
    when Patreon is asked again.

    Raises PlatformUnavailable, DatabaseUnavailable.
    """
    own = settings.of(PatreonSettings)
    for check in _secrets(own.patreon_secrets):
        yield check
    for campaign in own.patreon_secrets or (ONLY,):
        yield await _address(url, f"{HOOKS}/{SOURCE}/{campaign}")
    if not asks(own):
        yield fail(
            "token",
            "TEMPLE_PATREON_TOKEN is not set: there are no snapshots, and doubts wait for the next webhook",
            f"in {CLIENTS}, your client: set TEMPLE_PATREON_TOKEN to the Creator's Access Token",
        )
        return
    stored, reason = _ledger(database)
    if reason is not None:
        yield warn("ledger", f"{reason}; what it would store is not checked", "begin one, and repeat this")
    made = client_without_ledger(own, waiting=waiting)
    if stored is not None:
        try:
            made = make_client(stored, settings, waiting=waiting)
        except Refused as error:
            what, _, advice = str(error).partition(": ")
            yield fail("token", what, advice)
            return
    if made is None:
        yield warn(
            "token",
            "not checked: there is only one to refresh, and what Patreon answers has to be stored in a ledger",
            "begin a ledger, and repeat this",
        )
        return
    async with made as client:
        async for check in _asked(stored, client, own):
            yield check


def _ledger(database: Callable[[], Database]) -> tuple[Database | None, str | None]:
    """The one that there is, or why it cannot be used."""
    try:
        found = database()
        with found.connect(DatabaseRole.TRANSLATE, application="temple patreon setup") as connection:
            require_current(connection)
    except (DatabaseUnavailable, SchemaMismatch) as error:
        return None, str(error)
    return found, None


def _secrets(campaigns: Mapping[str, Sequence[CampaignSecret]]) -> list[Check]:
    if not campaigns:
        return [
            fail(
                "secret",
                "TEMPLE_PATREON_SECRETS is not set: no webhook can be verified, and none is accepted",
                f"{WEBHOOKS} show the secret of each: set TEMPLE_PATREON_SECRETS to it",
            )
        ]
    return [_secret(name, living(list(secrets), datetime.now(UTC))) for name, secrets in campaigns.items()]


def _secret(campaign: str, valid: Sequence[CampaignSecret]) -> Check:
    if not valid:
        return fail("secret", f"every secret of {campaign} has ended", "set TEMPLE_PATREON_SECRETS to the present one")
    return ok("secret", f"{len(valid)} of {campaign}")


async def _address(url: str | None, path: str) -> Check:
    """The receiver answers a HEAD of its paths with 200."""
    to_give = f"give it to Patreon in {WEBHOOKS}, with the triggers {', '.join(TRIGGERS)}"
    if url is None:
        return warn("address", f"…{path}, not checked", "repeat with --url https://YOUR.HOST; then " + to_give)
    address = f"{url.rstrip('/')}{path}"
    answer = await _head(address)
    if answer == "200" and not address.startswith("https://"):
        what = f"{address} reaches the receiver, but Patreon delivers to https alone"
        return fail("address", what, "put a proxy with a certificate in front: docs/ingestion.md")
    if answer == "200":
        return Check("address", CheckOutcome.OK, f"{address} reaches the receiver", to_give)
    return fail(
        "address",
        f"{address} does not reach the receiver: {answer}",
        "start temple receive or temple up; the proxy has to pass /hooks/ on to 127.0.0.1:8080, as it is",
    )


async def _head(address: str) -> str:
    try:
        async with new_session() as session, session.head(URL(address), allow_redirects=False) as response:
            return str(response.status)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return type(error).__name__


async def _asked(database: Database | None, client: PatreonClient, settings: PatreonSettings) -> AsyncIterator[Check]:
    """Ends at the first step without which the later ones cannot be checked."""
    try:
        await client.identity()
    except (PatreonRefuses, Refused) as error:
        yield fail("token", str(error), f"in {CLIENTS}, your client has a new Creator's Access Token")
        return
    yield _token(settings)
    try:
        found = list(await client.campaigns())
    except PatreonRefuses as error:
        yield fail("campaigns", str(error), f"in {CLIENTS}, make the client with API version 2")
        return
    wanted = settings.patreon_campaign_ids or found
    if missing := [each for each in wanted if each not in found]:
        yield fail(
            "campaigns",
            f"the token is not of {', '.join(missing)}; it is of {', '.join(found) or 'none'}",
            "set TEMPLE_PATREON_CAMPAIGN_IDS to campaigns of this creator, or leave it out",
        )
        return
    if not wanted:
        yield fail("campaigns", "this account has none", "use the token of the creator's own account")
        return
    yield ok("campaigns", ", ".join(wanted))
    for campaign in wanted:
        try:
            await client.members(campaign, None)
        except PatreonRefuses as error:
            yield fail("members", str(error), f"in {CLIENTS}, make the client with API version 2")
        else:
            yield ok("members", f"those of campaign {campaign} can be read")
    for check in await _webhooks(database, client):
        yield check


def _token(settings: PatreonSettings) -> Check:
    refreshed = (settings.patreon_refresh_token, settings.patreon_client_id, settings.patreon_client_secret)
    if all(refreshed):
        return ok("token", "Patreon accepts it, and it is refreshed in time")
    return warn(
        "token",
        "Patreon accepts it; it ends after a month, and nothing refreshes it",
        "set TEMPLE_PATREON_REFRESH_TOKEN, TEMPLE_PATREON_CLIENT_ID and TEMPLE_PATREON_CLIENT_SECRET, of that client",
    )


async def _webhooks(database: Database | None, client: PatreonClient) -> list[Check]:
    """Patreon shows only those that were made over its API by this client."""
    try:
        found = await ask_webhooks(client) if database is None else await read_webhooks(database, client)
    except PatreonRefuses as error:
        return [warn("webhooks", str(error), f"look in {WEBHOOKS} that yours is not paused")]
    if not found:
        what = "none was made by this client; those that were made in the portal are not shown"
        return [Check("webhooks", CheckOutcome.OK, what, f"look in {WEBHOOKS} that yours is not paused")]
    return [_webhook(each) for each in found]


def _webhook(found: Webhook) -> Check:
    missing = [each for each in TRIGGERS if each not in found.triggers]
    if found.in_trouble:
        return fail("webhooks", f"{found.webhook_id} is paused, or fails", "docs/runbooks/PatreonWebhookPaused.md")
    if missing:
        return fail("webhooks", f"{found.webhook_id} lacks {', '.join(missing)}", f"add the triggers in {WEBHOOKS}")
    return ok("webhooks", f"{found.webhook_id} has every trigger")
