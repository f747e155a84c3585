"""What people pay for, beside the roles that they hold: as the derived tables have both, by the tier's roles."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.whole_tables import join_whole_tables
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, require_role
from temple_ledger.infrastructure.sources.patreon.membership import Tier
from temple_ledger.infrastructure.sources.patreon.membership_event import MAX_TIER, title_of


class Mismatch(NamedTuple):
    """`mismatch` is "paid without role", "role without paid", "pays N cents, no tier" (and holds a role of a tier), or
    "pays N cents, tier deleted", which is about no role. Of what nobody granted, the last two fields are None."""

    mismatch: str
    user_id: str
    tier: str | None
    role: str | None
    granted_at: datetime | None
    granted_by: str | None


class Unlisted(NamedTuple):
    """Somebody who pays for a tier that Patreon does not list (any more), or for none."""

    user_id: str
    tier: str | None
    amount_cents: int | None
    tier_deleted: bool

    @property
    def sentence(self) -> str:
        return f"pays {self.amount_cents or 0:,} cents, {'tier deleted' if self.tier_deleted else 'no tier'}"


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
    for tier_id, title, listed, members in connection.execute(statement("mismatch_tiers")):
        shown = title if tier_id is None else title_of(Tier(tier_id, title))
        if tier_id is None and shown in known:
            continue
        roles = next(filter(None, map(named.get, (tier_id or "", shown.casefold(), title.casefold()))), list(listed))
        wanted += [Wanted(tier_id, shown, role) for role in roles]
        known |= {shown, title[:MAX_TIER].rstrip()} if roles else set()
        if members and not roles:
            without[shown] = members
    return TierRoles(wanted, without)


def mismatched(connection: Connection, wanted: Sequence[Wanted]) -> Iterator[Mismatch]:
    values = {
        "tier_ids": [each.tier_id for each in wanted],
        "titles": [each.title for each in wanted],
        "roles": [each.role for each in wanted],
    }
    join_whole_tables(connection, merging=False)
    unlisted = {row[0]: Unlisted(*row) for row in connection.execute(statement("mismatch_without_tier"))}
    for row in connection.execute(statement("mismatches"), values):
        found = Mismatch(*row)
        pays = unlisted.get(found.user_id)
        yield found if pays is None or found.tier is not None else found._replace(mismatch=pays.sentence)
    for each in unlisted.values():
        if each.tier_deleted:
            yield Mismatch(each.sentence, each.user_id, each.tier, None, None, None)


def paying_and_not_here(connection: Connection) -> int:
    """How many pay and were never seen in the guild, or have left it."""
    row = connection.execute(statement("mismatch_not_here")).fetchone()
    return 0 if row is None else int(row[0])
