"""Whether a URL is one that can be used as it stands."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

WEB: Final = ("https", "http")
GATEWAY: Final = ("wss", "ws")


def url_fault(url: str, schemes: Sequence[str] = WEB, *, is_base: bool = False, may_log_in: bool = False) -> str | None:
    """What it has to be and is not, without anything of it, since it may be a secret; None if nothing is wrong.

    *is_base*: paths are put behind it. *may_log_in*: a name and password before an @ are sent.
    """
    if not url.isprintable() or " " in url:
        return "it has a space or a line break in it; write %20 for a space"
    try:
        parts = urlsplit(url)
        has_host, port = bool(parts.hostname), parts.port
    except ValueError as error:
        ipv6 = "IPv6" in str(error)
        return "an address in it has a [ and no ]" if ipv6 else "its port is no number from 0 to 65535"
    if parts.scheme not in schemes or not url[len(parts.scheme) :].startswith("://"):
        return f"it has to begin with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if not has_host:
        return "it names no host"
    if port == 0:
        return "its port is 0"
    if "@" in parts.netloc and not may_log_in:
        return "it has a name or a password before an @, which would not be sent; leave them out"
    if parts.fragment or (is_base and parts.query):
        return f"it has a {'#' if parts.fragment else '?'} in it, and nothing may stand behind its path"
    return None
