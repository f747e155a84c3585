"""Who asks: the session that a browser sends, with the rights that its person has now."""

from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request

from temple_ledger.domain.errors import LedgerError, PlatformUnavailable
from temple_ledger.infrastructure.web.account_rights import RightsBook
from temple_ledger.infrastructure.web.proxy import HOW as PROXY
from temple_ledger.infrastructure.web.proxy import TrustedProxy
from temple_ledger.infrastructure.web.rights import Right
from temple_ledger.infrastructure.web.security import Place, host_of
from temple_ledger.infrastructure.web.sign_in import SignIn, WebSession

LINK: Final = "link"


@dataclass(frozen=True)
class Sessions:
    """Raises DatabaseUnavailable."""

    sign_in: SignIn
    place: Place
    book: RightsBook
    proxy: TrustedProxy

    def of(self, request: Request, *, anew: bool = False) -> WebSession | None:
        """None for nobody. *anew* asks the platform now, whatever it answered a moment ago, and raises
        PlatformUnavailable where it does not answer; for a page, whoever came through it may then only read."""
        session = self.sign_in.session(request.cookies.get(self.place.cookie(host_of(request)), ""))
        if session is None or session.how == LINK:
            return session
        if session.how == PROXY:
            return self._by_proxy(request, session)
        return self._checked(session, anew=anew)

    def holds(self, request: Request) -> bool:
        """Whether a page that is open may go on; while the database is away it may."""
        try:
            return self.of(request) is not None
        except LedgerError:
            return True

    def _by_proxy(self, request: Request, session: WebSession) -> WebSession | None:
        """It lasts for as long as the proxy says so."""
        name = self.proxy.name_in(request)
        if name is None or session.person != f"{PROXY}:{name}":
            return None
        return replace(session, rights=self.proxy.rights(name))

    def _checked(self, session: WebSession, *, anew: bool) -> WebSession | None:
        found = self.book.of(session.person, anew=anew)
        if found.rights is None:
            if anew:
                raise PlatformUnavailable(f"nothing was changed: {found.reason}; until that is over, you may only read")
            return replace(session, rights=session.rights & {Right.READ})
        if not found.rights:
            self.sign_in.end(session)
            return None
        if found.rights != session.rights:
            self.sign_in.set_rights(session, found.rights)
        return replace(session, rights=found.rights)
