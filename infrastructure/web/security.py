"""What holds for every answer: which host was asked for, what a page may load, and where a form came from."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    # not no-referrer: with it a browser would not say from which page of ours a form comes
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
}
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
SESSION_SECONDS: Final = 7 * 86_400


@dataclass(frozen=True)
class Place:
    """Where the console is: on *port* of this machine, and for others at *url*, behind a proxy; None: for nobody."""

    port: int
    url: str | None = None

    @property
    def hosts(self) -> frozenset[str]:
        own = {f"{host}:{self.port}" for host in LOOPBACK}
        return frozenset(own if self.url is None else {*own, urlsplit(self.url).netloc.lower()})

    def origins(self, host: str) -> frozenset[str]:
        """From where a form may come that was sent to *host*."""
        if self.url is not None and host == urlsplit(self.url).netloc.lower():
            return frozenset({self.url.lower().rstrip("/")})
        return frozenset({f"http://{host}"})

    def is_secure(self, host: str) -> bool:
        """Whether the browser speaks TLS, to the proxy."""
        return self.url is not None and host == urlsplit(self.url).netloc.lower()

    def cookie(self, host: str) -> str:
        """Its name. Browsers hand the cookies of a host to all its ports, so that of loopback says which."""
        return "__Host-temple" if self.is_secure(host) else f"temple_console_{self.port}"


class Guard:
    """Around the whole application: refuses hosts that are not ours, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, place: Place) -> None:
        self._app = app
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if host_of(Request(scope)) not in self._place.hosts:
            refused = PlainTextResponse("This console is not called so.\n", status_code=421)
            await refused(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)


def host_of(request: Request) -> str:
    return request.headers.get("host", "").lower()


def is_ours(request: Request, place: Place) -> bool:
    """Whether the form that was sent is one of our pages'."""
    return request.headers.get("origin", "").lower() in place.origins(host_of(request))


def set_cookie(response: Response, request: Request, place: Place, secret: str) -> None:
    host = host_of(request)
    response.set_cookie(
        place.cookie(host),
        secret,
        max_age=SESSION_SECONDS,
        path="/",
        httponly=True,
        secure=place.is_secure(host),
        samesite="lax",
    )


def forget_cookie(response: Response, request: Request, place: Place) -> None:
    host = host_of(request)
    response.delete_cookie(place.cookie(host), path="/", httponly=True, secure=place.is_secure(host), samesite="lax")


def within(path: str) -> str:
    """*path* if it is one of this console, or else the first page."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return path if ours and path.isprintable() else "/"
