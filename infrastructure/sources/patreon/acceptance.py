"""What is to be believed of what we are told about a membership.

    known state, and what is told -> the state from now on, or a doubt, or nothing at all

Two things are doubted. That an active patron lost every paid tier: at each turn of a billing period Patreon says so of
people who did not. And, where somebody can be asked, a change in a body that nothing shows to be newer than what is
known: it may be the late retry of an old one. What is doubted changes nothing until it is looked at again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from temple_ledger.infrastructure.sources.patreon.entitlement import entitlement_of
from temple_ledger.infrastructure.sources.patreon.membership import (
    ACTIVE,
    DECLINED,
    NOT_SAID,
    Membership,
    NotSaid,
    Tier,
    said,
)
from temple_ledger.infrastructure.sources.patreon.model import (
    Cause,
    Doubt,
    Link,
    MembershipState,
    PaymentStatus,
    user_of,
)
from temple_ledger.infrastructure.sources.patreon.recency import Recency, recency_of

LOOK_AGAIN_AFTER: Final = timedelta(minutes=5)
"""What Patreon says during a billing run lasts for minutes, mostly."""

GIVE_UP_AFTER: Final = timedelta(minutes=15)
"""When Patreon could not be asked for so long, later bodies, and the order of arrival, have to do."""


@dataclass(frozen=True)
class Provenance:
    """How we came to know. `at`: when it was received, or asked for.

    `read`: it is Patreon's answer to a question of ours, and no retry of something older. `deleted`: it says that the
    membership is no more. `asks`: there is somebody who looks again at what is doubted.
    """

    at: datetime
    read: bool = False
    deleted: bool = False
    asks: bool = False
    delivery: int | None = None


class Decision(NamedTuple):
    """The state from now on. `note` says why nothing, or not all, was taken over."""

    member: MembershipState
    link: Link | None
    note: str | None = None
    set_aside: bool = False


def decide(
    known: MembershipState | None, link: Link | None, told: Membership, telling: Provenance, user_id: str
) -> Decision:
    """*user_id* is the Patreon account whose membership it is, and *link* what is known of it."""
    if known is None:
        heard = _heard(_unknown(told.member_id, user_id, telling.at), told, telling)
        return Decision(heard, _linked(link, told, telling, user_id))
    order = Recency.LATER if telling.read else recency_of(told, known)
    heard = _heard(known, told, telling)
    why = _why_not(known, heard, order, telling)
    if why is not None:
        # an answer, or a deletion, that cannot be right as it is asks for another look
        member = _to_ask_now(known, telling) if telling.read or telling.deleted else known
        return Decision(member, link, why, set_aside=True)
    return _judge_heard(known, link, heard, _linked(link, told, telling, user_id), order, telling)


def _why_not(known: MembershipState, heard: MembershipState, order: Recency, telling: Provenance) -> str | None:
    if telling.read and _is_outrun(known, telling):
        return "something newer came while it was read"
    if order is Recency.EARLIER:
        return "stale: older than what is known"
    if _contradicts_itself(heard, telling):
        return "a deletion of somebody who is a patron still"
    return None


def _judge_heard(
    known: MembershipState,
    link: Link | None,
    heard: MembershipState,
    linked: Link | None,
    order: Recency,
    telling: Provenance,
) -> Decision:
    if _loses_though_active(known, heard):
        return _judge_loss(known, heard, link, linked, telling)
    if order is Recency.SAME and telling.asks:
        if _matters(known, link, heard, linked):
            return Decision(
                _doubted(known, Cause.ORDER, telling, telling.at), link, "to be asked: it may be an old one"
            )
        if known.doubt is not None and known.doubt.cause is Cause.ORDER:
            # nothing new, and what is to be asked stays so
            return Decision(replace(heard, doubt=known.doubt), linked)
    return Decision(heard, linked)


def named(told: Membership, tiers: Mapping[str, Tier]) -> Membership:
    """With the titles and prices of tiers that the body only names."""
    if isinstance(told.tiers, NotSaid):
        return told
    return replace(told, tiers=tuple(_named(each, tiers.get(each.id)) for each in told.tiers))


def _named(tier: Tier, known: Tier | None) -> Tier:
    if known is None:
        return tier
    amount = known.amount_cents if tier.amount_cents is None else tier.amount_cents
    return Tier(tier.id, tier.title or known.title, amount, tier.roles or known.roles)


def _unknown(member_id: str, patreon_id: str, at: datetime) -> MembershipState:
    return MembershipState(member_id, patreon_id, at)


def _heard(known: MembershipState, told: Membership, telling: Provenance) -> MembershipState:
    """As *told* says; what it leaves out stays as it was known."""
    return MembershipState(
        member_id=known.member_id,
        patreon_id=known.patreon_id,
        changed_at=telling.at if telling.read else max(known.changed_at, telling.at),
        campaign_id=said(told.campaign_id, known.campaign_id or "") or None,
        status=said(told.status, known.status),
        tiers=() if telling.deleted and told.tiers is NOT_SAID else said(told.tiers, known.tiers),
        entitled_cents=said(told.entitled_cents, known.entitled_cents),
        will_pay_cents=said(told.will_pay_cents, known.will_pay_cents),
        lifetime_cents=said(told.lifetime_cents, known.lifetime_cents),
        charge_status=said(told.charge_status, known.charge_status),
        charged_at=said(told.charged_at, known.charged_at) or known.charged_at,
        next_charge_at=said(told.next_charge_at, known.next_charge_at),
        pledged_at=said(told.pledged_at, known.pledged_at) or known.pledged_at,
        deleted=telling.deleted,
    )


def _linked(link: Link | None, told: Membership, telling: Provenance, patreon_id: str) -> Link | None:
    if isinstance(told.discord_id, NotSaid) or (link is not None and link.said_at > telling.at):
        return link
    if link is not None and link.discord_id == told.discord_id:
        return link
    return Link(patreon_id, told.discord_id, telling.at)


def _is_outrun(known: MembershipState, telling: Provenance) -> bool:
    doubted = known.doubt is not None and known.doubt.cause is Cause.ORDER and known.doubt.since > telling.at
    return doubted or known.changed_at > telling.at


def _contradicts_itself(heard: MembershipState, telling: Provenance) -> bool:
    """Patreon deletes only memberships without a payment; and the trigger, which says so, is not signed."""
    still = (
        heard.status in (ACTIVE, DECLINED)
        or entitlement_of(replace(heard, deleted=False)).standing is not PaymentStatus.NONE
    )
    return telling.deleted and not telling.read and still


def _to_ask_now(known: MembershipState, telling: Provenance) -> MembershipState:
    """Somebody who asks will find it; without such a one there is nothing to note."""
    return _doubted(known, Cause.ORDER, telling, telling.at) if telling.asks else known


def _loses_though_active(known: MembershipState, heard: MembershipState) -> bool:
    """That no paid tier is left, and no money, while the patron is active. A pledge without a tier is no loss."""
    if heard.deleted or heard.status != ACTIVE:
        return False
    return entitlement_of(known).tier is not None and entitlement_of(heard).standing is PaymentStatus.NONE


def _judge_loss(
    known: MembershipState, heard: MembershipState, link: Link | None, linked: Link | None, telling: Provenance
) -> Decision:
    """Believed when it is still said some minutes after it was said first; until then nothing of consequence is.

    Where somebody asks, it is for the answer to say so, as long as there is one.
    """
    doubt = known.doubt
    delay = LOOK_AGAIN_AFTER if telling.read or not telling.asks else LOOK_AGAIN_AFTER + GIVE_UP_AFTER
    if doubt is not None and doubt.cause is Cause.LOSS and telling.at >= doubt.since + delay:
        return Decision(heard, linked)
    kept = replace(heard, tiers=known.tiers, entitled_cents=known.entitled_cents)
    again = telling.at + LOOK_AGAIN_AFTER
    return Decision(
        _doubted(kept, Cause.LOSS, telling, again, before=doubt),
        link,
        "an active patron without a paid tier: to be looked at again",
    )


def _doubted(
    member: MembershipState, cause: Cause, telling: Provenance, look_again_at: datetime, before: Doubt | None = None
) -> MembershipState:
    """The first doubt of its cause counts for the time."""
    before = before or member.doubt
    if before is not None and before.cause is cause:
        return replace(member, doubt=replace(before, delivery=telling.delivery or before.delivery))
    return replace(member, doubt=Doubt(cause, telling.at, look_again_at, telling.delivery))


def _matters(known: MembershipState, link: Link | None, heard: MembershipState, linked: Link | None) -> bool:
    """Whether the log would be told something."""
    before, after = entitlement_of(known).key, entitlement_of(heard).key
    return before != after or user_of(known.patreon_id, link) != user_of(heard.patreon_id, linked)
