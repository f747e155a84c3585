"""What somebody is entitled to, in words for people."""

from temple_ledger.infrastructure.sources.patreon.entitlement import Entitlement
from temple_ledger.infrastructure.sources.patreon.membership_event import title_of
from temple_ledger.infrastructure.sources.patreon.model import PaymentStatus, PublishedTier


def of_person(person: PublishedTier | None) -> str | None:
    return None if person is None else _words(person.standing, person.tier)


def of_member(entitlement: Entitlement) -> str | None:
    described = _words(entitlement.standing, None if entitlement.tier is None else title_of(entitlement.tier))
    deleted = entitlement.member is not None and entitlement.member.tier_deleted
    return f"{described} (tier deleted)" if deleted and described is not None else described


def _words(standing: PaymentStatus, tier: str | None) -> str | None:
    match standing:
        case PaymentStatus.NONE:
            return None
        case PaymentStatus.PAYING:
            return tier or "a pledge without a tier"
        case PaymentStatus.DECLINED:
            return f"declined, {tier or 'no tier'}"
