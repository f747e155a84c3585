"""How people of a platform sign in to the console: who they are, and what the platform says that they may do."""

from collections.abc import Collection
from typing import Protocol


class AccountSignIn(Protocol):
    """By an authorization code (RFC 6749) with PKCE (RFC 7636). A source offers one where it is set up."""

    label: str
    """What the button says: the platform's name."""

    def address(self, *, back: str, state: str, challenge: str) -> str:
        """Where the browser goes; it comes back to *back*, with *state* and a code."""
        ...

    def account(self, code: str, *, back: str, verifier: str) -> str:
        """Whose code it is: an id of the platform.

        Raises PlatformRefuses for a code that is used, too old or somebody else's, and PlatformUnavailable.
        """
        ...

    def rights(self, account: str) -> Collection[str]:
        """Some of read, operate and bodies, asked of the platform now. Raises PlatformUnavailable."""
        ...
