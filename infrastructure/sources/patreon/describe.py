"""What somebody holds, in words for people."""

from temple_ledger.infrastructure.sources.patreon.entitlement import Entitlement
from temple_ledger.infrastructure.sources.patreon.membership_event import title_of
from temple_ledger.infrastructure.sources.patreon.model import PaymentStatus, PublishedTier


def of_person(person: PublishedTier | None) -> str | None:
    return None if person is None else _words(person.standing, person.tier)


def of_member(holding: Entitlement) -> str | None:
    return _words(holding.standing, None if holding.tier is None else title_of(holding.tier))


def _words(standing: PaymentStatus, tier: str | None) -> str | None:
    match standing:
        case PaymentStatus.NONE:
            return None
        case PaymentStatus.PAYING:
            return tier or "a pledge without a tier"
        case PaymentStatus.DECLINED:
            return f"declined, {tier or 'no tier'}"
