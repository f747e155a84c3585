"""Patreon's signature: the hexadecimal HMAC-MD5 of the raw body (https://docs.patreon.com/#webhooks).

MD5 is Patreon's choice, and accepted from nobody else. The signature covers the body alone: not the trigger, not a
time. So a captured body stays good for ever, and only storing it once protects from that: once for each trigger that
Patreon has, and under none that somebody makes up.
"""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.ingestion.webhooks.endpoint import Endpoint, Headers, values
from temple_ledger.infrastructure.sources.patreon.webhook_secrets import CampaignSecret

SOURCE: Final = "patreon"
SIGNATURE: Final = b"x-patreon-signature"
TRIGGER: Final = b"x-patreon-event"
TRIGGERS: Final = frozenset(
    [
        *(f"members:{each}" for each in ("create", "update", "delete")),
        *(f"members:pledge:{each}" for each in ("create", "update", "delete")),
        *(f"posts:{each}" for each in ("publish", "update", "delete")),
        *(f"pledges:{each}" for each in ("create", "update", "delete")),
    ]
)
"""All that Patreon has: the last three are of its first API."""

OTHERWISE: Final = "members:update"
"""What a delivery under any other trigger counts as: it decides nothing that the body does not say itself."""

_SIGNATURE: Final = re.compile(rb"[0-9a-f]{32}")


def patreon_endpoint(campaign: str, secrets: Sequence[CampaignSecret]) -> Endpoint:
    """Raises Refused where this Python has no MD5, as under FIPS."""
    keys = [(each.secret.get_secret_value().encode(), each.until) for each in secrets]
    try:
        signature(b"", b"")
    except ValueError:
        raise Refused("Patreon signs with HMAC-MD5, which this Python refuses (FIPS mode)") from None

    def verified(headers: Headers, body: bytes, now: datetime) -> bool:
        given = _given(headers)
        if given is None:
            return False
        # every key, whichever fits: how long it takes reveals nothing
        fits = [hmac.compare_digest(signature(key, body), given) for key, until in keys if until is None or now < until]
        return any(fits)

    return Endpoint(SOURCE, campaign, verified, lambda headers: _given(headers) is not None, _trigger)


def signature(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, body, "md5").hex().encode()


def _given(headers: Headers) -> bytes | None:
    """The one signature that is there; None when it is missing, repeated or of another form."""
    given = values(headers, SIGNATURE)
    return given[0] if len(given) == 1 and _SIGNATURE.fullmatch(given[0]) else None


def _trigger(headers: Headers) -> bytes:
    given = values(headers, TRIGGER)
    trigger = given[0].decode("latin-1") if len(given) == 1 else ""
    return (trigger if trigger in TRIGGERS else OTHERWISE).encode()
