"""Discord on loopback, REST and gateway, for the real discord.py: a true guild behind it, and faults on demand.

It runs in a thread of its own; what is called here may be called from any thread.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import WSMsgType, web

from tests.fakes.discord_asking import Asked, FakeAsking
from tests.fakes.discord_guild import Dispatch, TrueGuild, user_object
from tests.fakes.discord_oauth import FakeOAuth

API = "/api/v10"
MEMBERS = "/guilds/{guild}/members"
AUDIT_LOG = "/guilds/{guild}/audit-logs"
Result = TypeVar("Result")


@dataclass
class Odd:
    """An answer that is no true one."""

    body: bytes
    status: int = 200
    kind: str = "application/json"

    def response(self) -> web.Response:
        headers = {"Content-Type": self.kind, "Via": "1.1 fake"}
        return web.Response(body=self.body, status=self.status, headers=headers)


@dataclass
class Session:
    id: str
    sequence: int = 0
    sent: list[tuple[int, str]] = field(default_factory=list)


class FakeDiscord:
    """`refuse_with`: the close code that an IDENTIFY is answered with. `limits`: how many requests for members are
    answered with 429 first. `forbidden`: paths of REST that are answered with 403; `held`: those that are answered
    when they are taken out. `is_away`: all of REST is answered with 503. `odd`: paths that are answered so, whatever is
    asked. `requests`: what was asked. `accounts`: who is known and not in the guild, by id."""

    def __init__(self, guild: TrueGuild, *, page: int = 1_000) -> None:
        self.guild = guild
        self.page = page
        self.refuse_with: int | None = None
        self.limits = 0
        self.forbidden: set[str] = set()
        self.held: set[str] = set()
        self.deaf = False
        self.is_away = False
        self.odd: dict[str, Odd] = {}
        self.requests: list[str] = []
        self.received: list[dict[str, Any]] = []
        self.close_codes: list[int | None] = []
        self.counted_members: int | None = None
        self.application_flags = 1 << 14
        self.other_guilds: list[str] = []
        self.accounts: dict[str, dict[str, Any]] = {}
        self.oauth = FakeOAuth()
        self.asking = FakeAsking(guild)
        self.sessions: dict[str, Session] = {}
        self._current: Session | None = None
        self._socket: web.WebSocketResponse | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._port}{API}"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/gateway/"

    @property
    def last_sent(self) -> tuple[str | None, int]:
        """The session that goes on, and its last number."""
        return (None, 0) if self._current is None else (self._current.id, self._current.sequence)

    def was_asked(self, path: str) -> bool:
        return any(path.format(guild=self.guild.id) in request for request in self.requests)

    def dispatch(self, *dispatches: Dispatch) -> None:
        """To the session that goes on; kept for a RESUME, and sent when somebody is connected."""
        self._call(self._dispatch(dispatches))

    def ask(self, asker: str, roles: Iterable[str], kind: str, **options: str) -> Asked:
        """Somebody uses /ledger."""
        asked, dispatch = self.asking.ask(asker, roles, kind, **options)
        self.dispatch(dispatch)
        return asked

    def flood(self, dispatches: Iterable[Dispatch]) -> None:
        """As fast as the connection takes them."""
        self._call(self._dispatch(list(dispatches)), timeout=120)

    def ask_to_reconnect(self) -> None:
        """Opcode 7."""
        self._call(self._send({"op": 7, "d": None, "s": None, "t": None}))

    def abort(self) -> None:
        """The TCP connection is gone without a word."""
        self._call(self._abort())

    def forget_sessions(self) -> None:
        """A RESUME is answered with opcode 9, false: what was sent meanwhile is lost."""
        self.sessions.clear()
        self._current = None

    async def _start(self) -> None:
        app = web.Application()
        for path, answer in (
            ("/users/@me", self._me),
            ("/oauth2/applications/@me", self._application),
            ("/users/@me/guilds", self._guilds),
            ("/guilds/{guild}", self._guild),
            ("/guilds/{guild}/roles", self._roles),
            (MEMBERS, self._members),
            (MEMBERS + "/search", self._search),
            (MEMBERS + "/{user}", self._member),
            ("/users/{user}", self._user),
            (AUDIT_LOG, self._audit_log),
        ):
            app.router.add_get(API + path, self._asked(path, answer))
        app.router.add_get("/gateway/", self._gateway)
        app.router.add_get(f"{API}/oauth2/authorize", self._away(self.oauth.authorize))
        app.router.add_post(f"{API}/oauth2/token", self._away(self.oauth.token))
        app.router.add_post(f"{API}/oauth2/token/revoke", self._away(self.oauth.revoke))
        app.router.add_post(f"{API}/interactions/{{id}}/{{token}}/callback", self._away(self.asking.answered))
        app.router.add_patch(f"{API}/webhooks/{{id}}/{{token}}/messages/@original", self._away(self.asking.edited))
        app.router.add_post(f"{API}/applications/{{id}}/guilds/{{guild}}/commands", self._away(self.asking.registered))
        app.router.add_post(f"{API}/channels/{{id}}/messages", self._away(self.asking.sent))
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    def _asked(
        self, path: str, answer: Callable[[web.Request], Any]
    ) -> Callable[[web.Request], Coroutine[Any, Any, web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            self.requests.append(request.path_qs.removeprefix(API))
            while path in self.held:  # noqa: ASYNC110 -- taken out by another thread
                await asyncio.sleep(0.01)
            account = self.oauth.account_of(request)
            if path == "/users/@me" and account is not None:
                return _json(user_object(account))
            if self.is_away:
                return _json({"message": "Service Unavailable"}, status=503)
            if request.headers.get("Authorization") != "Bot a-token":
                return _json({"message": "401: Unauthorized", "code": 0}, status=401)
            if path.startswith("/guilds/") and not self.guild.bot_is_in:
                return _json({"message": "Unknown Guild", "code": 10004}, status=404)
            if path in self.forbidden:
                return _json({"message": "Missing Access", "code": 50001}, status=403)
            if path == MEMBERS and self.limits:
                self.limits -= 1
                return _json({"message": "slow down", "retry_after": 0.05, "global": False}, status=429)
            if path in self.odd:
                return self.odd[path].response()
            answered = answer(request)
            if answered is None:
                return _json({"message": "Unknown", "code": 10007}, status=404)
            return _json(answered)

        return handle

    def _away(self, answer: Callable[[web.Request], Any]) -> Callable[[web.Request], Coroutine[Any, Any, Any]]:
        """Of what is not asked by the bot."""

        async def handle(request: web.Request) -> Any:
            self.requests.append(request.path.removeprefix(API))
            if self.is_away:
                return web.Response(status=503)
            answered = answer(request)
            return await answered if asyncio.iscoroutine(answered) else answered

        return handle

    def _me(self, _: web.Request) -> Any:
        return user_object(self.guild.bot, bot=True)

    def _application(self, _: web.Request) -> Any:
        return {
            "id": self.guild.bot,
            "name": "temple",
            "icon": None,
            "description": "",
            "bot_public": False,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "team": None,
            "owner": user_object(self.guild.moderator),
            "flags": self.application_flags,
            "summary": "",
        }

    def _guilds(self, request: web.Request) -> Any:
        ours = [self.guild.id] if self.guild.bot_is_in else []
        after = int(request.query.get("after", "0"))
        return [{"id": each, "name": "the guild"} for each in (*ours, *self.other_guilds) if int(each) > after]

    def _guild(self, _: web.Request) -> Any:
        number = len(self.guild.members) if self.counted_members is None else self.counted_members
        return {**self.guild.guild_create().data, "approximate_member_count": number}

    def _roles(self, _: web.Request) -> Any:
        return self.guild.guild_create().data["roles"]

    def _members(self, request: web.Request) -> Any:
        limit = min(int(request.query.get("limit", 1)), self.page)
        return self.guild.member_page(request.query.get("after", "0"), limit)

    def _search(self, request: web.Request) -> Any:
        text = request.query["query"].casefold()
        page = self.guild.member_page("0", self.page)
        return [each for each in page if text in str(each.get("nick") or each["user"]["username"]).casefold()]

    def _member(self, request: web.Request) -> Any:
        wanted = request.match_info["user"]
        return next((each for each in self.guild.member_page("0", self.page) if each["user"]["id"] == wanted), None)

    def _user(self, request: web.Request) -> Any:
        return self.accounts.get(request.match_info["user"])

    def _audit_log(self, request: web.Request) -> Any:
        limit = int(request.query.get("limit", 50))
        found = self.guild.audit_page(request.query.get("after"), request.query.get("before"), min(limit, 100))
        return {"audit_log_entries": found, "users": [], "webhooks": [], "integrations": []}

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.send_str(json.dumps({"op": 10, "d": {"heartbeat_interval": 41_250}, "s": None, "t": None}))
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._said(socket, json.loads(message.data))
        self.close_codes.append(socket.close_code)
        if self._socket is socket:
            self._socket = None
        return socket

    async def _said(self, socket: web.WebSocketResponse, payload: dict[str, Any]) -> None:
        self.received.append(payload)
        match payload["op"]:
            case 1:
                await socket.send_str(json.dumps({"op": 11, "d": None, "s": None, "t": None}))
            case 2 if self.refuse_with is not None:
                await socket.close(code=self.refuse_with)
            case 2:
                await self._identify(socket)
            case 6:
                await self._resume(socket, payload["d"])

    async def _identify(self, socket: web.WebSocketResponse) -> None:
        self._current = Session(f"session-{len(self.received)}-{self.guild.draw()}")
        self.sessions[self._current.id] = self._current
        self._socket = socket
        ready = {
            "v": 10,
            "user": user_object(self.guild.bot, bot=True),
            "session_id": self._current.id,
            "resume_gateway_url": self.gateway_url,
            "guilds": [{"id": self.guild.id, "unavailable": True}] if self.guild.bot_is_in else [],
            "application": {"id": self.guild.bot, "flags": 1 << 14},
        }
        there = [self.guild.guild_create()] if self.guild.bot_is_in else []
        await self._dispatch([Dispatch("READY", ready), *there])

    async def _resume(self, socket: web.WebSocketResponse, asked: dict[str, Any]) -> None:
        session = self.sessions.get(asked["session_id"])
        if session is None:
            await socket.send_str(json.dumps({"op": 9, "d": False, "s": None, "t": None}))
            return
        self._current, self._socket = session, socket
        for sequence, text in session.sent:
            if sequence > asked["seq"]:
                await socket.send_str(text)
        await self._dispatch([Dispatch("RESUMED", {})])

    async def _dispatch(self, dispatches: Sequence[Dispatch]) -> None:
        session = self._current
        if session is None:
            return
        for each in dispatches:
            session.sequence += 1
            text = json.dumps({"op": 0, "d": each.data, "s": session.sequence, "t": each.kind})
            session.sent.append((session.sequence, text))
            if self._socket is not None and not self.deaf:
                try:
                    await self._socket.send_str(text)
                except ConnectionError:
                    self._socket = None

    async def _send(self, payload: dict[str, Any]) -> None:
        if self._socket is not None:
            await self._socket.send_str(json.dumps(payload))

    async def _abort(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None and socket._req is not None and socket._req.transport is not None:
            socket._req.transport.abort()

    def _call(self, work: Coroutine[Any, Any, Result], *, timeout: float = 20) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)


def _json(value: Any, *, status: int = 200) -> web.Response:
    # discord.py reads JSON only where the type is exactly this
    response = web.Response(body=json.dumps(value).encode(), status=status)
    response.headers["Content-Type"] = "application/json"
    # a 429 that came by no proxy, discord.py takes for a ban
    response.headers["Via"] = "1.1 fake"
    return response
