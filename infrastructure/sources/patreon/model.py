"""What is stored: of a membership, of an account's link to Discord, and of what the log says of a member."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from temple_ledger.infrastructure.sources.patreon.membership import Tier


class Cause(StrEnum):
    """Why a body is not accepted at once: docs/patreon.md, "What is doubted"."""

    LOSS = "loss"
    ORDER = "order"
    TIER = "tier"


@dataclass(frozen=True)
class Doubt:
    """`delivery` is the doubted one; None: an answer of Patreon's."""

    cause: Cause
    since: datetime
    look_again_at: datetime
    delivery: int | None = None


@dataclass(frozen=True)
class MembershipState:
    """The last observed state of one membership. `changed_at`: when it was received.

    `newest_charge_at` and `newest_pledge_at` are the newest that any body showed, by which others are ordered.
    `tier_deleted`: the patron pays as before, and `tiers` are the last ones that Patreon listed.
    """

    member_id: str
    patreon_id: str
    changed_at: datetime
    campaign_id: str | None = None
    status: str | None = None
    tiers: tuple[Tier, ...] = ()
    entitled_cents: int | None = None
    will_pay_cents: int | None = None
    lifetime_cents: int | None = None
    charge_status: str | None = None
    charged_at: datetime | None = None
    next_charge_at: datetime | None = None
    pledged_at: datetime | None = None
    deleted: bool = False
    newest_charge_at: datetime | None = None
    newest_pledge_at: datetime | None = None
    tier_deleted: bool = False
    doubt: Doubt | None = None


class Link(NamedTuple):
    """`discord_id` None: the account has none."""

    patreon_id: str
    discord_id: str | None
    said_at: datetime


class PaymentStatus(StrEnum):
    """DECLINED: the last charge failed, and the patron may still be entitled to a tier for a time of grace."""

    NONE = "none"
    PAYING = "paying"
    DECLINED = "declined"


class PublishedTier(NamedTuple):
    """What the log says of a member since `told_at`: `tier` is the title, `transition_id` the event."""

    user_id: str
    standing: PaymentStatus
    tier_id: str | None
    tier: str | None
    transition_id: UUID
    told_at: datetime


def user_of(patreon_id: str, link: Link | None) -> str:
    """How the ledger calls the person."""
    return f"patreon:{patreon_id}" if link is None or link.discord_id is None else link.discord_id


def tiers_as_json(tiers: tuple[Tier, ...]) -> list[dict[str, Any]]:
    return [{"id": tier.id, "title": tier.title, "amount_cents": tier.amount_cents} for tier in tiers]


def tiers_of_json(listed: list[dict[str, Any]]) -> tuple[Tier, ...]:
    return tuple(Tier(each["id"], each["title"], each["amount_cents"]) for each in listed)
