"""The events of a community. `temple_ledger.domain.catalogue` maps rows of the log to them."""

from typing import ClassVar

from temple_ledger.domain.event import Event, Name100, OptionalName, OptionalText, Tier


class MemberJoined(Event):
    """Discord now and then sends it for somebody who is a member already."""


class MemberLeft(Event):
    """Left, was kicked, banned or pruned; `by` is who did it, `reason` what they gave as the reason."""

    metadata_fields: ClassVar[tuple[str, ...]] = ("reason", "by")

    reason: OptionalText = None
    by: OptionalText = None


class RoleAdded(Event):
    """`role` is an id where Discord is the source; `granted_by` is None if unknown."""

    target_field: ClassVar[str | None] = "role"
    metadata_fields: ClassVar[tuple[str, ...]] = ("granted_by",)

    role: Name100
    granted_by: OptionalName = None


class RoleRemoved(Event):
    """`by` is who removed it; `how` is `role deleted` where it ended because the role was deleted."""

    target_field: ClassVar[str | None] = "role"
    metadata_fields: ClassVar[tuple[str, ...]] = ("by", "how")

    role: Name100
    by: OptionalText = None
    how: OptionalText = None


class MembershipEvent(Event):
    """`tier` is the paid tier that the patron is still entitled to after the event; None is none."""

    target_field: ClassVar[str | None] = "tier"

    tier: Tier | None = None


class MembershipStarted(MembershipEvent):
    pass


class MembershipChanged(MembershipEvent):
    pass


class MembershipDeclined(MembershipEvent):
    pass


class MembershipEnded(MembershipEvent):
    pass


class MarkedInactive(Event):
    """Somebody or something decided that the member is inactive. It is not a sign of life itself."""


class RoleEvent(Event):
    """About a role, not about a member: `user_id` is who did it, or `guild`; `name` is the role's from then on."""

    target_field: ClassVar[str | None] = "role"
    metadata_fields: ClassVar[tuple[str, ...]] = ("name",)

    role: Name100
    name: OptionalText = None


class RoleCreated(RoleEvent):
    pass


class RoleRenamed(RoleEvent):
    pass


class RoleDeleted(RoleEvent):
    pass
