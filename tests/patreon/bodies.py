"""Bodies as Patreon sends them, of people who never were."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

MEMBER = "5c0e7a52-6f0e-4f4e-9f43-0a7a3c1d2e01"
OTHER_MEMBER = "5c0e7a52-6f0e-4f4e-9f43-0a7a3c1d2e02"
IRIS = "55501234"
OTHER = "55501235"
DISCORD = "500000000000000001"
OTHER_DISCORD = "500000000000000002"
CAMPAIGN = "7700001"

# ids that do not go up with prices
FREE = ("9100000", "Free", 0)
NOVICE = ("9100003", "Novice", 500)
ACOLYTE = ("9100002", "Acolyte", 1000)
ORACLE = ("9100001", "Oracle", 2500)
ROLES = {NOVICE[0]: ["400000000000000001"], ACOLYTE[0]: ["400000000000000002"], ORACLE[0]: ["400000000000000003"]}

START = datetime(2026, 8, 3, 9, 12, 44, tzinfo=UTC)

Tier = tuple[str, str, int]


def at(*, days: float = 0, minutes: float = 0) -> datetime:
    return START + timedelta(days=days, minutes=minutes)


def written(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="milliseconds")


def member_document(
    *tiers: Tier,
    member: str = MEMBER,
    user: str = IRIS,
    discord: str | object | None = DISCORD,
    status: str | None = "active_patron",
    charge: str | None = "Paid",
    charged: datetime | None = START,
    pledged: datetime | None = START,
    lifetime: int = 1000,
    will_pay: int | None = None,
    entitled: int | None = None,
    next_charge: datetime | None = None,
    included: bool = True,
    noise: str = "",
    without: Sequence[str] = (),
) -> dict[str, Any]:
    """`discord` anything but a text or None: nothing is said of it. `without` attributes and relationships."""
    cents = max((tier[2] for tier in tiers), default=0) if entitled is None else entitled
    attributes: dict[str, Any] = {
        "patron_status": status,
        "last_charge_status": charge,
        "last_charge_date": written(charged),
        "next_charge_date": written(next_charge),
        "pledge_relationship_start": written(pledged),
        "pledge_cadence": 1,
        "currently_entitled_amount_cents": cents,
        "will_pay_amount_cents": cents if will_pay is None else will_pay,
        "campaign_lifetime_support_cents": lifetime,
        "lifetime_support_cents": lifetime,
        "full_name": "Iris Novák",
        "email": "iris@example.org",
        "note": noise,
        "is_follower": False,
    }
    relationships: dict[str, Any] = {
        "address": {"data": None},
        "campaign": {"data": {"type": "campaign", "id": CAMPAIGN}},
        "currently_entitled_tiers": {"data": [{"type": "tier", "id": tier[0]} for tier in tiers]},
        "user": {"data": {"type": "user", "id": user}},
    }
    for name in without:
        attributes.pop(name, None)
        relationships.pop(name, None)
    connections: dict[str, Any] = {"twitch": None, "youtube": None}
    if discord is None or isinstance(discord, str):
        connections["discord"] = None if discord is None else {"user_id": discord, "url": None}
    return {
        "data": {"type": "member", "id": member, "attributes": attributes, "relationships": relationships},
        "included": [
            {"type": "campaign", "id": CAMPAIGN, "attributes": {"discord_server_id": "100000000000000001"}},
            *([tier_resource(tier) for tier in tiers] if included else []),
            {
                "type": "user",
                "id": user,
                "attributes": {"full_name": "Iris Novák", "vanity": None, "social_connections": connections},
            },
        ],
        "links": {"self": f"https://www.patreon.com/api/oauth2/v2/members/{member}"},
    }


def deleted_tier(tier: Tier, **said: Any) -> dict[str, Any]:
    """As Patreon describes a patron whose tier the creator deleted: the amount, and no tier."""
    return member_document(**({"entitled": tier[2]} | said))


def tier_resource(tier: Tier) -> dict[str, Any]:
    attributes = {"title": tier[1], "amount_cents": tier[2], "discord_role_ids": ROLES.get(tier[0]), "published": True}
    return {"type": "tier", "id": tier[0], "attributes": attributes}


def encoded(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


TEST_BODY = {
    "data": {
        "type": "member",
        "id": None,
        "attributes": {
            "patron_status": "active_patron",
            "pledge_amount_cents": 550,
            "campaign_pledge_amount_cents": 550,
            "campaign_currency": "USD",
            "access_expires_at": None,
            "last_charge_date": "2014-04-01T00:00:00.000+00:00",
        },
    },
    "included": [
        {"type": "user", "id": "32187", "attributes": {"full_name": "The Creator"}},
        {"type": "reward", "id": "-1", "attributes": {"title": "Everyone"}},
        {"type": "reward", "id": "0", "attributes": {"title": "Patrons Only"}},
    ],
}
