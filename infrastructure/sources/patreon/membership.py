"""A membership as one body, or one row of a list, describes it.

What a body leaves out is not what it says is empty: ABSENT leaves alone what is stored.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Final, TypeVar

Value = TypeVar("Value")


class Absent(Enum):
    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

ACTIVE: Final = "active_patron"
DECLINED: Final = "declined_patron"
FORMER: Final = "former_patron"

PENDING: Final = "Pending"
TAKEN_BACK: Final = frozenset({"Refunded", "Refunded by Patreon", "Partially Refunded", "Fraud"})
"""Charges that were paid and are not any more."""


@dataclass(frozen=True, order=True)
class Tier:
    """`amount_cents` and `title` are None where the body names the tier and does not include it.

    `roles` are the Discord roles that Patreon's own bot hands out for it.
    """

    id: str
    title: str | None = None
    amount_cents: int | None = None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Membership:
    """One person's membership of one campaign. Never a name or an address: those stay in the inbox.

    `discord_id` None: no account is linked. `tiers` are all that the person is entitled to, the free one included.
    `status` None: never pledged. Amounts are in cents of the campaign's currency.
    """

    member_id: str
    patreon_id: str | Absent = ABSENT
    campaign_id: str | Absent = ABSENT
    discord_id: str | Absent | None = ABSENT
    status: str | Absent | None = ABSENT
    tiers: tuple[Tier, ...] | Absent = ABSENT
    entitled_cents: int | Absent | None = ABSENT
    will_pay_cents: int | Absent | None = ABSENT
    lifetime_cents: int | Absent | None = ABSENT
    charge_status: str | Absent | None = ABSENT
    charged_at: datetime | Absent | None = ABSENT
    next_charge_at: datetime | Absent | None = ABSENT
    pledged_at: datetime | Absent | None = ABSENT

    def in_campaign(self, campaign_id: str) -> "Membership":
        """What was read from a campaign's list is of that campaign, whether it says so or not."""
        return replace(self, campaign_id=campaign_id)


def present_or(value: Value | Absent, otherwise: Value) -> Value:
    """*value*, or what was there before it was left out."""
    return otherwise if isinstance(value, Absent) else value
