"""Which of two descriptions of a membership is the later one, as far as they show it.

Patreon's bodies have no time and no number. A failed delivery is sent again for weeks, so that one which arrives today
may describe last month. The table in docs/patreon.md, "What shows a body's age", lists each field and what it can do:
only a charge or a pledge newer than any seen before proves a body to be newer, and nothing proves it to be older.
"""

from datetime import datetime
from enum import Enum

from temple_ledger.infrastructure.sources.patreon.membership import (
    FORMER,
    PENDING,
    TAKEN_BACK,
    Absent,
    Membership,
    Value,
)
from temple_ledger.infrastructure.sources.patreon.model import MembershipState


class Recency(Enum):
    """EARLIER: it looks older, and may not be. SAME: nothing shows which was first."""

    EARLIER = "earlier"
    SAME = "same"
    LATER = "later"


def recency_of(body: Membership, state: MembershipState) -> Recency:
    """Of the body beside what is known. The sum ever paid shows nothing: refunds and currencies move it both ways."""
    signs = {
        _compare(_value(body.charged_at), state.newest_charge_at),
        _compare(_value(body.pledged_at), state.newest_pledge_at),
        _never_charged(body, state),
        _charge_status(body, state),
    }
    found = next((each for each in (Recency.EARLIER, Recency.LATER) if each in signs), Recency.SAME)
    return Recency.SAME if found is Recency.EARLIER and _ends_this_pledge(body, state) else found


def _never_charged(body: Membership, state: MembershipState) -> Recency:
    """A membership that was deleted begins anew."""
    never = body.charged_at is None and body.charge_status is None
    return Recency.EARLIER if never and state.newest_charge_at is not None and not state.deleted else Recency.SAME


def _charge_status(body: Membership, state: MembershipState) -> Recency:
    """Of one charge: it is pending first, and then settled; it is paid first, and taken back later."""
    before, after = state.charge_status, _value(body.charge_status)
    if before is None or after is None or before == after or _value(body.charged_at) != state.newest_charge_at:
        return Recency.SAME
    if PENDING in (before, after):
        return Recency.LATER if before == PENDING else Recency.EARLIER
    return Recency.EARLIER if before in TAKEN_BACK and after not in TAKEN_BACK else Recency.SAME


def _ends_this_pledge(body: Membership, state: MembershipState) -> bool:
    """A pledge ends once: whoever pledges again begins another one."""
    pledged_at = _value(body.pledged_at)
    return body.status == FORMER and pledged_at is not None and pledged_at == state.newest_pledge_at


def _compare(shown: datetime | None, newest: datetime | None) -> Recency:
    if shown is None or shown == newest:
        return Recency.SAME
    return Recency.LATER if newest is None or shown > newest else Recency.EARLIER


def _value(field: Value | Absent | None) -> Value | None:
    return None if isinstance(field, Absent) else field
