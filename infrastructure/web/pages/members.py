"""`/members`: everybody, found by name, mention or id; by status, tier and role."""

import re
from typing import Any, Final

from temple_ledger.infrastructure.database.pool import Connection
from temple_ledger.infrastructure.names.name import Names
from temple_ledger.infrastructure.queries.member import MemberOverview, list_members, stored_members
from temple_ledger.infrastructure.queries.not_folded import not_folded
from temple_ledger.infrastructure.queries.overview import STATUSES
from temple_ledger.infrastructure.web.asked import Asked
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.listing import Listing

MENTION: Final = re.compile(r"<?@?!?(\d{1,20})>?")
MOST_FOUND: Final = 50
COLUMNS: Final = ("user_id", "status", "patreon_tier", "total_roles_count", "discord_joined_at", "last_activity")
KNOWN_STATUSES: Final = {status: status for status in STATUSES}


def members(console: Console, asked: Asked) -> Page:
    wanted = asked.text("q")
    picked = {
        "status": asked.one_of("status", KNOWN_STATUSES),
        "role": asked.text("role"),
        "tier": asked.text("tier"),
    }
    with console.reading() as connection:
        directory, _ = console.narrator(connection)
        counted = console.figures.current(connection)
        if wanted is None:
            page = list_members(connection, **picked, after=asked.text("after") or "", limit=asked.rows + 1)
            found, more = page[: asked.rows], len(page) > asked.rows
        else:
            found, more = _called(console, connection, wanted), False
        behind = not_folded(connection)
    following = asked.url(after=found[-1].user_id) if more else None
    roles = sorted(((role, directory.label(role)) for role in counted.roles), key=lambda each: each[1].casefold())
    data: dict[str, Any] = {
        "found": found,
        "following": following,
        "behind": behind.sentence,
        "wanted": wanted,
        "picked": picked,
        "statuses": STATUSES,
        "tiers": list(counted.tiers),
        "roles": roles,
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    listing = Listing(COLUMNS, [member.as_data() for member in found], following, behind)
    return Page("members.html", "Members", "members", data, {each.user_id for each in found}, listing)


def _called(console: Console, connection: Connection, text: str) -> list[MemberOverview]:
    """Whoever has this id, or this name as far as names are known."""
    exactly = MENTION.fullmatch(text)
    by_id = stored_members(connection, [text if exactly is None else exactly[1]])
    if by_id:
        return list(by_id.values())
    named: Names = console.names.find(text.lstrip("@"), limit=MOST_FOUND).names
    stored = stored_members(connection, list(named))
    return [stored[user_id] for user_id in named if user_id in stored]
