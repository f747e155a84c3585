"""A JSON:API document of Patreon's, read with care: whatever has not the documented form is absent.

Related objects are found by type and id; their order means nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.instant import parse_instant
from temple_ledger.infrastructure.sources.patreon.membership import (
    ABSENT,
    ACTIVE,
    DECLINED,
    FORMER,
    Absent,
    Membership,
    Tier,
)
from temple_ledger.infrastructure.sources.patreon.strict_json import UnreadableBody

Json = Mapping[str, Any]

_ID: Final = re.compile(r"[0-9A-Za-z_:-]{1,60}")
_SNOWFLAKE: Final = re.compile(r"[1-9][0-9]{0,19}")
_WORDS: Final = re.compile(r"[A-Za-z][A-Za-z _]{0,39}")
LARGEST_SNOWFLAKE: Final = 2**64 - 1


class Document(NamedTuple):
    """`data` is the resource, or the resources of a list."""

    data: Any
    included: Mapping[tuple[str, str], Json]
    meta: Json

    @property
    def rows(self) -> Sequence[Any]:
        return self.data if isinstance(self.data, list) else [self.data]


def document_of(value: object) -> Document:
    """Raises UnreadableBody for what is no document at all."""
    if not isinstance(value, dict) or "data" not in value:
        raise UnreadableBody("not a JSON:API document: it has no data")
    listed = value.get("included")
    included: dict[tuple[str, str], Json] = {}
    for each in listed if isinstance(listed, list) else ():
        key = _reference(each)
        # of two with one id, one that says something
        if key is not None and (key not in included or _object(each, "attributes")):
            included[key] = each
    return Document(value["data"], included, _object(value, "meta"))


def membership_of(resource: object, included: Mapping[tuple[str, str], Json]) -> Membership:
    """Raises UnreadableBody for a resource that is no member with an id."""
    key = _reference(resource)
    if key is None or key[0] != "member":
        raise UnreadableBody("not a member with an id")
    attributes = _object(resource, "attributes")
    patreon_id = _related_one(resource, "user", "user")
    return Membership(
        member_id=key[1],
        patreon_id=patreon_id,
        campaign_id=_related_one(resource, "campaign", "campaign"),
        discord_id=ABSENT if isinstance(patreon_id, Absent) else _discord_id(included.get(("user", patreon_id))),
        status=_status(attributes),
        tiers=_tiers(resource, included),
        entitled_cents=_cents(attributes, "currently_entitled_amount_cents"),
        will_pay_cents=_cents(attributes, "will_pay_amount_cents"),
        lifetime_cents=_lifetime(attributes),
        charge_status=_word(attributes, "last_charge_status"),
        charged_at=_instant(attributes, "last_charge_date"),
        next_charge_at=_instant(attributes, "next_charge_date"),
        pledged_at=_instant(attributes, "pledge_relationship_start"),
    )


def tier_of(resource: object) -> Tier | None:
    """None for what is no tier."""
    key = _reference(resource)
    if key is None or key[0] != "tier":
        return None
    attributes = _object(resource, "attributes")
    title, amount, roles = (attributes.get(name) for name in ("title", "amount_cents", "discord_role_ids"))
    return Tier(
        key[1],
        _title(title),
        amount if _is_whole(amount) else None,
        tuple(filter(None, map(_snowflake, roles))) if isinstance(roles, list) else (),
    )


def _tiers(resource: object, included: Mapping[tuple[str, str], Json]) -> tuple[Tier, ...] | Absent:
    relation = _object(_object(resource, "relationships"), "currently_entitled_tiers")
    listed = relation.get("data")
    if not isinstance(listed, list):
        return ABSENT
    found: dict[str, Tier] = {}
    for each in listed:
        key = _reference(each)
        if key is None or key[0] != "tier":
            # an entitlement that we cannot name: better nothing than a tier too few
            return ABSENT
        found[key[1]] = tier_of(included.get(key)) or Tier(key[1])
    return tuple(sorted(found.values(), key=lambda tier: tier.id))


def _discord_id(user: Json | None) -> str | Absent | None:
    """Of the linked account. It is present only where `social_connections` has a key for Discord."""
    connections = _object(user, "attributes").get("social_connections")
    if not isinstance(connections, dict) or "discord" not in connections:
        return ABSENT
    linked = connections["discord"]
    if linked is None:
        return None
    if not isinstance(linked, dict) or "user_id" not in linked:
        return ABSENT
    return None if linked["user_id"] is None else _snowflake(linked["user_id"]) or ABSENT


def _related_one(resource: object, name: str, kind: str) -> str | Absent:
    key = _reference(_object(_object(resource, "relationships"), name).get("data"))
    return key[1] if key is not None and key[0] == kind else ABSENT


def _reference(value: object) -> tuple[str, str] | None:
    """Type and id; None where there are none that we can take."""
    if not isinstance(value, dict):
        return None
    kind, id_ = value.get("type"), _text_of_id(value.get("id"))
    return (kind, id_) if isinstance(kind, str) and id_ is not None else None


def _text_of_id(value: object) -> str | None:
    text = str(value) if _is_whole(value) else value
    return text if isinstance(text, str) and _ID.fullmatch(text) else None


def _snowflake(value: object) -> str | None:
    text = str(value) if _is_whole(value) else value
    fits = isinstance(text, str) and _SNOWFLAKE.fullmatch(text) and int(text) <= LARGEST_SNOWFLAKE
    return str(text) if fits else None


def _title(value: object) -> str | None:
    """As people read it: no line breaks or other control characters in it."""
    if not isinstance(value, str):
        return None
    return " ".join("".join(each if each.isprintable() else " " for each in value).split()) or None


def _word(attributes: Json, name: str) -> str | Absent | None:
    """A status. What does not look like one is absent: the name of a person cannot come in here."""
    value = attributes.get(name, ABSENT)
    return value if value is None or (isinstance(value, str) and _WORDS.fullmatch(value)) else ABSENT


def _status(attributes: Json) -> str | Absent | None:
    """One that nobody documented is absent too: taken for an end, it would take a tier from somebody who pays."""
    status = _word(attributes, "patron_status")
    return status if status in (ACTIVE, DECLINED, FORMER, None) else ABSENT


def _cents(attributes: Json, name: str) -> int | Absent | None:
    value = attributes.get(name, ABSENT)
    return value if value is None or _is_whole(value) else ABSENT


def _lifetime(attributes: Json) -> int | Absent | None:
    """Under its name, or under the one that it had before."""
    total = _cents(attributes, "campaign_lifetime_support_cents")
    return _cents(attributes, "lifetime_support_cents") if isinstance(total, Absent) else total


def _instant(attributes: Json, name: str) -> datetime | Absent | None:
    value = attributes.get(name, ABSENT)
    if value is None:
        return None
    try:
        return parse_instant(value)
    except InvalidEvent:
        return ABSENT


def _object(value: object, name: str) -> Json:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def tiers_in(included: Mapping[tuple[str, str], Json]) -> Iterator[Tier]:
    """Every tier that the document describes."""
    for (kind, _), resource in included.items():
        tier = tier_of(resource) if kind == "tier" else None
        if tier is not None:
            yield tier
