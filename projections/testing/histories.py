"""Events in few words, for tests and examples; all at the same hour unless another is given."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from temple_ledger.domain.event import VERSION_KEY, split_name
from temple_ledger.domain.events import (
    MarkedInactive,
    MemberJoined,
    MemberLeft,
    MembershipChanged,
    MembershipDeclined,
    MembershipEnded,
    MembershipStarted,
    RoleAdded,
    RoleRemoved,
)
from temple_ledger.domain.log_entry import LogEntry, metadata_text

DAY_ONE = datetime(2026, 1, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    """So many hours after 2026-01-01 in UTC."""
    return DAY_ONE + timedelta(hours=hours)


def joined(user_id: str, when: datetime = DAY_ONE) -> MemberJoined:
    return MemberJoined(user_id=user_id, occurred_at=when, source="discord")


def left(user_id: str, when: datetime = DAY_ONE, *, reason: str | None = None, by: str | None = None) -> MemberLeft:
    return MemberLeft(user_id=user_id, occurred_at=when, source="discord", reason=reason, by=by)


def role_added(user_id: str, role: str, when: datetime = DAY_ONE, *, by: str | None = None) -> RoleAdded:
    return RoleAdded(user_id=user_id, occurred_at=when, source="discord", role=role, granted_by=by)


def role_removed(
    user_id: str, role: str, when: datetime = DAY_ONE, *, by: str | None = None, how: str | None = None
) -> RoleRemoved:
    return RoleRemoved(user_id=user_id, occurred_at=when, source="discord", role=role, by=by, how=how)


def pledged(user_id: str, tier: str | None, when: datetime = DAY_ONE) -> MembershipStarted:
    return MembershipStarted(user_id=user_id, occurred_at=when, source="patreon", tier=tier)


def changed_tier(user_id: str, tier: str | None, when: datetime = DAY_ONE) -> MembershipChanged:
    return MembershipChanged(user_id=user_id, occurred_at=when, source="patreon", tier=tier)


def declined(user_id: str, tier: str | None, when: datetime = DAY_ONE) -> MembershipDeclined:
    return MembershipDeclined(user_id=user_id, occurred_at=when, source="patreon", tier=tier)


def ended(user_id: str, tier: str | None = None, when: datetime = DAY_ONE) -> MembershipEnded:
    return MembershipEnded(user_id=user_id, occurred_at=when, source="patreon", tier=tier)


def marked_inactive(user_id: str, when: datetime = DAY_ONE) -> MarkedInactive:
    return MarkedInactive(user_id=user_id, occurred_at=when, source="manual")


def stored_row(
    name: str,
    user_id: str,
    when: datetime = DAY_ONE,
    *,
    version: int = 1,
    target: str | None = None,
    source: str = "test",
    **fields: Any,
) -> LogEntry:
    """A row as some version of an event stored it: *name* is `moderation/warned`, *fields* are those of that version.

    Both kits accept it in place of an event, and give it an event_id of its own.
    """
    event_type, action = split_name(name)
    payload = fields if version == 1 else {**fields, VERSION_KEY: version}
    return LogEntry(
        UUID(int=0), when, event_type, user_id, action, target, metadata_text(payload) if payload else None, source
    )
