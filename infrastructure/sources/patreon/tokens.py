"""The token to read with, and the pairs that follow each other.

A refresh token works once: the answer holds the next pair, and makes the old one void. So one process refreshes at a
time, ahead of the end, and a pair is committed before anybody uses it. What is left is a crash between Patreon's
answer and the commit; then, and when a refresh is refused, the token of the settings is tried, and a person has to
give a new pair. Tokens are in no message and in no log line, and encrypted in the database.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

import aiohttp
import psycopg
import structlog

from temple_ledger.domain.errors import PlatformUnavailable, Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.in_thread import in_thread
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.sources.patreon.client import limited, new_session
from temple_ledger.infrastructure.sources.patreon.strict_json import UnreadableBody, read_json
from temple_ledger.infrastructure.sources.token_keys import HOW_TO_MAKE_ONE, TokenKeys

TOKEN: Final = "/api/oauth2/token"  # noqa: S105 -- an address
NAME: Final = "creator"
FIRST_REFRESH: Final = timedelta(days=1)
ASSUMED_LIFE: Final = timedelta(days=30)
REFRESH_AT_SHARE: Final = 0.5
"""Of a token's life: a month of it leaves two weeks to notice that refreshing fails."""
MOST_LIFE: Final = timedelta(days=365)

NO_KEY: Final = (
    "Patreon's tokens are stored encrypted, and there is no key: set TEMPLE_TOKEN_KEY, or a secret file of that name, "
    f"to the one that they were encrypted with; if none are stored yet, {HOW_TO_MAKE_ONE}"
)

log = structlog.get_logger("temple.patreon")


class Given(NamedTuple):
    """What the settings say; `access` may be None where there is a pair to refresh, and the other way round."""

    access: str | None
    refresh: str | None = None
    client_id: str | None = None
    client_secret: str | None = None

    @property
    def refreshes(self) -> bool:
        return bool(self.refresh and self.client_id and self.client_secret)

    @property
    def digest(self) -> bytes:
        return sha256((self.refresh or "").encode()).digest()


class Pair(NamedTuple):
    access: str
    refresh: str
    given: bytes
    refresh_at: datetime
    expires_at: datetime
    refused_at: datetime | None


class RefreshRefused(PlatformUnavailable):
    """Patreon does not take the refresh token: another refresh will not help."""


