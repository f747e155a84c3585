"""Who pays, for which tier: of one membership, and of all memberships of one person."""

from collections.abc import Iterable
from typing import NamedTuple

from temple_ledger.infrastructure.sources.patreon.membership import ACTIVE, DECLINED, Tier
from temple_ledger.infrastructure.sources.patreon.model import MembershipState, PaymentStatus


class Entitlement(NamedTuple):
    """`tier` is the best paid one; `member` the membership that it, or the standing, comes from."""

    standing: PaymentStatus
    tier: Tier | None
    member: MembershipState | None

    @property
    def key(self) -> tuple[PaymentStatus, str | None]:
        """What makes two of them different: a tier that gets another title or price is the same tier."""
        return self.standing, None if self.tier is None else self.tier.id


NOTHING = Entitlement(PaymentStatus.NONE, None, None)


def entitlement_of(member: MembershipState) -> Entitlement:
    """What somebody is entitled to, whatever the status of the charge: that is how Patreon wants it read.

    Each campaign has a free tier, which costs nothing and is no paid tier. A pledge without a tier pays all the same.
    """
    if member.deleted:
        return Entitlement(PaymentStatus.NONE, None, member)
    tier = max(paid_tiers(member), key=lambda each: (each.amount_cents or 0, each.id), default=None)
    if member.status == DECLINED:
        return Entitlement(PaymentStatus.DECLINED, tier, member)
    pays = tier is not None or (member.status == ACTIVE and (member.entitled_cents or 0) > 0)
    return Entitlement(PaymentStatus.PAYING if pays else PaymentStatus.NONE, tier, member)


def paid_tiers(member: MembershipState) -> Iterable[Tier]:
    """Of a tier without a known price, the amount that the patron is entitled to decides."""
    worth = 1 if member.entitled_cents is None else member.entitled_cents
    return (tier for tier in member.tiers if (worth if tier.amount_cents is None else tier.amount_cents) > 0)


def best(entitlements: Iterable[Entitlement]) -> Entitlement:
    """Of several memberships of one person the best tier counts, and whoever pays for one is no declined patron."""
    found = list(entitlements)
    if not found:
        return NOTHING
    standings = {each.standing for each in found}
    standing = next(
        each for each in (PaymentStatus.PAYING, PaymentStatus.DECLINED, PaymentStatus.NONE) if each in standings
    )
    first = max(found, key=lambda each: (*_worth(each.tier), each.standing is standing, _newest(each)))
    return Entitlement(standing, first.tier, first.member)


def _worth(tier: Tier | None) -> tuple[int, str]:
    return (-1, "") if tier is None else (tier.amount_cents or 0, tier.id)


def _newest(entitlement: Entitlement) -> float:
    return 0.0 if entitlement.member is None else entitlement.member.changed_at.timestamp()
