"""What people pay for, beside the roles that they hold: as the derived tables have both, by the tier's roles."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, require_role
from temple_ledger.infrastructure.sources.patreon.membership import Tier
from temple_ledger.infrastructure.sources.patreon.membership_event import title_of


class Mismatch(NamedTuple):
    """`mismatch` is "paid without role" or "role without paid"; of the first, nothing was granted."""

    mismatch: str
    user_id: str
    tier: str | None
    role: str
    granted_at: datetime | None
    granted_by: str | None


class Wanted(NamedTuple):
    """A tier by id, by title or by both, and one of its roles."""

    tier_id: str | None
    title: str | None
    role: str


class TierRoles(NamedTuple):
    """`without` are titles of tiers that somebody holds, and that no role is known for, with how many hold them."""

    wanted: Sequence[Wanted]
    without: Mapping[str, int]


def tier_roles(connection: Connection, directory: RoleDirectory, given: Mapping[str, Sequence[str]]) -> TierRoles:
    """The roles of each tier: as *given*, by id or title, and else as Patreon says.

    Raises UnknownName, AmbiguousName.
    """
    named = {
        tier.casefold(): [require_role(connection, directory, role) for role in roles] for tier, roles in given.items()
    }
    wanted: list[Wanted] = []
    without: dict[str, int] = {}
    known: set[str] = set()
    for tier_id, title, said, members in connection.execute(statement("mismatch_tiers")):
        shown = title if tier_id is None else title_of(Tier(tier_id, title))
        if tier_id is None and shown in known:
            continue
        roles = named.get(tier_id or "") or named.get(shown.casefold()) or list(said)
        wanted += [Wanted(tier_id, shown, role) for role in roles]
        known |= {shown} if roles else set()
        if members and not roles:
            without[shown] = members
    return TierRoles(wanted, without)


def mismatched(connection: Connection, wanted: Sequence[Wanted]) -> Iterator[Mismatch]:
    values = {
        "tier_ids": [each.tier_id for each in wanted],
        "titles": [each.title for each in wanted],
        "roles": [each.role for each in wanted],
    }
    for row in connection.execute(statement("mismatches"), values):
        yield Mismatch(*row)


def paying_and_not_here(connection: Connection) -> int:
    """How many pay and were never seen in the guild, or have left it."""
    row = connection.execute(statement("mismatch_not_here")).fetchone()
    return 0 if row is None else int(row[0])
