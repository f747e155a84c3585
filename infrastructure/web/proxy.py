"""Whom a reverse proxy has signed in: believed from named addresses, with a secret that proxy and console share."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.infrastructure.settings import Settings
from temple_ledger.infrastructure.web.rights import Right

USER: Final = "x-temple-user"
PROOF: Final = "x-temple-proxy-secret"
LONGEST_NAME: Final = 80
HOW: Final = "proxy"


@dataclass(frozen=True)
class TrustedProxy:
    """`addresses` are those of proxies; without a `secret` nobody is signed in by them."""

    addresses: frozenset[str]
    secret: str | None
    operators: frozenset[str]
    readers_of_bodies: frozenset[str]

    def name_in(self, request: Request) -> str | None:
        """Who it is, says the proxy; None where it says nothing, or is not ours."""
        peer = request.client.host if request.client is not None else ""
        if self.secret is None or peer not in self.addresses:
            return None
        if not hmac.compare_digest(request.headers.get(PROOF, "").encode(), self.secret.encode()):
            return None
        names = request.headers.getlist(USER)
        name = names[0].strip() if len(names) == 1 else ""
        return name if name and name.isprintable() and len(name) <= LONGEST_NAME else None

    def rights(self, name: str) -> frozenset[Right]:
        return frozenset(self._rights(name))

    def _rights(self, name: str) -> Iterator[Right]:
        """Whoever the proxy lets in may read."""
        yield Right.READ
        if name in self.operators:
            yield Right.OPERATE
        if name in self.readers_of_bodies:
            yield Right.BODIES


def trusted_proxy(settings: Settings) -> TrustedProxy:
    """Raises SettingsInvalid."""
    addresses = _names(settings.web_proxies)
    secret = settings.web_proxy_secret
    if secret is not None and not addresses:
        raise SettingsInvalid("TEMPLE_WEB_PROXY_SECRET needs TEMPLE_WEB_PROXIES: the addresses of the proxies")
    word = None if secret is None else secret.get_secret_value()
    return TrustedProxy(addresses, word, _names(settings.web_proxy_operate), _names(settings.web_proxy_bodies))


def _names(written: str | None) -> frozenset[str]:
    return frozenset(each.strip() for each in (written or "").split(",") if each.strip())
