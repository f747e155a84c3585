"""Sinks that take messages over HTTP: several members at once, each member's messages in order."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp

from temple_ledger.domain.instant import format_instant
from temple_ledger.infrastructure.read_models.feed.sink import Attempt, Connection, OutboxMessage
from temple_ledger.infrastructure.version import version

AT_ONCE: Final = 16
TIMEOUT_SECONDS: Final = 10.0
ROUND_SECONDS: Final = 10.0
MOST_FAILURES: Final = 5
"""Of different members, one after the other: then the sink is out of order, and the rest is left for later."""
REFUSED: Final = frozenset({400, 413, 422})
"""Answers that are about the message and not about the sink."""
SHOWN_OF_ANSWER: Final = 200
MAX_ANSWER: Final = 64 * 1024


class HttpSink:
    """Derive from it and say what a request is."""

    at_once = AT_ONCE

    def request(self, message: OutboxMessage) -> tuple[str, Mapping[str, str], bytes]:
        """URL, headers and body of an attempt that is made now."""
        raise NotImplementedError

    def pause_of(self, status: int, headers: Mapping[str, str], body: bytes) -> float | None:
        """For how many seconds the answer asks to be left in peace."""
        return _seconds(headers.get("Retry-After")) if status in (429, 503) else None

    def deliver(self, messages: Sequence[OutboxMessage], connection: Connection) -> Sequence[Attempt]:
        return asyncio.run(self._deliver(messages))

    async def _deliver(self, messages: Sequence[OutboxMessage]) -> Sequence[Attempt]:
        queues: dict[str, list[OutboxMessage]] = {}
        for message in messages:
            queues.setdefault(message.user_id, []).append(message)
        waiting = iter(queues.values())
        round_ = _Round()
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:

            async def work() -> None:
                for queue in waiting:
                    for message in queue:
                        if round_.over:
                            return
                        if not round_.add(await self._attempt(session, message)):
                            break

            await asyncio.gather(*[work() for _ in range(self.at_once)])
        return round_.attempts

    async def _attempt(self, session: aiohttp.ClientSession, message: OutboxMessage) -> Attempt:
        url, headers, body = self.request(message)
        try:
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                if 200 <= answer.status < 300:
                    # whatever follows, or never comes: it was accepted
                    return Attempt(message)
                said = await _beginning(answer)
                shown = said[:SHOWN_OF_ANSWER].decode("utf-8", "replace")
                return Attempt(
                    message,
                    f"answered {answer.status}: {' '.join(shown.split())}",
                    refused=answer.status in REFUSED,
                    pause_seconds=self.pause_of(answer.status, answer.headers, said),
                )
        except TimeoutError:
            return Attempt(message, f"did not answer within {TIMEOUT_SECONDS:g} s")
        except (aiohttp.ClientError, UnicodeError) as error:
            # never the address, which may have a token in it, and may be no name of a host
            return Attempt(message, f"cannot be reached ({type(error).__name__})")


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """Of its body, which may never come: the status is there, and says enough."""
    try:
        return await answer.content.read(MAX_ANSWER)
    except (TimeoutError, aiohttp.ClientError):
        return b""


class _Round:
    """Some messages being tried, until the sink turns out to be out of order, or for long enough."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self._ends = time.monotonic() + ROUND_SECONDS
        self._failures = 0

    @property
    def over(self) -> bool:
        return self._failures >= MOST_FAILURES or time.monotonic() >= self._ends

    def add(self, attempt: Attempt) -> bool:
        """Whether it was delivered."""
        self.attempts.append(attempt)
        if attempt.error is None or attempt.refused:
            self._failures = 0
        else:
            self._failures = MOST_FAILURES if attempt.pause_seconds is not None else self._failures + 1
        return attempt.error is None


class WebhookSink(HttpSink):
    """POST, signed as Standard Webhooks has it: `webhook-id` is the message's and stays the same."""

    def __init__(self, url: str, secret: str) -> None:
        """*secret* is `whsec_` and base64."""
        self._url = url
        self._key = base64.b64decode(secret.removeprefix("whsec_"))

    def request(self, message: OutboxMessage) -> tuple[str, Mapping[str, str], bytes]:
        occurred = None if message.occurred_at is None else format_instant(message.occurred_at)
        body = json.dumps(
            {"type": message.type, "timestamp": occurred, "data": json.loads(message.data)}, ensure_ascii=False
        ).encode()
        now = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"temple-ledger/{version()}",
            "webhook-id": message.id,
            "webhook-timestamp": now,
            "webhook-signature": sign(self._key, message.id, now, body),
        }
        return self._url, headers, body


def sign(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def _seconds(value: str | None) -> float | None:
    try:
        return None if value is None else max(0.0, float(value))
    except ValueError:
        return None
