"""Which fields are there and have not the form that Patreon documents: nothing is concluded from them, and somebody has
to hear of it, since a field that changes its form for good would be passed over in every body."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from temple_ledger.infrastructure.sources.patreon.membership import ABSENT, Membership

_PLACES: Final[Mapping[str, Sequence[str]]] = {
    "patreon_id": ("relationships", "user", "data"),
    "campaign_id": ("relationships", "campaign", "data"),
    "tiers": ("relationships", "currently_entitled_tiers", "data"),
    "status": ("attributes", "patron_status"),
    "entitled_cents": ("attributes", "currently_entitled_amount_cents"),
    "will_pay_cents": ("attributes", "will_pay_amount_cents"),
    "lifetime_cents": ("attributes", "campaign_lifetime_support_cents"),
    "charge_status": ("attributes", "last_charge_status"),
    "charged_at": ("attributes", "last_charge_date"),
    "next_charge_at": ("attributes", "next_charge_date"),
    "pledged_at": ("attributes", "pledge_relationship_start"),
}
"""Where the document has each field of a membership."""
_LINK: Final = ("attributes", "social_connections", "discord")


def unread_fields(resource: object, membership: Membership, included: Mapping[tuple[str, str], Any]) -> tuple[str, ...]:
    """Their names; *membership* is what was read of the resource."""
    broken = [_broken_at(resource, path) for field, path in _PLACES.items() if getattr(membership, field) is ABSENT]
    if membership.discord_id is ABSENT and isinstance(membership.patreon_id, str):
        broken.append(_broken_at(included.get(("user", membership.patreon_id)), _LINK))
    return tuple(dict.fromkeys(each for each in broken if each is not None))


def describe_unread(fields: Iterable[str]) -> str:
    return f"not in a form that Patreon documents, and left out: {', '.join(fields)}"


def _broken_at(value: object, path: Sequence[str]) -> str | None:
    """The name of what is there and is none of what it should be; None where it is missing, or null as it may be."""
    name = ""
    for each in path:
        if not isinstance(value, dict):
            return name or None
        if each not in value:
            return None
        name, value = each if each != "data" else name, value[each]
        if value is None and (path[0] == "relationships" or path is _LINK):
            # Patreon has null in any relation, of a closed account for example, and where nothing is connected
            return None
    return name
