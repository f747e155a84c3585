"""The parameters of an address: those that a page takes, once each, and none besides.

A parameter that nobody reads would be a filter that somebody believes in: it is refused, and not passed over.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from starlette.requests import Request

from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.words import listed
from temple_ledger.infrastructure.observability.escaping import printable

TRACKING: Final = re.compile(r"utm_\w+|fbclid|gclid|msclkid|twclid|igsh(id)?|mc_[ce]id", re.IGNORECASE | re.ASCII)
"""What chat and mail programs add to a link that somebody passes on: left out, since it asks for nothing."""
LONGEST_NAME: Final = 60


class BadQuestion(LedgerError):
    """What was asked for cannot be; the sentence says which part of it, and how it is written."""


def query_of(request: Request) -> dict[str, str]:
    """Raises BadQuestion for one that stands there twice: only one of the two could be meant."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if TRACKING.fullmatch(name):
            continue
        if name in found and found[name] != value:
            raise BadQuestion(f"“{_shown(name)}” stands twice in the address, with two values: leave one out")
        found[name] = value
    return found


def require_only(query: Mapping[str, str], takes: Collection[str]) -> None:
    """Raises BadQuestion."""
    other = next((name for name in query if name not in takes), None)
    if other is None:
        return
    rest = f"It takes {listed(list(takes))}" if takes else "It takes none"
    raise BadQuestion(f"this page takes no parameter “{_shown(other)}”. {rest}")


def _shown(name: str) -> str:
    return printable(name[:LONGEST_NAME])
