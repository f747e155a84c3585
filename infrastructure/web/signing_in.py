"""The pages of somebody who is not signed in yet.

There are three ways: a link of this machine, an account of a platform, and the word of a proxy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from temple_ledger.infrastructure.sources.sign_in import AccountSignIn
from temple_ledger.infrastructure.web import account_state
from temple_ledger.infrastructure.web.console import Page
from temple_ledger.infrastructure.web.parameters import query_of, require_only
from temple_ledger.infrastructure.web.proxy import HOW as PROXY
from temple_ledger.infrastructure.web.security import forget_cookie, host_of, set_cookie, within
from temple_ledger.infrastructure.web.sessions import Sessions

COOKIE: Final = "_signing_in"
LONGEST_CODE: Final = 1_000

ShowPage = Callable[[Request, Page], Response]


@dataclass(frozen=True)
class SigningIn:
    """*ways* are those of sources, by name. Forms come only from our own pages: whoever calls has seen to it."""

    sessions: Sessions
    ways: Mapping[str, AccountSignIn]
    show: ShowPage

    def begin(self, request: Request) -> Response:
        """Every way there is. The browser gets the secret that a platform's answer has to fit. Raises BadQuestion."""
        after = _next(request)
        secret = request.cookies.get(self._cookie(request), "")
        if not account_state.is_secret(secret):
            secret = account_state.new_secret()
        challenge = account_state.challenge_of(account_state.verifier_of(secret))
        addresses = [
            (
                way.label,
                way.address(
                    back=self._back(request, name), state=account_state.state_of(secret, after), challenge=challenge
                ),
            )
            for name, way in self.ways.items()
        ]
        data = {
            "state": "closed",
            "next": after,
            "ways": addresses,
            "by_proxy": self.sessions.proxy.name_in(request),
            "is_over": self._has_session(request) and self.sessions.of(request) is None,
        }
        response = self.show(request, _page(data))
        if addresses:
            set_cookie(response, request, self.sessions.place, secret, purpose=COOKIE, seconds=account_state.SECONDS)
        return response

    def link(self, request: Request) -> Response:
        """Shows a button: a look at a link, by whatever previews links, does not use it up. Raises BadQuestion."""
        secret = request.path_params["secret"]
        state = "open" if self.sessions.sign_in.link_is_good(secret) else "used"
        data = {"state": state, "secret": secret, "next": _next(request)}
        return self.show(request, _page(data))

    def use_link(self, request: Request, _: Mapping[str, str]) -> Response:
        secret = self.sessions.sign_in.use_link(request.path_params["secret"])
        if secret is None:
            return self.show(request, _page({"state": "used"}, status=410))
        return self._begun(request, secret, request.query_params.get("next", "/"))

    def returned(self, request: Request) -> Response:
        """From a platform, which may add parameters: a button again, since what follows changes something."""
        name, way = self._way(request)
        code = request.query_params.get("code", "")
        if not code or len(code) > LONGEST_CODE:
            return self._not_signed_in(request, f"{way.label} did not sign you in.", 403)
        data = {"state": "returned", "way": name, "label": way.label, "code": code}
        return self.show(request, _page({**data, "sent_state": request.query_params.get("state", "")}))

    def use_account(self, request: Request, sent: Mapping[str, str]) -> Response:
        """Raises PlatformRefuses and PlatformUnavailable."""
        name, way = self._way(request)
        secret = request.cookies.get(self._cookie(request), "")
        after = account_state.page_of(secret, sent.get("state", ""))
        if after is None:
            return self._not_signed_in(
                request, "This was not begun in this browser, or more than ten minutes ago: begin again.", 403
            )
        verifier = account_state.verifier_of(secret)
        account = way.account(sent.get("code", "")[:LONGEST_CODE], back=self._back(request, name), verifier=verifier)
        person = f"{name}:{account}"
        found = self.sessions.book.of(person, anew=True)
        if found.rights is None:
            return self._not_signed_in(request, f"You cannot sign in now: {found.reason}.", 503)
        if not found.rights:
            return self._not_signed_in(request, "You have none of the roles that may see this console.", 403)
        response = self._begun(request, self.sessions.sign_in.begin(person, found.rights, name), after)
        forget_cookie(response, request, self.sessions.place, purpose=COOKIE)
        return response

    def use_proxy(self, request: Request, _: Mapping[str, str]) -> Response:
        proxy = self.sessions.proxy
        name = proxy.name_in(request)
        if name is None:
            return self._not_signed_in(request, "No proxy of this console says who you are.", 403)
        secret = self.sessions.sign_in.begin(f"{PROXY}:{name}", proxy.rights(name), PROXY)
        return self._begun(request, secret, request.query_params.get("next", "/"))

    def _begun(self, request: Request, secret: str, after: str) -> Response:
        response = RedirectResponse(within(after), 303)
        set_cookie(response, request, self.sessions.place, secret)
        return response

    def _not_signed_in(self, request: Request, sentence: str, status: int) -> Response:
        response = self.show(request, _page({"state": "refused", "sentence": sentence}, status=status))
        forget_cookie(response, request, self.sessions.place, purpose=COOKIE)
        return response

    def _has_session(self, request: Request) -> bool:
        """Whether the browser had one; signing out takes it away."""
        return bool(request.cookies.get(self.sessions.place.cookie(host_of(request))))

    def _way(self, request: Request) -> tuple[str, AccountSignIn]:
        name = request.path_params["way"]
        if name not in self.ways:
            raise HTTPException(404)
        return name, self.ways[name]

    def _back(self, request: Request, name: str) -> str:
        """The exact address that the platform knows."""
        return f"{self.sessions.place.origin(host_of(request))}/sign-in/with/{name}"

    def _cookie(self, request: Request) -> str:
        return self.sessions.place.cookie(host_of(request), COOKIE)


_NOTHING: Final[Mapping[str, Any]] = {
    "secret": "",
    "next": "/",
    "ways": [],
    "by_proxy": None,
    "is_over": False,
    "way": "",
    "label": "",
    "code": "",
    "sent_state": "",
    "sentence": "",
}


def _next(request: Request) -> str:
    """The page that was wanted. Raises BadQuestion."""
    query = query_of(request)
    require_only(query, ("next",))
    return within(query.get("next", "/"))


def _page(data: Mapping[str, Any], *, status: int = 200) -> Page:
    return Page("sign_in.html", "Sign in", "", {**_NOTHING, **data}, live=False, status=status)
