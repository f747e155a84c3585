"""What the settings make of Patreon: the translator, the client, and who looks again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.settings import Settings
from temple_ledger.infrastructure.sources.patreon.client import GivenToken, PatreonClient
from temple_ledger.infrastructure.sources.patreon.recheck import RecheckWorker
from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings
from temple_ledger.infrastructure.sources.patreon.tokens import Given, Tokens
from temple_ledger.infrastructure.sources.patreon.translator import PatreonTranslator
from temple_ledger.infrastructure.sources.token_keys import token_keys


def translator(settings: PatreonSettings) -> PatreonTranslator | None:
    """None where no setting of Patreon is given."""
    if not settings.patreon_secrets and not asks(settings):
        return None
    return PatreonTranslator(asks=asks(settings), campaigns=settings.patreon_campaign_ids)


def asks(settings: PatreonSettings) -> bool:
    """Whether there is a token to read from Patreon with."""
    given = _given(settings)
    return bool(given.access) or given.refreshes


def client(
    database: Database, settings: Settings, *, waiting: Callable[[str], None] = lambda sentence: None
) -> PatreonClient:
    """To be made within an event loop. *waiting*: see the client. Raises Refused without a token, or without a key."""
    own = settings.of(PatreonSettings)
    tokens = Tokens(database, _given(own), url=own.patreon_api_url, keys=token_keys(settings))
    return PatreonClient(tokens, url=own.patreon_api_url, waiting=waiting)


def client_without_ledger(
    settings: PatreonSettings, *, waiting: Callable[[str], None] = lambda sentence: None
) -> PatreonClient | None:
    """None where the settings have a token to refresh alone: what that gives has to be stored."""
    access = _given(settings).access
    if access is None:
        return None
    return PatreonClient(GivenToken(access), url=settings.patreon_api_url, waiting=waiting)


@contextmanager
def rechecking(database: Database, settings: Settings) -> Iterator[None]:
    """In a thread, while the block lasts; to be used where there is a token. Raises Refused without a key."""
    # within the thread nobody would see it
    client(database, settings)
    with RecheckWorker(database, lambda: client(database, settings)):
        yield


def refreshes(settings: PatreonSettings) -> bool:
    """Whether the token is one of a pair, which is stored."""
    return _given(settings).refreshes


def _given(settings: PatreonSettings) -> Given:
    return Given(
        _revealed(settings.patreon_token),
        _revealed(settings.patreon_refresh_token),
        settings.patreon_client_id,
        _revealed(settings.patreon_client_secret),
    )


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value().strip() or None
