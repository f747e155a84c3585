"""What the receiver answers.

200 stored, or stored before · 401 not verified · 404 no such path · 405 not a POST · 413 too large · 429 not verified,
too often · 503 not stored, come again · 408 is only counted, of senders who are gone. No answer says more than that.
"""

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from temple_ledger.infrastructure.ingestion.inbox.delivery import MAX_KIND, Delivery, digest_of
from temple_ledger.infrastructure.ingestion.webhooks.body import Gone, TooLarge, read_body
from temple_ledger.infrastructure.ingestion.webhooks.endpoint import Endpoint, Headers
from temple_ledger.infrastructure.ingestion.webhooks.failure_limit import FailureLimit
from temple_ledger.infrastructure.ingestion.webhooks.inbox_writer import InboxWriter, NotStored

MOST_BYTES: Final = 256 * 1024
RETRY_AFTER_SECONDS: Final = 30
LONGEST_ADDRESS: Final = 45
"""Characters of the longest spelling of an IPv6 address."""

UNKNOWN: Final = ""
"""The source of a request for a path that no source has."""

Answered = Callable[[str, int, float], None]
"""Told of each answer: the source, the code, how many seconds it took."""

log = structlog.get_logger("temple.receive")


def _nobody(source: str, code: int, seconds: float) -> None:
    pass


@dataclass
class Receiving:
    """What all doors of a ledger share."""

    writer: InboxWriter
    most_bytes: int = MOST_BYTES
    answered: Answered = _nobody
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    failures: FailureLimit = field(default_factory=FailureLimit)


Door = tuple[Endpoint, Receiving]


def receiver_app(doors: Sequence[Endpoint], receiving: Receiving) -> Starlette:
    return shared_receiver_app([(door, receiving) for door in doors], [receiving])


def shared_receiver_app(doors: Sequence[Door], ledgers: Sequence[Receiving]) -> Starlette:
    """For several ledgers: a delivery belongs to the one whose door verifies it. Ready while one of them is."""
    at: dict[str, list[Door]] = {}
    for door in doors:
        at.setdefault(door[0].path, []).append(door)
    app = Starlette(
        routes=[
            *(Route(each, _Entrance(there)) for path, there in at.items() for each in (path, f"{path}/")),
            Route("/healthz", _healthz, methods=["GET"]),
            Route("/readyz", _readyz([each.writer for each in ledgers]), methods=["GET"]),
        ],
        exception_handlers=dict.fromkeys((404, 405), _elsewhere(ledgers[0].answered)),
    )
    app.router.redirect_slashes = False
    return app


class _Entrance:
    """An ASGI application, so that nothing reads the body before its size is known."""

    def __init__(self, doors: Sequence[Door]) -> None:
        """Of one path: more than one where several ledgers take deliveries there."""
        self._doors = doors
        self._door, self._receiving = doors[0]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        try:
            response = await self._response(scope, receive)
        except Exception as error:  # noqa: BLE001 -- the sender comes again, whatever went wrong here
            log.error("delivery not taken in", error=type(error).__name__, at=_place(error))
            response = _come_again()
        self._receiving.answered(self._door.source, response.status_code, time.perf_counter() - started)
        await response(scope, receive, send)

    async def _response(self, scope: Scope, receive: Receive) -> Response:
        if scope["method"] != "POST":
            # somebody looks whether the address is right; nothing is touched
            return Response(status_code=200) if scope["method"] == "HEAD" else Response(status_code=405, headers=_ALLOW)
        headers: Headers = scope["headers"]
        # from a proxy it may be any text
        address = scope["client"][0][:LONGEST_ADDRESS] if scope.get("client") else ""
        failures = self._receiving.failures
        if not any(door.plausible(headers) for door, _ in self._doors) and failures.exceeded(address):
            return _too_often()
        try:
            body = await read_body(headers, receive, self._receiving.most_bytes)
        except TooLarge:
            failures.failed(address)
            return Response(status_code=413, headers=_CLOSE)
        except Gone:
            return Response(status_code=408, headers=_CLOSE)
        now = self._receiving.clock()
        # every door, whichever fits: how long it takes reveals nothing
        fits = [each for each in self._doors if each[0].verified(headers, body, now)]
        if not fits:
            return self._unverified(address)
        if len(fits) > 1:
            log.error("delivery verified by the secrets of several ledgers, which must differ", path=self._door.path)
            return _come_again()
        return await _kept(*fits[0], headers, body, now)

    def _unverified(self, address: str) -> Response:
        if self._receiving.failures.failed(address):
            return _too_often()
        log.warning("delivery not verified", source=self._door.source, door=self._door.name, address=address)
        return Response(status_code=401)


async def _kept(door: Endpoint, receiving: Receiving, headers: Headers, body: bytes, now: datetime) -> Response:
    kind = door.kind(headers)
    delivery = Delivery(
        source=door.source,
        kind=_readable(kind),
        body=body,
        digest=digest_of(kind, body),
        received_at=now,
        origin=door.name,
    )
    try:
        await receiving.writer.store(delivery)
    except NotStored:
        return _come_again()
    return Response(status_code=200)


_ALLOW: Final = {"Allow": "POST, HEAD"}
_CLOSE: Final = {"Connection": "close"}


def _come_again() -> Response:
    return Response(status_code=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _too_often() -> Response:
    return Response(status_code=429, headers={"Retry-After": str(RETRY_AFTER_SECONDS), **_CLOSE})


async def _healthz(_: Request) -> Response:
    """This process is alive."""
    return Response("ok\n", media_type="text/plain")


def _readyz(writers: Sequence[InboxWriter]) -> Callable[[Request], object]:
    async def readyz(_: Request) -> Response:
        """What comes in now would be kept; of several ledgers, by one of them at least."""
        answers = await asyncio.gather(*(each.ping() for each in writers), return_exceptions=True)
        if all(isinstance(each, NotStored) for each in answers):
            return Response("no\n", status_code=503, media_type="text/plain")
        return Response("ok\n", media_type="text/plain")

    return readyz


def _elsewhere(answered: Answered) -> Callable[[Request, Exception], Response]:
    """For a path or a method that there is not."""

    def answer(_: Request, error: Exception) -> Response:
        code = error.status_code if isinstance(error, HTTPException) else 404
        answered(UNKNOWN, code, 0.0)
        return Response(status_code=code, headers=getattr(error, "headers", None))

    return answer


def _readable(kind: bytes) -> str:
    """As far as it fits into the inbox: whoever sends a captured body again may write anything there."""
    return "".join(each if each.isprintable() else "?" for each in kind.decode("latin-1"))[:MAX_KIND]


def _place(error: Exception) -> str:
    with suppress(IndexError):
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{frame.name}:{frame.lineno}"
    return ""
