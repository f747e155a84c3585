"""Which of two descriptions of a membership is the later one, as far as they show it.

Patreon's bodies have no time and no number. A failed delivery is sent again for weeks, so that one which arrives today
may describe last month. What shows its age: the last charge, the begin of the pledge, and the sum ever paid, which
falls only when a charge is taken back.
"""

from datetime import datetime
from enum import Enum
from typing import TypeVar

from temple_ledger.infrastructure.sources.patreon.membership import TAKEN_BACK, Membership, NotSaid, Value
from temple_ledger.infrastructure.sources.patreon.model import MembershipState

Sign = TypeVar("Sign", int, datetime)


class Recency(Enum):
    """SAME: nothing in them shows which was first."""

    EARLIER = "earlier"
    SAME = "same"
    LATER = "later"


def recency_of(told: Membership, known: MembershipState) -> Recency:
    """Of what is told beside what is known. Dates say it first; the sum only where they are the same."""
    dates = {
        _beside(_value(told.charged_at), known.charged_at),
        _beside(_value(told.pledged_at), known.pledged_at),
        _of_never_charged(told, known),
    }
    found = _of(dates)
    return found if found is not Recency.SAME else _of({_of_taking_back(told, known), _of_sum(told, known)})


def _of(signs: set[Recency]) -> Recency:
    return next((each for each in (Recency.EARLIER, Recency.LATER) if each in signs), Recency.SAME)


def _of_sum(told: Membership, known: MembershipState) -> Recency:
    if told.charge_status in TAKEN_BACK:
        return Recency.SAME
    return _beside(_value(told.lifetime_cents), known.lifetime_cents)


def _of_never_charged(told: Membership, known: MembershipState) -> Recency:
    """Nobody who was charged once was never charged; a membership that was deleted begins anew."""
    never = told.charged_at is None and told.charge_status is None
    return Recency.EARLIER if never and known.charged_at is not None and not known.deleted else Recency.SAME


def _of_taking_back(told: Membership, known: MembershipState) -> Recency:
    """A charge is paid first and taken back later; only another charge follows after that."""
    if isinstance(told.charge_status, NotSaid) or _value(told.charged_at) != known.charged_at:
        return Recency.SAME
    before, after = known.charge_status in TAKEN_BACK, told.charge_status in TAKEN_BACK
    if before == after:
        return Recency.SAME
    return Recency.LATER if after else Recency.EARLIER


def _beside(told: Sign | None, known: Sign | None) -> Recency:
    if told is None or told == known:
        return Recency.SAME
    if known is None:
        return Recency.LATER
    return Recency.LATER if told > known else Recency.EARLIER


def _value(told: Value | NotSaid | None) -> Value | None:
    return None if isinstance(told, NotSaid) else told
