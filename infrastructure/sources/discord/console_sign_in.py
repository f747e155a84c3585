"""Signing in to the console with Discord: Discord says who it is, and the bot which roles they have."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.infrastructure.names.roles import AskRoles
from temple_ledger.infrastructure.names.roles import roles_of as roles_by_listener
from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses, DiscordUnavailable
from temple_ledger.infrastructure.sources.discord.settings import DiscordSettings, role_ids
from temple_ledger.infrastructure.sources.discord.snowflake import is_snowflake
from temple_ledger.infrastructure.version import version

AUTHORIZE: Final = "https://discord.com/oauth2/authorize"
API: Final = "https://discord.com/api/v10"
SCOPE: Final = "identify"
ANSWER_SECONDS: Final = 10.0
MOST_ANSWER: Final = 64 * 1024
RIGHTS: Final = ("read", "operate", "bodies")


class DiscordSignIn:
    """An `AccountSignIn`. The token that Discord gives for a code is used once, to ask who it is, and revoked."""

    label = "Discord"

    def __init__(
        self, client_id: str, secret: str, roles: Mapping[str, frozenset[str]], ask: AskRoles, api_url: str | None
    ) -> None:
        """*roles*: by right, the roles that give it."""
        self._client_id = client_id
        self._secret = secret
        self._roles = roles
        self._ask = ask
        self._api = (api_url or API).rstrip("/")
        self._authorize = AUTHORIZE if api_url is None else f"{self._api}/oauth2/authorize"

    def address(self, *, back: str, state: str, challenge: str) -> str:
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "scope": SCOPE,
            "redirect_uri": back,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            # whoever has agreed before is not asked again
            "prompt": "none",
        }
        return f"{self._authorize}?{urlencode(asked)}"

    def account(self, code: str, *, back: str, verifier: str) -> str:
        return asyncio.run(self._account(code, back, verifier))

    def rights(self, account: str) -> frozenset[str]:
        held = self._ask(account)
        found = {right for right in RIGHTS if held is not None and not self._roles[right].isdisjoint(held)}
        return frozenset(found | {"read"}) if found else frozenset()

    async def _account(self, code: str, back: str, verifier: str) -> str:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        headers = {"User-Agent": f"DiscordBot (temple-ledger, {version()})"}
        try:
            async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
                token = await self._token(session, code, back, verifier)
                account = await self._who(session, token)
                await self._revoked(session, token)
                return account
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise DiscordUnavailable(f"cannot reach Discord to sign in ({type(error).__name__}); try again") from None

    async def _token(self, session: aiohttp.ClientSession, code: str, back: str, verifier: str) -> str:
        sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        sent |= self._login()
        async with session.post(f"{self._api}/oauth2/token", data=sent, allow_redirects=False) as answer:
            found = await _json(answer, "the code")
        token = found.get("access_token")
        if not isinstance(token, str) or SCOPE not in str(found.get("scope", "")).split():
            raise DiscordUnavailable("Discord answered the code with something else than a token; try again")
        return token

    async def _who(self, session: aiohttp.ClientSession, token: str) -> str:
        headers = {"Authorization": f"Bearer {token}"}
        async with session.get(f"{self._api}/users/@me", headers=headers, allow_redirects=False) as answer:
            found = await _json(answer, "who it is")
        account = str(found.get("id"))
        if not is_snowflake(account):
            raise DiscordUnavailable("Discord did not answer with an account; try again")
        return account

    async def _revoked(self, session: aiohttp.ClientSession, token: str) -> None:
        """Where it is not, it ends by itself after some days, and nobody has it."""
        try:
            sent = {"token": token, **self._login()}
            async with session.post(f"{self._api}/oauth2/token/revoke", data=sent, allow_redirects=False):
                pass
        except (aiohttp.ClientError, OSError, TimeoutError):
            return

    def _login(self) -> dict[str, str]:
        return {"client_id": self._client_id, "client_secret": self._secret}


async def _json(answer: aiohttp.ClientResponse, what: str) -> Mapping[str, Any]:
    """Never with what was answered in the sentence."""
    body = await answer.content.read(MOST_ANSWER)
    if answer.status == 401:
        raise DiscordRefuses("Discord does not accept the client secret: set TEMPLE_DISCORD_CLIENT_SECRET")
    if 400 <= answer.status < 500 and answer.status != 429:
        raise DiscordRefuses(f"Discord does not accept {what}: it was used before, or is too old; sign in again")
    if answer.status != 200:
        raise DiscordUnavailable(f"Discord failed to answer {what}: HTTP {answer.status}; try again")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError
    return found


def console_sign_in(settings: DiscordSettings, home: Path) -> DiscordSignIn | None:
    """Raises SettingsInvalid where half of it is set."""
    roles = {
        "read": role_ids(settings.discord_console_read),
        "operate": role_ids(settings.discord_console_operate),
        "bodies": role_ids(settings.discord_console_bodies),
    }
    client_id, secret = settings.discord_client_id, settings.discord_client_secret
    if client_id is None and secret is None and not any(roles.values()):
        return None
    if client_id is None or secret is None or not any(roles.values()):
        raise SettingsInvalid(
            "to sign in to the console with Discord, set all of TEMPLE_DISCORD_CLIENT_ID, TEMPLE_DISCORD_CLIENT_SECRET "
            "and at least one of TEMPLE_DISCORD_CONSOLE_READ, …_OPERATE and …_BODIES"
        )

    def ask(account: str) -> Sequence[str] | None:
        return roles_by_listener(home, account)

    return DiscordSignIn(client_id, secret.get_secret_value(), roles, ask, settings.discord_api_url)
