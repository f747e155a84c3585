"""Every member of a campaign, page by page, until there is no more: and when that is.

Patreon's last page may come with a new cursor, for ever; rows at the border of two pages may be in both; the page may
be smaller than was asked for. So members are collected by id, and what ends it is a page without a cursor, a page with
nobody new, or as many as Patreon says there are. Fewer than that is not everybody, nor surely more without an end. A
row is counted as seen, whatever is missing in it.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from temple_ledger.domain.errors import PlatformUnavailable
from temple_ledger.infrastructure.sources.patreon.client import PatreonClient
from temple_ledger.infrastructure.sources.patreon.document import Document, membership_of, tiers_in
from temple_ledger.infrastructure.sources.patreon.membership import Membership, Tier
from temple_ledger.infrastructure.sources.patreon.strict_json import UnreadableBody
from temple_ledger.infrastructure.sources.patreon.unread import unread_fields

MOST_PAGES: Final = 100_000


class Page(NamedTuple):
    """`asked_at`: what it says was true at that time, or after it. `unreadable`: digests of rows that are no member
    with an id. `unread`: fields that some row has in an unknown form."""

    memberships: Sequence[Membership]
    tiers: Sequence[Tier]
    asked_at: datetime
    unreadable: frozenset[bytes] = frozenset()
    unread: frozenset[str] = frozenset()


class Read(NamedTuple):
    """`missing` says why it is not everybody, or not everybody is known by id; None: it is, and they are."""

    members: int
    missing: str | None


async def read_members(client: PatreonClient, campaign_id: str, take: Callable[[Page], int]) -> Read:
    """*take* stores a page and returns how many of its members were on no earlier one. Raises PlatformUnavailable."""
    cursor: str | None = None
    seen = 0
    unreadable: set[bytes] = set()
    for _ in range(MOST_PAGES):
        asked_at = client.clock()
        document = await client.members(campaign_id, cursor)
        page = _page(document, asked_at)
        new = take(page) + len(page.unreadable - unreadable)
        unreadable |= page.unreadable
        seen += new
        total = _total(document)
        cursor = _next(document)
        if cursor is None or new == 0 or seen == total:
            return Read(seen, _missing(seen, total, len(unreadable), ended=cursor is None))
    raise PlatformUnavailable(f"campaign {campaign_id} has no last page")


def _missing(seen: int, total: int | None, unreadable: int, *, ended: bool) -> str | None:
    if total is None and not ended:
        return "Patreon did not say how many members there are, nor where they end"
    if total is not None and (seen < total or (seen > total and not ended)):
        return f"Patreon says there are {total:,} members, and showed {seen:,}"
    if unreadable:
        return f"{unreadable:,} of Patreon's {seen:,} rows are no member with an id"
    return None


def _page(document: Document, asked_at: datetime) -> Page:
    memberships: list[Membership] = []
    unreadable: set[bytes] = set()
    unread: set[str] = set()
    for row in document.rows:
        try:
            memberships.append(membership_of(row, document.included))
            unread.update(unread_fields(row, memberships[-1], document.included))
        except UnreadableBody:
            unreadable.add(_digest(row))
    return Page(memberships, tuple(tiers_in(document.included)), asked_at, frozenset(unreadable), frozenset(unread))


def _digest(row: Any) -> bytes:
    """A row may be on two pages."""
    return sha256(json.dumps(row, sort_keys=True, default=str).encode()).digest()


def _total(document: Document) -> int | None:
    total = _pagination(document).get("total")
    return total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None


def _next(document: Document) -> str | None:
    cursors = _pagination(document).get("cursors")
    cursor = cursors.get("next") if isinstance(cursors, dict) else None
    return cursor if isinstance(cursor, str) and cursor else None


def _pagination(document: Document) -> dict[str, object]:
    found = document.meta.get("pagination")
    return found if isinstance(found, dict) else {}
