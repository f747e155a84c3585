"""Who pays and has not got the role for it: events of two platforms in one rule (docs/discord-with-patreon.md)."""

from datetime import datetime

from temple_ledger import (
    MemberLeft,
    MembershipChanged,
    MembershipDeclined,
    MembershipEnded,
    MembershipStarted,
    RoleAdded,
    RoleRemoved,
    Row,
    projection,
)

SUPPORTER = "400000000000000001"
"""The role that everybody who pays is to have."""


class Supporter(Row, table="example_supporter"):
    tier: str | None = None
    has_role: bool = False
    waits_since: datetime | None = None

    def at(self, when: datetime) -> "Supporter":
        """As it is from then on: who pays and has no role waits, since the first moment of it."""
        waits = self.tier is not None and not self.has_role
        return self.replace(waits_since=(self.waits_since or when) if waits else None)


supporters = projection("example_supporters", version=1, state=Supporter)


@supporters.on
def _(row: Supporter, event: MembershipStarted | MembershipChanged | MembershipDeclined | MembershipEnded) -> Supporter:
    return row.replace(tier=event.tier).at(event.occurred_at)


@supporters.on
def _(row: Supporter, event: RoleAdded | RoleRemoved) -> Supporter:
    if event.role != SUPPORTER:
        return row
    return row.replace(has_role=isinstance(event, RoleAdded)).at(event.occurred_at)


@supporters.on
def _(row: Supporter, event: MemberLeft) -> Supporter:
    return row.replace(has_role=False).at(event.occurred_at)