class Tokens:
    """One for each event loop. Raises Refused where the settings give no token, or a pair and no key to store it."""

    def __init__(
        self,
        database: Database,
        given: Given,
        *,
        url: str,
        keys: TokenKeys | None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not given.access and not given.refreshes:
            raise Refused("there is no token to read from Patreon with; set TEMPLE_PATREON_TOKEN, or a secret file")
        if given.refreshes and keys is None:
            raise Refused(NO_KEY)
        self._database = database
        self._given = given
        self._keys = keys
        self._url = url.rstrip("/") + TOKEN
        self._clock = clock
        self._turn = asyncio.Lock()

    async def token(self) -> str:
        """The one to use now, refreshed ahead of time. Raises PlatformUnavailable, DatabaseUnavailable."""
        if not self._given.refreshes:
            return self._given.access or ""
        pair = await in_thread(self._stored)
        if pair.refused_at is not None:
            lives = pair.access and self._clock() < pair.expires_at
            return pair.access if lives else self._given.access or pair.access
        if self._clock() < pair.refresh_at and pair.access:
            return pair.access
        try:
            return (await self._refreshed(lambda held: self._clock() >= held.refresh_at or not held.access)).access
        except PlatformUnavailable as error:
            if not pair.access or self._clock() >= pair.expires_at:
                return self._fallback(error)
            log.warning("the token of Patreon was not refreshed", reason=str(error))
            return pair.access

    async def instead_of(self, refused: str) -> str | None:
        if not self._given.refreshes:
            return None
        try:
            pair = await self._refreshed(lambda held: held.access == refused and held.refused_at is None)
        except PlatformUnavailable as error:
            log.warning("the token of Patreon was refused, and not refreshed", reason=str(error))
            return self._given.access
        return self._given.access if pair.refused_at is not None else pair.access

    def _fallback(self, error: PlatformUnavailable) -> str:
        if self._given.access is None:
            raise error
        return self._given.access

    def _stored(self) -> Pair:
        """The pair in use; the settings' own when they give another one than that which the chain began with."""
        with self._connected() as connection:
            with connection.transaction():
                encrypt_older(connection, self._required_keys)
            connection.execute(statement("patreon_token_begin"), self._beginning(), prepare=True)
            return self._pair(connection.execute(statement("patreon_token_read"), {"name": NAME}))

    def _beginning(self) -> dict[str, Any]:
        now = self._clock()
        return {
            "name": NAME,
            **_encrypted(self._required_keys, self._given.access or "", self._given.refresh or ""),
            "given": self._given.digest,
            "refreshed_at": now,
            "refresh_at": now + FIRST_REFRESH,
            "expires_at": now + ASSUMED_LIFE,
        }

    async def _refreshed(self, needed: Callable[[Pair], bool]) -> Pair:
        """The stored pair, made new if that is *needed* once nobody else is at it."""
        async with self._turn:
            connection = await in_thread(self._connected)
            with connection, database_errors("keeping the token of Patreon"):
                pair = await in_thread(self._hold, connection)
                if not needed(pair):
                    return pair
                try:
                    answer = await self._exchange(pair.refresh)
                except RefreshRefused:
                    values = {"name": NAME, "at": self._clock()}
                    await in_thread(connection.execute, statement("patreon_token_refused"), values)
                    await in_thread(connection.commit)
                    raise
                return await in_thread(self._store, connection, answer)

    def _connected(self) -> psycopg.Connection[Any]:
        return self._database.connect(DatabaseRole.TOKENS, application="temple patreon token", autocommit=True)

    def _hold(self, connection: psycopg.Connection[Any]) -> Pair:
        # the request to Patreon goes out while the row is held
        set_for_session(connection, "idle_in_transaction_session_timeout", "90s")
        set_for_session(connection, "lock_timeout", "60s")
        connection.autocommit = False
        return self._pair(connection.execute(statement("patreon_token_hold"), {"name": NAME}))

    def _store(self, connection: psycopg.Connection[Any], answer: dict[str, Any]) -> Pair:
        """Committed, and only then given to anybody."""
        now = self._clock()
        life = timedelta(seconds=answer["expires_in"])
        values = {
            "name": NAME,
            **_encrypted(self._required_keys, answer["access_token"], answer["refresh_token"]),
            "refreshed_at": now,
            "refresh_at": now + life * REFRESH_AT_SHARE,
            "expires_at": now + life,
        }
        connection.execute(statement("patreon_token_keep"), values)
        pair = self._pair(connection.execute(statement("patreon_token_read"), {"name": NAME}))
        connection.commit()
        log.info("the token of Patreon was refreshed", until=pair.expires_at.isoformat())
        return pair

    def _pair(self, cursor: psycopg.Cursor[Any]) -> Pair:
        row = cursor.fetchone()
        if row is None:
            raise PlatformUnavailable("the token of Patreon is not in its table any more; try again")
        access, refresh, *others, digest = row
        return Pair(*_in_clear(self._required_keys, digest, access, refresh), *others)

    @property
    def _required_keys(self) -> TokenKeys:
        """There are some, where a pair is stored."""
        if self._keys is None:
            raise Refused(NO_KEY)
        return self._keys

    async def _exchange(self, refresh: str) -> dict[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh,
            "client_id": self._given.client_id or "",
            "client_secret": self._given.client_secret or "",
        }
        try:
            async with new_session() as session, session.post(self._url, data=form, allow_redirects=False) as response:
                status, body = response.status, await limited(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PlatformUnavailable(f"Patreon did not answer to a refresh ({type(error).__name__})") from None
        if status in (400, 401, 403):
            raise RefreshRefused(
                f"Patreon does not take the refresh token ({status}): give a new pair, "
                "TEMPLE_PATREON_TOKEN and TEMPLE_PATREON_REFRESH_TOKEN"
            )
        if status != 200:
            raise PlatformUnavailable(f"Patreon did not refresh the token ({status})")
        return _tokens_of(body)


def _tokens_of(body: bytes) -> dict[str, Any]:
    try:
        answer = read_json(body)
    except UnreadableBody:
        answer = None
    if not isinstance(answer, dict) or not all(
        isinstance(answer.get(name), str) and answer[name] for name in ("access_token", "refresh_token")
    ):
        raise PlatformUnavailable("Patreon's answer to a refresh holds no pair of tokens")
    seconds = answer.get("expires_in")
    if not isinstance(seconds, int) or seconds <= 0:
        seconds = ASSUMED_LIFE.total_seconds()
    # the old refresh token is used up: whatever the number is, the new pair has to be stored
    return {**answer, "expires_in": min(seconds, MOST_LIFE.total_seconds())}


def encrypt_older(connection: psycopg.Connection[Any], keys: TokenKeys) -> None:
    """What is in clear, or encrypted with an older key; whoever refreshes it meanwhile is waited for."""
    rows = connection.execute(statement("patreon_token_older"), {"key_digest": keys.digest}).fetchall()
    for name, access, refresh, digest in rows:
        values = {"name": name, **_encrypted(keys, *_in_clear(keys, digest, access, refresh))}
        connection.execute(statement("patreon_token_encrypt"), values)


def _encrypted(keys: TokenKeys, access: str, refresh: str) -> dict[str, Any]:
    return {
        "access_token": keys.encrypt("access", access),
        "refresh_token": keys.encrypt("refresh", refresh),
        "key_digest": keys.digest,
    }


def _in_clear(keys: TokenKeys, digest: bytes | None, access: str, refresh: str) -> tuple[str, str]:
    if digest is None:
        return access, refresh
    return keys.decrypt("access", access, digest), keys.decrypt("refresh", refresh, digest)
