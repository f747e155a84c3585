"""Patreon's API, version 2: read only, and never from an address that anybody but the settings named.

Patreon returns nothing that is not asked for, refuses requests without a User-Agent or with brackets that are not
encoded, says by 429 how long to wait, and its edge answers in HTML when it answers itself.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, Self
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from temple_ledger.domain.errors import PlatformUnavailable
from temple_ledger.infrastructure.sources.patreon.document import Document, document_of
from temple_ledger.infrastructure.sources.patreon.rate_limit import RateLimit
from temple_ledger.infrastructure.sources.patreon.strict_json import UnreadableBody, read_json
from temple_ledger.infrastructure.version import version

API: Final = "/api/oauth2/v2"
MAX_ANSWER: Final = 32 * 1024 * 1024
TIMEOUT_SECONDS: Final = 30.0
MOST_ATTEMPTS: Final = 6
LONGEST_WAIT_SECONDS: Final = 120.0
PAGE: Final = 1_000

MEMBER_FIELDS: Final = (
    "patron_status,currently_entitled_amount_cents,will_pay_amount_cents,last_charge_status,last_charge_date,"
    "next_charge_date,pledge_relationship_start,campaign_lifetime_support_cents"
)
_MEMBER: Final = {
    "include": "campaign,currently_entitled_tiers,user",
    "fields[member]": MEMBER_FIELDS,
    "fields[user]": "social_connections",
    "fields[tier]": "title,amount_cents,discord_role_ids",
}


class PatreonRefuses(PlatformUnavailable):
    """Answered, and said no: trying again changes nothing."""


class Access(Protocol):
    """Where the token comes from. Each raises PlatformUnavailable."""

    async def token(self) -> str: ...

    async def instead_of(self, refused: str) -> str | None:
        """Another token when Patreon does not take *refused*; None when there is none."""
        ...


class GivenToken:
    """The token of the settings, and never another: where there is no ledger to store one in."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token

    async def instead_of(self, refused: str) -> str | None:
        return None


class Answer(NamedTuple):
    status: int
    body: bytes
    retry_after: str | None


class PatreonClient:
    """One for each event loop; used as an asynchronous context."""

    def __init__(
        self,
        access: Access,
        *,
        url: str,
        pace: RateLimit | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        waiting: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """*waiting* is called with a sentence before each wait: somebody may look on."""
        self._access = access
        self._url = url.rstrip("/")
        self._pace = pace or RateLimit(time.monotonic, sleep)
        self._sleep = sleep
        self.clock = clock
        self._waiting = waiting
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = new_session()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def identity(self) -> Document:
        """Whose token it is. Raises PlatformUnavailable, as everything here does."""
        return await self._document("/identity", {})

    async def campaigns(self) -> Sequence[str]:
        document = await self._document("/campaigns", {})
        return [str(each["id"]) for each in document.rows if isinstance(each, dict) and each.get("id") is not None]

    async def members(self, campaign_id: str, cursor: str | None) -> Document:
        """A page of the campaign's members, free, former and declined ones too."""
        page = {"page[count]": str(PAGE)} | ({} if cursor is None else {"page[cursor]": cursor})
        return await self._document(f"/campaigns/{quote(campaign_id, safe='')}/members", _MEMBER | page)

    async def member(self, member_id: str) -> bytes | None:
        """The document as it came; None when there is no such membership any more."""
        answer = await self._get(f"/members/{quote(member_id, safe='')}", _MEMBER, gone=(404, 410))
        return None if answer.status in (404, 410) else answer.body

    async def webhooks(self) -> Document:
        """Those that this client made: others are not shown."""
        fields = "last_attempted_at,num_consecutive_times_failed,paused,triggers,uri"
        return await self._document("/webhooks", {"fields[webhook]": fields})

    async def _document(self, path: str, query: Mapping[str, str]) -> Document:
        answer = await self._get(path, query)
        try:
            return document_of(read_json(answer.body))
        except UnreadableBody as error:
            raise PlatformUnavailable(f"Patreon's answer cannot be read: {error}") from None

    async def _get(self, path: str, query: Mapping[str, str], gone: Sequence[int] = ()) -> Answer:
        url = URL(f"{self._url}{API}{path}?{urlencode(query)}", encoded=True)
        token = await self._access.token()
        failure = "no answer"
        for attempt in range(MOST_ATTEMPTS):
            await self._pace.turn()
            answer = await self._asked(url, token)
            if answer is None or answer.status == 429 or answer.status >= 500:
                failure = "no answer" if answer is None else f"answer {answer.status}"
                if attempt + 1 < MOST_ATTEMPTS:
                    await self._wait_for_another(failure, attempt, _wait(attempt, answer))
                continue
            if answer.status == 401:
                other = await self._access.instead_of(token)
                if other is not None and other != token:
                    token = other
                    continue
            if answer.status == 200 or answer.status in gone:
                return answer
            raise PatreonRefuses(_refusal(answer.status))
        raise PlatformUnavailable(f"Patreon gave {failure}, {MOST_ATTEMPTS} times; try again later")

    async def _wait_for_another(self, failure: str, attempt: int, seconds: float) -> None:
        left = MOST_ATTEMPTS - attempt - 1
        times = "once more" if left == 1 else f"{left} times more at most"
        self._waiting(f"Patreon gave {failure}; trying again in {seconds:.0f} s, {times}")
        await self._sleep(seconds)

    async def _asked(self, url: URL, token: str) -> Answer | None:
        """None when nothing came."""
        if self._session is None:
            raise RuntimeError("used outside of its context")
        try:
            async with self._session.get(
                url, headers={"Authorization": f"Bearer {token}"}, allow_redirects=False
            ) as response:
                return Answer(response.status, await limited(response), response.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


def new_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        headers={"User-Agent": f"Temple Ledger {version()}", "Accept": "application/json"},
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def limited(response: aiohttp.ClientResponse) -> bytes:
    """The body. Raises PlatformUnavailable for one without an end."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise PlatformUnavailable(f"Patreon's answer is larger than {MAX_ANSWER // 1024 // 1024} MiB")
    return bytes(body)


def _wait(attempt: int, answer: Answer | None) -> float:
    """As long as Patreon says, else longer each time; not all who wait at one moment come back at one moment."""
    requested = None if answer is None else _requested_wait(answer)
    seconds = 2.0**attempt * random.uniform(0.5, 1.0) if requested is None else requested + 0.1  # noqa: S311
    return min(LONGEST_WAIT_SECONDS, seconds)


def _requested_wait(answer: Answer) -> float | None:
    requested: Any = None
    if answer.status == 429:
        try:
            errors = read_json(answer.body)["errors"]
            requested = errors[0]["retry_after_seconds"]
        except (UnreadableBody, KeyError, IndexError, TypeError):
            requested = None  # every attribute is optional, and the edge answers in HTML
    try:
        seconds = float(answer.retry_after if requested is None else requested)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _refusal(status: int) -> str:
    match status:
        case 401:
            return "Patreon does not take the token (401): set TEMPLE_PATREON_TOKEN, or the refresh token, anew"
        case 403:
            return "Patreon refuses (403): the token lacks the scope campaigns.members, or w:campaigns.webhook"
        case 404 | 410:
            return f"Patreon has no such thing ({status}): see the setting patreon_campaign_ids"
        case _ if 300 <= status < 400:
            return f"Patreon sends us elsewhere ({status}), where we do not follow: see the setting patreon_api_url"
        case _:
            return f"Patreon refuses ({status})"
