"""`/members`: everybody, found by name, mention or id; by status, tier and role."""

from typing import Any, Final

from temple_ledger.infrastructure.database.pool import Connection
from temple_ledger.infrastructure.queries.member import MemberOverview, list_members, stored_members
from temple_ledger.infrastructure.queries.not_folded import not_folded
from temple_ledger.infrastructure.queries.overview import STATUSES
from temple_ledger.infrastructure.queries.role_directory import require_role
from temple_ledger.infrastructure.web.asked import Asked
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.listing import Listing
from temple_ledger.infrastructure.web.pages.people import called, id_in
from temple_ledger.infrastructure.web.parameters import BadQuestion

COLUMNS: Final = ("user_id", "status", "patreon_tier", "total_roles_count", "discord_joined_at", "last_activity")
KNOWN_STATUSES: Final = {status: status for status in STATUSES}


def members(console: Console, asked: Asked) -> Page:
    wanted = asked.text("q")
    status, role, tier = asked.one_of("status", KNOWN_STATUSES), asked.text("role"), asked.text("tier")
    if wanted is not None and asked.text("after") is not None:
        raise BadQuestion("q finds all at once: leave after out")
    with console.reading() as connection:
        directory, _ = console.narrator(connection)
        picked = {
            "status": status,
            "role": None if role is None else require_role(connection, directory, role),
            "tier": tier,
        }
        counted = console.figures.current(connection)
        if wanted is None:
            page = list_members(connection, **picked, after=asked.text("after") or "", limit=asked.rows + 1)
            found, more = page[: asked.rows], len(page) > asked.rows
        else:
            found, more = [each for each in _called(console, connection, wanted) if _fits(each, **picked)], False
        behind = not_folded(connection)
    following = asked.url(after=found[-1].user_id) if more else None
    held = {*counted.roles, *([picked["role"]] if picked["role"] else ())}
    roles = sorted(((each, directory.label(each)) for each in held), key=lambda each: each[1].casefold())
    data: dict[str, Any] = {
        "found": found,
        "following": following,
        "behind": behind.sentence,
        "wanted": wanted,
        "picked": picked,
        "statuses": STATUSES,
        "tiers": list(dict.fromkeys((*counted.tiers, *([tier] if tier else ())))),
        "roles": roles,
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    listing = Listing(COLUMNS, [member.as_data() for member in found], following, behind)
    return Page("members.html", "Members", "members", data, {each.user_id for each in found}, listing)


def _fits(member: MemberOverview, *, status: str | None, role: str | None, tier: str | None) -> bool:
    return (
        status in (None, member.status)
        and tier in (None, member.patreon_tier)
        and (role is None or member.role(role) is not None)
    )


def _called(console: Console, connection: Connection, text: str) -> list[MemberOverview]:
    """Whoever has this id, or this name as far as names are known."""
    by_id = stored_members(connection, [id_in(text)])
    if by_id:
        return list(by_id.values())
    named = called(console, text)
    stored = stored_members(connection, list(named))
    return [stored[user_id] for user_id in named if user_id in stored]
