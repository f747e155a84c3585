"""What holds for every answer: which host was asked for, what a page may load, and where a form came from."""

from dataclasses import dataclass
from ipaddress import ip_address
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
OTHER_NAME: Final = "This console does not answer to that name; whoever runs it sets TEMPLE_WEB_URL.\n"
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
SESSION_SECONDS: Final = 7 * 86_400


@dataclass(frozen=True)
class Place:
    """Where the console is: on *port* of this machine, and for others at *url*, behind a proxy; None: for nobody.

    `proxies` are addresses of other machines that it answers; no other machine gets an answer. `host`: how else this
    machine alone is called, as it stands in a URL.
    """

    port: int
    url: str | None = None
    proxies: frozenset[str] = frozenset()
    host: str = LOOPBACK[0]

    def serves(self, peer: str) -> bool:
        return peer in self.proxies or is_loopback(peer)

    @property
    def hosts(self) -> frozenset[str]:
        own = {f"{host}:{self.port}" for host in {*LOOPBACK, self.host.lower()}}
        return frozenset(own if self.url is None else {*own, urlsplit(self.url).netloc.lower()})

    def origins(self, host: str) -> frozenset[str]:
        """From where a form may come that was sent to *host*."""
        if self.url is not None and host == urlsplit(self.url).netloc.lower():
            return frozenset({self.url.lower().rstrip("/")})
        return frozenset({f"http://{host}"})

    def is_secure(self, host: str) -> bool:
        """Whether the browser speaks TLS, to the proxy."""
        return self.url is not None and host == urlsplit(self.url).netloc.lower()

    def cookie(self, host: str, purpose: str = "") -> str:
        """Its name. Browsers hand the cookies of a host to all its ports, so that of loopback says which."""
        return ("__Host-temple" if self.is_secure(host) else f"temple_console_{self.port}") + purpose

    def origin(self, host: str) -> str:
        """Of the pages that a browser asks for at *host*."""
        [found] = self.origins(host)
        return found


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

        refused = self._refused(Request(scope))
        if refused is not None:
            await refused(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def _refused(self, request: Request) -> Response | None:
        if host_of(request) not in self._place.hosts:
            return PlainTextResponse(OTHER_NAME, status_code=421)
        if request.client is None or not self._place.serves(request.client.host):
            return PlainTextResponse("This console answers nobody but its proxy.\n", status_code=403)
        return None


def is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def host_of(request: Request) -> str:
    return request.headers.get("host", "").lower()


def is_ours(request: Request, place: Place) -> bool:
    """Whether the form that was sent is one of our pages'."""
    return request.headers.get("origin", "").lower() in place.origins(host_of(request))


def set_cookie(
    response: Response,
    request: Request,
    place: Place,
    secret: str,
    *,
    purpose: str = "",
    seconds: int = SESSION_SECONDS,
) -> None:
    host = host_of(request)
    response.set_cookie(
        place.cookie(host, purpose),
        secret,
        max_age=seconds,
        path="/",
        httponly=True,
        secure=place.is_secure(host),
        samesite="lax",
    )


def forget_cookie(response: Response, request: Request, place: Place, *, purpose: str = "") -> None:
    name, secure = place.cookie(host_of(request), purpose), place.is_secure(host_of(request))
    response.delete_cookie(name, path="/", httponly=True, secure=secure, samesite="lax")


def within(path: str) -> str:
    """*path* if it is one of this console, or else the first page."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return path if ours and path.isprintable() else "/"
