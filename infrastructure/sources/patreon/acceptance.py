"""What is accepted of a body about a membership.

    the state so far, and a body -> the state from now on, or a doubt, or nothing at all

Three things are doubted: that an active patron lost every paid tier, which Patreon says at each turn of a billing
period of people who did not; and, where somebody can be asked, a change in a body that nothing shows to be newer than
the state, since it may be the late retry of an old one, and a tier that nobody has described. A doubt changes no tier
until it is settled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from temple_ledger.infrastructure.sources.patreon.entitlement import entitlement_of, paid_tiers
from temple_ledger.infrastructure.sources.patreon.membership import (
    ABSENT,
    ACTIVE,
    DECLINED,
    Absent,
    Membership,
    Tier,
    present_or,
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

CHECK_AGAIN_AFTER: Final = timedelta(minutes=5)
"""What Patreon says during a billing run lasts for minutes, mostly."""

GIVE_UP_AFTER: Final = timedelta(minutes=15)
"""When Patreon could not be asked for so long, later bodies, and the order of arrival, have to do."""


@dataclass(frozen=True)
class Provenance:
    """Where a body comes from. `at`: when it was received, or asked for.

    `read`: it is Patreon's answer to a question of ours, and no retry of something older. `deleted`: it says that the
    membership is no more. `asks`: there is somebody who asks Patreon about what is doubted.
    """

    at: datetime
    read: bool = False
    deleted: bool = False
    asks: bool = False
    delivery: int | None = None


class Decision(NamedTuple):
    """The state from now on. `note` says why nothing, or not all, was accepted; `stale`: the body looks older."""

    member: MembershipState
    link: Link | None
    note: str | None = None
    set_aside: bool = False
    stale: bool = False


class _Case(NamedTuple):
    """A body against a state: the state and link before it, and those that it describes."""

    state: MembershipState
    link: Link | None
    described: MembershipState
    described_link: Link | None
    source: Provenance

    @property
    def matters(self) -> bool:
        """Whether an event would follow."""
        before, after = entitlement_of(self.state).key, entitlement_of(self.described).key
        users = {user_of(self.state.patreon_id, self.link), user_of(self.described.patreon_id, self.described_link)}
        return before != after or len(users) > 1


def decide(
    state: MembershipState | None, link: Link | None, body: Membership, source: Provenance, patreon_id: str
) -> Decision:
    """*patreon_id* is the Patreon account whose membership it is, and *link* what is known of it."""
    before = state or MembershipState(body.member_id, patreon_id, source.at)
    case = _Case(before, link, _described(before, body, source), _linked(link, body, source, patreon_id), source)
    if state is None:
        recency = Recency.LATER
    elif source.read and _is_outrun(state, source):
        return _set_aside(case, "something newer came while it was read")
    else:
        recency = Recency.LATER if source.read else recency_of(body, state)
        if recency is Recency.EARLIER and not (source.asks and case.matters):
            return _set_aside(case, "stale: older than what is known", stale=True)
        if _contradicts_itself(case.described, source):
            return _set_aside(case, "a deletion of somebody who is a patron still")
    return _decide_by_content(case, recency)


def _decide_by_content(case: _Case, recency: Recency) -> Decision:
    source = case.source
    if recency is Recency.EARLIER:
        return _ask(case, Cause.ORDER, "to be asked: it looks like an old one")
    if source.asks and not source.read and case.matters and _has_undescribed_tier(case.described):
        return _ask(case, Cause.TIER, "to be asked: nobody described this tier")
    if _loses_though_active(case.state, case.described):
        return _decide_loss(case)
    if recency is Recency.SAME and source.asks:
        if case.matters:
            return _ask(case, Cause.ORDER, "to be asked: it may be an old one")
        if case.state.doubt is not None and case.state.doubt.cause is not Cause.LOSS:
            # nothing new, and the open question stays
            return Decision(replace(case.described, doubt=case.state.doubt), case.described_link)
    return Decision(case.described, case.described_link)


def with_known_tiers(body: Membership, tiers: Mapping[str, Tier]) -> Membership:
    """With the titles and prices of tiers that the body only names."""
    if isinstance(body.tiers, Absent):
        return body
    return replace(body, tiers=tuple(_completed(each, tiers.get(each.id)) for each in body.tiers))


def _completed(tier: Tier, known: Tier | None) -> Tier:
    if known is None:
        return tier
    amount = known.amount_cents if tier.amount_cents is None else tier.amount_cents
    return Tier(tier.id, tier.title or known.title, amount, tier.roles or known.roles)


def _described(state: MembershipState, body: Membership, source: Provenance) -> MembershipState:
    """As the body says; what it leaves out stays as it was."""
    described = MembershipState(
        member_id=state.member_id,
        patreon_id=state.patreon_id,
        changed_at=source.at if source.read else max(state.changed_at, source.at),
        campaign_id=present_or(body.campaign_id, state.campaign_id or "") or None,
        status=present_or(body.status, state.status),
        tiers=() if source.deleted and body.tiers is ABSENT else present_or(body.tiers, state.tiers),
        entitled_cents=present_or(body.entitled_cents, state.entitled_cents),
        will_pay_cents=present_or(body.will_pay_cents, state.will_pay_cents),
        lifetime_cents=present_or(body.lifetime_cents, state.lifetime_cents),
        charge_status=present_or(body.charge_status, state.charge_status),
        charged_at=present_or(body.charged_at, state.charged_at),
        next_charge_at=present_or(body.next_charge_at, state.next_charge_at),
        pledged_at=present_or(body.pledged_at, state.pledged_at),
        deleted=source.deleted,
        newest_charge_at=_newest(state.newest_charge_at, present_or(body.charged_at, None)),
        newest_pledge_at=_newest(state.newest_pledge_at, present_or(body.pledged_at, None)),
        tier_deleted=state.tier_deleted if body.tiers is ABSENT else False,
    )
    return _with_deleted_tier(state, described, body)


def _newest(before: datetime | None, shown: datetime | None) -> datetime | None:
    return max((each for each in (before, shown) if each is not None), default=None)


def _with_deleted_tier(state: MembershipState, described: MembershipState, body: Membership) -> MembershipState:
    """A tier that the creator deleted is listed no more, while its patrons pay on: they stay in the last one known."""
    pays_on = (state.entitled_cents or 0) > 0 and body.entitled_cents == state.entitled_cents
    if described.deleted or not pays_on or any(paid_tiers(described)) or not any(paid_tiers(state)):
        return described
    return replace(described, tiers=state.tiers, tier_deleted=True)


def _linked(link: Link | None, body: Membership, source: Provenance, patreon_id: str) -> Link | None:
    if isinstance(body.discord_id, Absent) or (link is not None and link.said_at > source.at):
        return link
    if link is not None and link.discord_id == body.discord_id:
        return link
    return Link(patreon_id, body.discord_id, source.at)


def _is_outrun(state: MembershipState, source: Provenance) -> bool:
    doubt = state.doubt
    doubted = doubt is not None and doubt.cause is not Cause.LOSS and doubt.since > source.at
    return doubted or state.changed_at > source.at


def _contradicts_itself(described: MembershipState, source: Provenance) -> bool:
    """Patreon deletes only memberships without a payment; and the trigger, which says so, is not signed."""
    still = (
        described.status in (ACTIVE, DECLINED)
        or entitlement_of(replace(described, deleted=False)).standing is not PaymentStatus.NONE
    )
    return source.deleted and not source.read and still


def _has_undescribed_tier(described: MembershipState) -> bool:
    return any(tier.title is None or tier.amount_cents is None for tier in described.tiers)


def _set_aside(case: _Case, note: str, *, stale: bool = False) -> Decision:
    """An answer, or a deletion, that cannot be right as it is asks for another one, where somebody asks."""
    unanswered = (case.source.read or case.source.deleted) and case.source.asks
    member = _doubted(case.state, Cause.ORDER, case.source, case.source.at) if unanswered else case.state
    return Decision(member, case.link, note, set_aside=True, stale=stale)


def _ask(case: _Case, cause: Cause, note: str) -> Decision:
    return Decision(_doubted(case.state, cause, case.source, case.source.at), case.link, note)


def _loses_though_active(state: MembershipState, described: MembershipState) -> bool:
    """That no paid tier is left, and no money, while the patron is active. A pledge without a tier is no loss."""
    if described.deleted or described.status != ACTIVE:
        return False
    return entitlement_of(state).tier is not None and entitlement_of(described).standing is PaymentStatus.NONE


def _decide_loss(case: _Case) -> Decision:
    """Accepted when it is still so some minutes after the first such body; until then it changes no tier.

    Where somebody asks, the answer decides, as long as there is one.
    """
    doubt, source = case.state.doubt, case.source
    delay = CHECK_AGAIN_AFTER if source.read or not source.asks else CHECK_AGAIN_AFTER + GIVE_UP_AFTER
    if doubt is not None and doubt.cause is Cause.LOSS and source.at >= doubt.since + delay:
        return Decision(case.described, case.described_link)
    paying = replace(
        case.described,
        tiers=case.state.tiers,
        entitled_cents=case.state.entitled_cents,
        tier_deleted=case.state.tier_deleted,
    )
    return Decision(
        _doubted(paying, Cause.LOSS, source, source.at + CHECK_AGAIN_AFTER, before=doubt),
        case.link,
        "an active patron without a paid tier: to be looked at again",
    )


def _doubted(
    member: MembershipState, cause: Cause, source: Provenance, look_again_at: datetime, before: Doubt | None = None
) -> MembershipState:
    """The first doubt of its cause counts for the time."""
    before = before or member.doubt
    if before is not None and before.cause is cause:
        return replace(member, doubt=replace(before, delivery=source.delivery or before.delivery))
    return replace(member, doubt=Doubt(cause, source.at, look_again_at, source.delivery))
