"""The console's answers: pages by GET, and nothing changes by it; signing in and out by POST."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs, quote

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError
from temple_ledger.infrastructure.database.connection import passes
from temple_ledger.infrastructure.observability.escaping import printable
from temple_ledger.infrastructure.operating.action import Asking
from temple_ledger.infrastructure.sources.sign_in import AccountSignIn
from temple_ledger.infrastructure.sources.source import Source
from temple_ledger.infrastructure.web.asked import Asked, Form, form_of, path_of, url_of
from temple_ledger.infrastructure.web.console import SECTIONS, Console, Page, Redirect
from temple_ledger.infrastructure.web.error_page import (
    FOREIGN,
    FORM,
    LONGEST_FORM,
    NEEDS,
    error_page,
    sentence_for,
    status_of,
)
from temple_ledger.infrastructure.web.html import STATIC, render, static_file, static_url
from temple_ledger.infrastructure.web.listing import as_csv, as_json, csv_headers
from temple_ledger.infrastructure.web.live import Live, TooManyStreams
from temple_ledger.infrastructure.web.pages.actions import require_actions
from temple_ledger.infrastructure.web.parameters import BadQuestion, query_of
from temple_ledger.infrastructure.web.rights import Right, in_words
from temple_ledger.infrastructure.web.routes import PAGES, PageRoute
from temple_ledger.infrastructure.web.security import Guard, forget_cookie, is_ours
from temple_ledger.infrastructure.web.sessions import Sessions
from temple_ledger.infrastructure.web.sign_in import WebSession, account_of
from temple_ledger.infrastructure.web.signing_in import SigningIn
from temple_ledger.infrastructure.web.wording import Wording, wording_of

LONGEST_NUMBER: Final = 12
LIVE_BLOCK: Final = "live"
PAUSES: Final = (0.05, 0.2, 0.5)

log = structlog.get_logger("temple.web")

Answer = Callable[[Request], Response]
AsyncAnswer = Callable[[Request], Awaitable[Response]]
SentAnswer = Callable[[Request, Mapping[str, str]], Response]
FormAnswer = Callable[[Request, WebSession, Mapping[str, str]], Response]


class ConsoleApp:
    """What answers; `app` is the ASGI application around it."""

    def __init__(
        self, console: Console, sessions: Sessions, live: Live, ways: Mapping[str, AccountSignIn] = MappingProxyType({})
    ) -> None:
        """*ways*: how people sign in with an account of a source, by its name."""
        self._console = console
        self._sessions = sessions
        self._place = place = sessions.place
        self._live = live
        signing_in = SigningIn(sessions, ways, lambda request, page: self._html(request, page, None))
        self.app: ASGIApp = Starlette(
            routes=[
                Route("/static/{version}/{name}", self._static),
                Route("/live", self._stream),
                Route("/healthz", self._healthz),
                Route("/sign-in", self._safe(signing_in.begin), methods=["GET"]),
                Route(
                    "/sign-in/with/proxy",
                    self._door(signing_in.use_proxy),
                    methods=["POST"],
                ),
                Route("/sign-in/with/{way}", self._safe(signing_in.returned), methods=["GET"]),
                Route("/sign-in/with/{way}", self._door(signing_in.use_account), methods=["POST"]),
                Route("/sign-in/{secret}", self._safe(signing_in.link), methods=["GET"]),
                Route(
                    "/sign-in/{secret}",
                    self._door(signing_in.use_link),
                    methods=["POST"],
                ),
                Route("/sign-out", self._form(self._sign_out, anew=False), methods=["POST"]),
                Route("/admin/sessions/{number:int}/revoke", self._form(self._revoke), methods=["POST"]),
                Route("/actions/{name}", self._form(self._act), methods=["POST"]),
                *(Route(each.path, self._safe(self._page(each)), methods=["GET"]) for each in PAGES),
            ],
            middleware=[Middleware(Guard, place=place), Middleware(GZipMiddleware, minimum_size=1_000)],
            exception_handlers={HTTPException: self._http_error},
        )

    def _safe(self, work: Answer) -> Answer:
        """An error is a page as well, with a sentence; one of ours is told apart from a fault."""

        def answer(request: Request) -> Response:
            try:
                return work(request)
            except LedgerError as error:
                return self._sentence(request, error)
            except HTTPException:
                raise
            except Exception as error:  # noqa: BLE001 -- whatever it is, the other pages go on
                return self._fault(request, error)

        return answer

    def _door(self, work: SentAnswer) -> AsyncAnswer:
        """A form of ours, sent by anybody; every other one is refused. *work* runs in a thread."""

        async def answer(request: Request) -> Response:
            if not is_ours(request, self._place):
                return await asyncio.to_thread(self._refused, request, 403, FOREIGN)
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
                return await asyncio.to_thread(self._refused, request, 415, sentence_for(415))
            sent = await _sent(request)
            return await asyncio.to_thread(self._safe(lambda request: work(request, sent)), request)

        return answer

    def _form(self, work: FormAnswer, *, anew: bool = True) -> AsyncAnswer:
        """A form of ours, sent by somebody who is signed in; every other one is refused. *anew*: with the rights that
        they have at this moment."""

        def signed_in(request: Request, sent: Mapping[str, str]) -> Response:
            session = self._sessions.of(request, anew=anew)
            if session is None:
                return self._nobody(request)
            if not session.made_form_token(sent.get("token", "")):
                return self._error(request, 403, Wording("This form is too old: open its page again."), session)
            return work(request, session, sent)

        return self._door(signed_in)

    def _page(self, route: PageRoute) -> Answer:
        def answer(request: Request) -> Response:
            session = self._session(request)
            if session is None:
                return self._nobody(request)
            if route.right not in session.rights:
                return self._error(request, 403, Wording(NEEDS[route.right]), session)
            try:
                asked, head = _asked(request, session).taking(*route.takes), self._live.head()
                page = self._read(route, asked)
                if isinstance(page, Page):
                    page.head = head
                return self._shown(request, asked, page)
            except LedgerError as error:
                return self._sentence(request, error, session)

        return answer

    def _read(self, route: PageRoute, asked: Asked) -> Page | Redirect:
        """Again, some times, where a standby cancelled it: pages only read. Raises DatabaseUnavailable."""
        for pause in PAUSES:
            try:
                return route.page(self._console, asked)
            except DatabaseUnavailable as error:
                if error.__cause__ is None or not passes(error.__cause__):
                    raise
            time.sleep(pause)
        return route.page(self._console, asked)

    def _shown(self, request: Request, asked: Asked, shown: Page | Redirect) -> Response:
        if isinstance(shown, Redirect):
            return RedirectResponse(shown.url, 303)
        if asked.form is not Form.HTML and shown.listing is not None:
            if asked.form is Form.JSON:
                return Response(as_json(shown.listing), media_type="application/json")
            name = f"{shown.section}.csv"
            return Response(
                as_csv(shown.listing),
                media_type="text/csv; charset=utf-8",
                headers={**csv_headers(shown.listing), "Content-Disposition": f'attachment; filename="{name}"'},
            )
        block = LIVE_BLOCK if asked.part == LIVE_BLOCK else None
        return self._html(request, shown, asked.session, block=block, url=asked.url())

    def _html(
        self, request: Request, page: Page, session: WebSession | None, *, block: str | None = None, url: str = ""
    ) -> Response:
        names = self._console.names.of(page.people | ({account_of(session.person)} if session is not None else set()))
        sources = [
            (each.name, f"/{each.name}", each.name.capitalize(), "plug")
            for each in self._console.sources.sources
            if type(each).page is not Source.page
        ]
        data = {
            **page.data,
            "title": page.title,
            "section": page.section,
            "menu": [*SECTIONS[:-1], *sources, SECTIONS[-1]],
            "session": session,
            "session_name": "" if session is None else session.person.partition(":")[2],
            "rights": "" if session is None else in_words(session.rights),
            "may_act": session is not None and Right.OPERATE in session.rights and self._console.actions is not None,
            "may_operate": session is not None and Right.OPERATE in session.rights,
            "form_token": "" if session is None else session.form_token,
            "live": page.live,
            "page_head": page.head,
            "standby": self._console.standby.sentence,
            "url": url or url_of(request),
            "nameless": bool({each for each in page.people if each and each not in names}),
        }
        text = render(page.template, data, names=names, block=block)
        response = Response(text, page.status, media_type="text/html; charset=utf-8")
        response.headers["Vary"] = "HX-Request, HX-Target, Cookie"
        if page.refresh_seconds is not None:
            response.headers["Refresh"] = str(page.refresh_seconds)
        return response

    def _session(self, request: Request) -> WebSession | None:
        """Raises DatabaseUnavailable."""
        return self._sessions.of(request)

    def _nobody(self, request: Request) -> Response:
        wanted = quote(url_of(request), safe="/")
        if form_of(request) is not Form.HTML or request.headers.get("accept", "").startswith("text/event-stream"):
            return Response("Sign in first.\n", 401, media_type="text/plain")
        if request.headers.get("hx-request") == "true":
            return Response(status_code=401, headers={"HX-Redirect": f"/sign-in?next={wanted}"})
        return RedirectResponse(f"/sign-in?next={wanted}", 303)

    def _error(self, request: Request, status: int, said: Wording, session: WebSession | None) -> Response:
        if form_of(request) is not Form.HTML:
            return Response(f"{printable(said.what)}\n", status, media_type="text/plain; charset=utf-8")
        page = error_page(request, status, said)
        if request.headers.get("hx-target") == LIVE_BLOCK:
            page.status = 200  # htmx shows nothing of an error
            return self._html(request, page, session, block=LIVE_BLOCK)
        return self._html(request, page, session)

    def _sign_out(self, request: Request, session: WebSession, _: Mapping[str, str]) -> Response:
        self._console.sign_in.end(session)
        response = RedirectResponse("/sign-in", 303)
        forget_cookie(response, request, self._place)
        return response

    def _revoke(self, request: Request, session: WebSession, _: Mapping[str, str]) -> Response:
        number = request.path_params["number"]
        if number != session.id and Right.OPERATE not in session.rights:
            return self._error(request, 403, Wording("You may end your own session only."), session)
        self._console.sign_in.revoke(number)
        return RedirectResponse("/admin#sessions", 303)

    def _act(self, request: Request, session: WebSession, sent: Mapping[str, str]) -> Response:
        """What the form names, and nothing else: the process that carries it out checks the rest."""
        if Right.OPERATE not in session.rights:
            return self._error(
                request,
                403,
                Wording(NEEDS[Right.OPERATE]),
                session,
            )
        typed = sent.get("number", "").strip()
        number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < LONGEST_NUMBER else None
        arguments = {name: value for name, value in sent.items() if name not in ("token", "reason", "number")}
        asking = Asking(request.path_params["name"], arguments, session.person, sent.get("reason", ""), number)
        job = require_actions(self._console).begin(asking)
        return RedirectResponse(f"/actions/jobs/{job['id']}", 303)

    async def _stream(self, request: Request) -> Response:
        session = await asyncio.to_thread(self._session, request)
        if session is None:
            return Response(status_code=401)
        try:
            events = await self._live.stream(session.id, lambda: self._sessions.holds(request))
        except TooManyStreams:
            return Response(status_code=503, headers={"Retry-After": "30"})
        return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC or path_of(request) != static_url(name):
            raise HTTPException(404)
        forever = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(static_file(name), headers={**forever, "Content-Type": STATIC[name]})

    def _healthz(self, request: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    def _http_error(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        response = self._refused(request, status, sentence_for(status))
        response.headers.update(headers or {})
        return response

    def _refused(self, request: Request, status: int, said: Wording) -> Response:
        """A request that no page takes, whoever sent it."""
        return self._error(request, status, said, self._session_if_any(request))

    def _sentence(self, request: Request, error: LedgerError, session: WebSession | None = None) -> Response:
        if session is None and not isinstance(error, DatabaseUnavailable):
            session = self._session_if_any(request)
        return self._error(request, status_of(error), wording_of(error), session)

    def _fault(self, request: Request, error: Exception) -> Response:
        """Ours; logged without what was asked for, which may hold a name."""
        log.error("a page failed", page=path_of(request).split("/")[1], exc_info=error)
        said = Wording("The page could not be made. The log of the console has the reason.")
        return self._error(request, 500, said, self._session_if_any(request))

    def _session_if_any(self, request: Request) -> WebSession | None:
        """Of whoever looks at an error: what is wrong may be that sessions cannot be read."""
        try:
            return self._session(request)
        except LedgerError:
            return None


def _asked(request: Request, session: WebSession) -> Asked:
    """Raises BadQuestion for an address with a NUL, which no text of the database has."""
    if "\0" in path_of(request) or any("\0" in str(each) for each in request.path_params.values()):
        raise BadQuestion("There is no name with a NUL character in it: correct the address.")
    is_part = request.headers.get("hx-request") == "true" and not request.headers.get("hx-history-restore-request")
    part = request.headers.get("hx-target") if is_part else None
    return Asked(
        path_of(request),
        query_of(request),
        request.path_params,
        session,
        form=form_of(request),
        part=part,
    )


async def _sent(request: Request) -> dict[str, str]:
    """The fields of a form, of a sensible size."""
    sent = bytearray()
    async for part in request.stream():
        sent += part
        if len(sent) > LONGEST_FORM:
            raise HTTPException(413)
    fields = parse_qs(sent.decode("utf-8", errors="replace"), keep_blank_values=True, max_num_fields=100)
    return {name: values[-1] for name, values in fields.items()}
