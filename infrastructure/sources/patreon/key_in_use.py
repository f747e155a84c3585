"""Whether the stored pair of tokens can be decrypted with the key of the settings: before somebody asks Patreon."""

from collections.abc import Iterator
from typing import Any, Final

import psycopg

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.settings import Settings
from temple_ledger.infrastructure.sources.patreon.factory import refreshes
from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings
from temple_ledger.infrastructure.sources.token_keys import token_keys

NEXT: Final = "temple patreon webhooks"
NONE: Final = (
    "the stored tokens of Patreon are encrypted, and there is no key: set TEMPLE_TOKEN_KEY, or its secret file, "
    "to the one that they were encrypted with"
)


def without_the_key(connection: psycopg.Connection[Any], settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong, and what to type. Nothing where these settings use no stored pair: another process has the key."""
    if not refreshes(settings.of(PatreonSettings)):
        return
    digests = [digest for (digest,) in connection.execute(statement("patreon_token_digests"))]
    if digests and (wrong := _wrong(digests, settings)) is not None:
        yield wrong, NEXT


def _wrong(digests: list[bytes], settings: Settings) -> str | None:
    try:
        keys = token_keys(settings)
        if keys is None:
            return NONE
        for digest in digests:
            keys.required(digest)
    except LedgerError as error:
        return f"Patreon's tokens cannot be decrypted: {error}"
    return None
