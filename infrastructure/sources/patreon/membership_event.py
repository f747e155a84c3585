"""The event that says what somebody is entitled to now.

started    from nothing to a paid membership
changed    another tier, or paid again after a decline
declined   the charge failed; the target is the tier that the patron is entitled to all the same
ended      nothing any more
"""

import json
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.events import (
    MembershipChanged,
    MembershipDeclined,
    MembershipEnded,
    MembershipEvent,
    MembershipStarted,
)
from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.log_entry import LogEntry, entry_of_event
from temple_ledger.infrastructure.sources.patreon.entitlement import Entitlement
from temple_ledger.infrastructure.sources.patreon.membership import Tier
from temple_ledger.infrastructure.sources.patreon.model import PaymentStatus, PublishedTier

SOURCE: Final = "patreon"
MAX_TIER: Final = 50
LONGEST_MARK: Final = 20
NAMESPACE: Final = UUID("0c1d7f52-3f0c-5b1e-9a55-6f1d6a0c9e37")
"""Of the event ids of memberships."""


def membership_event(
    before: PublishedTier | None, user_id: str, now: Entitlement, at: datetime, reconciled: UUID | None = None
) -> tuple[LogEntry, PublishedTier] | None:
    """None where the log says so already. *at*: when it was received; *reconciled* is the snapshot that found it."""
    if not _differs(before, now):
        return None
    transition_id = _transition(before, user_id, now)
    occurred_at = at if before is None else max(at, before.told_at)
    tier = None if now.tier is None else title_of(now.tier)
    event = _kind(before, now)(user_id=user_id, occurred_at=occurred_at, source=SOURCE, tier=tier)
    notes = _notes(now) | ({} if reconciled is None else {"reconciled": str(reconciled)})
    entry = entry_of_event(event, event_id=transition_id, notes=notes, catalogue=CATALOGUE)
    tier_id = None if now.tier is None else now.tier.id
    return entry, PublishedTier(user_id, now.standing, tier_id, tier, transition_id, entry.timestamp)


def title_of(tier: Tier) -> str:
    """As the ledger shows the tier: its id where it has no title. What is too long is cut, and ends with the id: two
    titles may agree as far as that."""
    title = tier.title or tier.id
    if len(title) <= MAX_TIER:
        return title
    mark = tier.id if len(tier.id) <= LONGEST_MARK else sha256(tier.id.encode()).hexdigest()[:LONGEST_MARK]
    return f"{title[: MAX_TIER - len(mark) - 4].rstrip()}… ({mark})"


def is_title_of(shown: str, tier: Tier) -> bool:
    """Also where somebody else has cut it."""
    return shown in (title_of(tier), (tier.title or tier.id)[:MAX_TIER].rstrip())


def _differs(before: PublishedTier | None, now: Entitlement) -> bool:
    if before is None:
        return now.standing is not PaymentStatus.NONE
    if (before.standing, before.tier_id) == now.key:
        return False
    if before.tier_id is None and before.tier is not None and now.tier is not None:
        # appended by somebody who had the title only
        return before.standing is not now.standing or not is_title_of(before.tier, now.tier)
    return True


def _kind(before: PublishedTier | None, now: Entitlement) -> type[MembershipEvent]:
    was = PaymentStatus.NONE if before is None else before.standing
    match was, now.standing:
        case _, PaymentStatus.NONE:
            return MembershipEnded
        case PaymentStatus.NONE | PaymentStatus.PAYING, PaymentStatus.DECLINED:
            return MembershipDeclined
        case PaymentStatus.NONE, PaymentStatus.PAYING:
            return MembershipStarted
        case _:
            return MembershipChanged


def _transition(before: PublishedTier | None, user_id: str, now: Entitlement) -> UUID:
    """From what was published last to what is now. So A, B, A, B are four events, and the same one again is none."""
    previous = uuid5(NAMESPACE, user_id) if before is None else before.transition_id
    return uuid5(previous, json.dumps([user_id, *now.key]))


def _notes(now: Entitlement) -> dict[str, Any]:
    """Ids, numbers and states only: never a name of a person."""
    notes: dict[str, Any] = {"standing": now.standing.value}
    if now.tier is not None:
        notes |= {"tier_id": now.tier.id, "amount_cents": now.tier.amount_cents}
    member = now.member
    if member is not None:
        notes |= {
            "patreon_user_id": member.patreon_id,
            "patreon_member_id": member.member_id,
            "campaign_id": member.campaign_id,
            "patron_status": member.status,
            "charge_status": member.charge_status,
            "charged_at": None if member.charged_at is None else format_instant(member.charged_at),
            "pledged_at": None if member.pledged_at is None else format_instant(member.pledged_at),
            "will_pay_cents": member.will_pay_cents,
        }
    return {name: value for name, value in notes.items() if value is not None}
