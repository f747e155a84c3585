"""A Patreon on loopback: its API with its oddities, on purpose and at will.

It holds the true memberships; `tests.fakes.patreon_sender` tells them to a receiver.
"""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import web

Json = dict[str, Any]
CAMPAIGN = "7700001"


@dataclass
class Oddities:
    """What may go wrong. `answers` are given before anything else: status, body and content type."""

    page_size: int | None = None
    """The size of its pages, whatever is asked for."""
    endless: bool = False
    """A new cursor for the last page, for ever."""
    repeats: int = 0
    """So many rows of a page are there again on the next one."""
    hides: int = 0
    """So many members are on no page."""
    unreadable: list[Any] = field(default_factory=list)
    """Rows that stand before all others, and are no members with an id."""
    says_total: bool = True
    after_page: Callable[[int], None] | None = None
    """Called with the number of each page that was given."""
    answers: deque[tuple[int, bytes, str]] = field(default_factory=deque)


class FakePatreon:
    """Given to the block of `fake_patreon`; whatever is changed on it counts from the next request on."""

    def __init__(self) -> None:
        self.url = ""
        self.forget()

    def forget(self) -> None:
        """As it was at first."""
        self.members: dict[str, Json] = {}
        """By id: documents as `tests.patreon.bodies.member_document` makes them."""
        self.webhooks: list[Json] = []
        self.oddities = Oddities()
        self.tokens = {"first"}
        self.refresh_token = "refresh-0"
        self.expires_in = 2_678_400
        self.requests: list[str] = []
        """Method and path with query of each, as they came."""
        self.forbidden: set[str] = set()
        """Paths that are answered with 403."""
        self.refused: list[str] = []
        """Why a request was not answered as it wished."""
        self.before_answer: Callable[[str], None] | None = None
        """Called with each path, in the server's thread."""
        self._numbers = count(1)

    def put(self, document: Json) -> None:
        self.members[document["data"]["id"]] = document

    def remove(self, member_id: str) -> None:
        self.members.pop(member_id, None)

    def delete_tier(self, tier_id: str) -> None:
        """It is listed no more; its patrons pay on."""
        for document in self.members.values():
            entitled = document["data"]["relationships"]["currently_entitled_tiers"]
            entitled["data"] = [each for each in entitled["data"] if each["id"] != tier_id]
            document["included"] = [
                each for each in document["included"] if (each["type"], each["id"]) != ("tier", tier_id)
            ]

    def close_account(self, member_id: str) -> None:
        """The membership is listed with a user that is null."""
        document = self.members[member_id]
        document["data"]["relationships"]["user"] = {"data": None}
        document["included"] = [each for each in document["included"] if each["type"] != "user"]

    def fails(self, *statuses: int, retry_after: float | None = None, html: bool = False) -> None:
        """The next requests get these."""
        for status in statuses:
            error = {} if retry_after is None else {"retry_after_seconds": retry_after}
            body = b"<html>busy</html>" if html else json.dumps({"errors": [error]}).encode()
            self.oddities.answers.append((status, body, "text/html" if html else "application/json"))

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} {request.raw_path}")
        if self.before_answer is not None:
            self.before_answer(request.path)
        if request.path == "/api/oauth2/token":
            return self._token(await request.post())
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if self.oddities.answers:
            status, body, kind = self.oddities.answers.popleft()
            where = {"Location": "https://elsewhere.example/"} if 300 <= status < 400 else None
            return web.Response(status=status, body=body, content_type=kind, headers=where)
        return self._resource(request.path.removeprefix("/api/oauth2/v2").strip("/").split("/"), request.query)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if "[" in request.raw_path or "]" in request.raw_path:
            return self._refuse(400, "brackets that are not encoded")
        if not request.headers.get("User-Agent", "").startswith("Temple Ledger"):
            return self._refuse(403, "no User-Agent")
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return self._refuse(401, "no such token")
        if request.path.removeprefix("/api/oauth2/v2") in self.forbidden:
            return self._refuse(403, "lacks a scope")
        return None

    def _refuse(self, status: int, why: str) -> web.Response:
        self.refused.append(why)
        return web.json_response({"errors": [{"status": str(status)}]}, status=status)

    def _resource(self, path: list[str], query: Mapping[str, str]) -> web.Response:
        match path:
            case ["identity"]:
                return web.json_response({"data": {"type": "user", "id": "1", "attributes": {}}})
            case ["campaigns"]:
                return web.json_response({"data": [{"type": "campaign", "id": CAMPAIGN}]})
            case ["campaigns", campaign, "members"] if campaign == CAMPAIGN:
                return web.json_response(self._page(query))
            case ["members", member_id] if member_id in self.members:
                document = self.members[member_id]
                row, included = _as_asked(document, query)
                return web.json_response({"data": row, "included": included})
            case ["webhooks"]:
                return web.json_response({"data": self.webhooks})
            case _:
                return self._refuse(404, "not there")

    def _page(self, query: Mapping[str, str]) -> Json:
        oddities = self.oddities
        listed: list[tuple[Any, list[Json]]] = [(row, []) for row in oddities.unreadable]
        listed += [_as_asked(self.members[each], query) for each in sorted(self.members)[oddities.hides :]]
        size = oddities.page_size or int(query.get("page[count]", "20"))
        begin = int(query.get("page[cursor]", "0").partition("-")[0])
        page = listed[max(0, begin - oddities.repeats) : begin + size]
        following = begin + size
        cursor: str | None = f"{following}-{next(self._numbers)}"
        if following >= len(listed):
            cursor = f"{begin}-{next(self._numbers)}" if oddities.endless else None
        pagination: Json = {"cursors": {"next": cursor}}
        if oddities.says_total:
            pagination["total"] = len(self.members) + len(oddities.unreadable)
        included = {(each["type"], each["id"]): each for _, resources in page for each in resources}
        if oddities.after_page is not None:
            oddities.after_page(begin // size + 1)
        return {
            "data": [row for row, _ in page],
            "included": list(included.values()),
            "meta": {"pagination": pagination},
        }

    def _token(self, form: Mapping[str, Any]) -> web.Response:
        """A refresh token works once."""
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.refresh_token:
            return self._refuse(401, "no such refresh token")
        number = next(self._numbers)
        self.refresh_token = f"refresh-{number}"
        self.tokens = {f"access-{number}"}
        pair = {"access_token": f"access-{number}", "refresh_token": self.refresh_token}
        return web.json_response({**pair, "expires_in": self.expires_in, "token_type": "Bearer", "scope": "x"})


def _as_asked(document: Json, query: Mapping[str, str]) -> tuple[Json, list[Json]]:
    """Nothing that was not asked for."""
    row = _with_fields(document["data"], query)
    names = [name for name in query.get("include", "").split(",") if name]
    relations = {name: value for name, value in row.get("relationships", {}).items() if name in names}
    wanted = set()
    for value in relations.values():
        listed = value["data"] if isinstance(value["data"], list) else [value["data"]]
        wanted |= {(each["type"], each["id"]) for each in listed if each}
    included = [
        _with_fields(each, query) for each in document.get("included", ()) if (each["type"], each["id"]) in wanted
    ]
    return {**row, "relationships": relations}, included


def _with_fields(resource: Json, query: Mapping[str, str]) -> Json:
    fields = query.get(f"fields[{resource['type']}]", "").split(",")
    attributes = {name: value for name, value in resource.get("attributes", {}).items() if name in fields}
    return {**resource, "attributes": attributes}


@contextmanager
def fake_patreon() -> Iterator[FakePatreon]:
    """In a thread and an event loop of its own, on a free port of loopback."""
    fake = FakePatreon()
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(_app(fake))

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _app(fake: FakePatreon) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.answer)
    return app
