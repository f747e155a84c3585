"""What somebody holds, in words for people."""

from temple_ledger.infrastructure.sources.patreon.entitlement import Holding
from temple_ledger.infrastructure.sources.patreon.membership_event import title_of
from temple_ledger.infrastructure.sources.patreon.model import Person, Standing


def of_person(person: Person | None) -> str | None:
    return None if person is None else _words(person.standing, person.tier)


def of_member(holding: Holding) -> str | None:
    return _words(holding.standing, None if holding.tier is None else title_of(holding.tier))


def _words(standing: Standing, tier: str | None) -> str | None:
    match standing:
        case Standing.NONE:
            return None
        case Standing.PAYING:
            return tier or "a pledge without a tier"
        case Standing.DECLINED:
            return f"declined, {tier or 'no tier'}"
