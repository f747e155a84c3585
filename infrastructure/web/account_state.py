"""What goes to a platform and back while somebody signs in there, bound to the browser that began it.

The browser has a random secret in a cookie; the state that the platform sends back is signed with it, and so is the
verifier of PKCE made from it. Nothing is stored here.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final

RANDOM_BYTES: Final = 32
SECONDS: Final = 600
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def new_secret() -> str:
    return secrets.token_urlsafe(RANDOM_BYTES)


def is_secret(value: str) -> bool:
    return _SECRET.fullmatch(value) is not None


def state_of(secret: str, after: str) -> str:
    """*after* is the page where to go on."""
    return f"{_signed(secret, 'state', after)}.{_coded(after.encode())}"


def page_of(secret: str, state: str) -> str | None:
    """Where to go on; None where the state is not one that this browser began with."""
    tag, _, coded = state.partition(".")
    try:
        after = base64.urlsafe_b64decode(coded.encode("ascii") + b"==").decode()
    except ValueError:
        return None
    ours = is_secret(secret) and hmac.compare_digest(tag.encode(), _signed(secret, "state", after).encode())
    return after if ours else None


def verifier_of(secret: str) -> str:
    return _signed(secret, "verifier", "")


def challenge_of(verifier: str) -> str:
    return _coded(hashlib.sha256(verifier.encode()).digest())


def _signed(secret: str, purpose: str, text: str) -> str:
    return _coded(hmac.new(secret.encode(), f"{purpose} {text}".encode(), hashlib.sha256).digest())


def _coded(found: bytes) -> str:
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()
