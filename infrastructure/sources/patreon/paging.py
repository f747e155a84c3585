"""Every member of a campaign, page by page, until there is no more: and when that is.

Patreon's last page may come with a new cursor, for ever; rows at the border of two pages may be in both; the page may
be smaller than was asked for. So members are collected by id, and what ends it is a page without a cursor, a page with
nobody new, or as many as Patreon says there are. Fewer than that is not everybody.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from temple_ledger.domain.errors import PlatformUnavailable
from temple_ledger.infrastructure.sources.patreon.client import PatreonClient
from temple_ledger.infrastructure.sources.patreon.document import Document, membership_of, tiers_in
from temple_ledger.infrastructure.sources.patreon.membership import Membership, Tier
from temple_ledger.infrastructure.sources.patreon.strict_json import UnreadableBody

MOST_PAGES: Final = 100_000


class Page(NamedTuple):
    """`asked_at`: what was said was true at that time, or after it."""

    memberships: Sequence[Membership]
    tiers: Sequence[Tier]
    asked_at: datetime


class Read(NamedTuple):
    """`missing` says why it is not everybody; None: it is."""

    members: int
    missing: str | None


async def read_members(client: PatreonClient, campaign_id: str, keep: Callable[[Page], int]) -> Read:
    """*keep* takes a page and returns how many of its members were on no earlier one. Raises PlatformUnavailable."""
    cursor: str | None = None
    seen = 0
    for _ in range(MOST_PAGES):
        asked_at = client.clock()
        document = await client.members(campaign_id, cursor)
        new = keep(_page(document, asked_at))
        seen += new
        total = _total(document)
        cursor = _next(document)
        if cursor is None or new == 0 or (total is not None and seen >= total):
            return _read(seen, total, ended=cursor is None)
    raise PlatformUnavailable(f"campaign {campaign_id} has no last page")


def _read(seen: int, total: int | None, *, ended: bool) -> Read:
    if total is None:
        return Read(seen, None if ended else "Patreon did not say how many members there are, nor where they end")
    return Read(seen, None if seen >= total else f"Patreon says there are {total:,} members, and showed {seen:,}")


def _page(document: Document, asked_at: datetime) -> Page:
    try:
        memberships = [membership_of(each, document.included) for each in document.rows]
    except UnreadableBody as error:
        raise PlatformUnavailable(f"a row of Patreon's list cannot be read: {error}") from None
    return Page(memberships, tuple(tiers_in(document.included)), asked_at)


def _total(document: Document) -> int | None:
    total = _pagination(document).get("total")
    return total if isinstance(total, int) and not isinstance(total, bool) else None


def _next(document: Document) -> str | None:
    cursors = _pagination(document).get("cursors")
    cursor = cursors.get("next") if isinstance(cursors, dict) else None
    return cursor if isinstance(cursor, str) and cursor else None


def _pagination(document: Document) -> dict[str, object]:
    found = document.meta.get("pagination")
    return found if isinstance(found, dict) else {}
