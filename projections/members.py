"""The projection `members`: the canon's two derived tables, one state (the rules: docs/events.md)."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final, Literal, NamedTuple

from temple_ledger.domain.events import (
    MarkedInactive,
    MemberJoined,
    MemberLeft,
    MembershipChanged,
    MembershipDeclined,
    MembershipEnded,
    MembershipEvent,
    MembershipStarted,
    RoleAdded,
    RoleRemoved,
)
from temple_ledger.projections.member_projection import BuiltInProjection
from temple_ledger.projections.rollup import count_of
from temple_ledger.projections.tables import Column, Rows, Table
from temple_ledger.projections.values import ColumnType

ROLES: Final = Table(
    "discord_user_current_roles",
    columns=(
        Column("role", ColumnType.TEXT, length=100),
        Column("granted_at", ColumnType.TIMESTAMPTZ),
        Column("granted_by", ColumnType.TEXT, length=100, null=True),
    ),
    key=("role",),
    stamp="last_verified",
    indexes=(("role",),),
)

STATUS: Final = Table(
    "temple_member_status",
    columns=(
        Column("discord_joined_at", ColumnType.TIMESTAMPTZ, null=True),
        Column("patreon_tier", ColumnType.TEXT, length=50, null=True),
        Column("total_roles_count", ColumnType.INTEGER, null=True, default=0),
        Column("last_activity", ColumnType.TIMESTAMPTZ, null=True),
        Column("status", ColumnType.TEXT, length=20, null=True, default="active"),
    ),
    stamp="last_sync",
)

Status = Literal["active", "inactive", "departed"]


class Grant(NamedTuple):
    granted_at: datetime
    granted_by: str | None


class Member(NamedTuple):
    joined_at: datetime | None = None
    tier: str | None = None
    last_activity: datetime | None = None
    status: Status = "active"
    roles: Mapping[str, Grant] = {}

    @property
    def seen(self) -> Status:
        """After a sign of life: whoever was inactive is active again, whoever departed stays so."""
        return "departed" if self.status == "departed" else "active"


_MEMBER: Final = partial(tuple.__new__, Member)
_GRANT: Final = partial(tuple.__new__, Grant)
"""Of their fields in order: no function of Python's runs for each of them."""


def _rows(member: Member) -> Rows:
    roles = member.roles
    status = (member.joined_at, member.tier, len(roles), member.last_activity, member.status)
    return {
        STATUS.name: (status,),
        ROLES.name: tuple([(role, grant[0], grant[1]) for role, grant in roles.items()]),
    }


def _state(rows: Rows) -> Member:
    joined_at, tier, _, last_activity, status = rows[STATUS.name][0]
    roles = {role: Grant(granted_at, granted_by) for role, granted_at, granted_by in rows.get(ROLES.name, ())}
    return Member(joined_at, tier, last_activity, status, roles)


members: Final[BuiltInProjection[Member]] = BuiltInProjection(
    "members", version=1, tables=(STATUS, ROLES), initial=Member, rows=_rows, state=_state
)


@members.on(MemberJoined)
def _(member: Member, event: MemberJoined) -> Member:
    joined_at, tier, _, status, roles = member
    at = event.occurred_at
    first = joined_at is None or status == "departed"
    return _MEMBER((at if first else joined_at, tier, at, "active", roles))


@members.on(MemberLeft)
def _(member: Member, event: MemberLeft) -> Member:
    return _MEMBER((member.joined_at, member.tier, event.occurred_at, "departed", {}))


@members.on(RoleAdded)
def _(member: Member, event: RoleAdded) -> Member:
    joined_at, tier, _, status, roles = member
    at, granted_by, role = event.occurred_at, event.granted_by, event.role
    if granted_by is None and role in roles:
        granted_by = roles[role].granted_by
    # back, and the join was missed: since when is unknown
    joined_at = None if status == "departed" else joined_at
    return _MEMBER((joined_at, tier, at, "active", {**roles, role: _GRANT((at, granted_by))}))


@members.on(RoleRemoved)
def _(member: Member, event: RoleRemoved) -> Member:
    roles = dict(member.roles)
    roles.pop(event.role, None)
    return _MEMBER((member.joined_at, member.tier, event.occurred_at, member.seen, roles))


@members.on(MembershipStarted, MembershipChanged, MembershipDeclined, MembershipEnded)
def _(member: Member, event: MembershipEvent) -> Member:
    return _MEMBER((member.joined_at, event.tier, event.occurred_at, member.seen, member.roles))


@members.on(MarkedInactive)
def _(member: Member, event: MarkedInactive) -> Member:
    return member._replace(status="inactive") if member.status == "active" else member


role_headcount: Final = members.rollup("role_headcount", table=ROLES, key="role", members=count_of())
"""How many members hold each role; what dashboards and metrics read."""
