"""A membership as one body, or one row of a list, describes it.

What a body leaves out is not the same as what it says is empty: NOT_SAID leaves alone what is known.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Final, TypeVar

Value = TypeVar("Value")


class NotSaid(Enum):
    NOT_SAID = "not said"


NOT_SAID: Final = NotSaid.NOT_SAID

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
    patreon_id: str | NotSaid = NOT_SAID
    campaign_id: str | NotSaid = NOT_SAID
    discord_id: str | NotSaid | None = NOT_SAID
    status: str | NotSaid | None = NOT_SAID
    tiers: tuple[Tier, ...] | NotSaid = NOT_SAID
    entitled_cents: int | NotSaid | None = NOT_SAID
    will_pay_cents: int | NotSaid | None = NOT_SAID
    lifetime_cents: int | NotSaid | None = NOT_SAID
    charge_status: str | NotSaid | None = NOT_SAID
    charged_at: datetime | NotSaid | None = NOT_SAID
    next_charge_at: datetime | NotSaid | None = NOT_SAID
    pledged_at: datetime | NotSaid | None = NOT_SAID

    def in_campaign(self, campaign_id: str) -> "Membership":
        """What was read from a campaign's list is of that campaign, whether it says so or not."""
        return replace(self, campaign_id=campaign_id)


def said(value: Value | NotSaid, otherwise: Value) -> Value:
    """*value*, or what was known before it was left out."""
    return otherwise if isinstance(value, NotSaid) else value
