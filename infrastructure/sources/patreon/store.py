"""The stored state, read from its tables and written back: sets of rows, one statement for each kind."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.sources.patreon.entitlement import entitlement_of
from temple_ledger.infrastructure.sources.patreon.membership import Tier
from temple_ledger.infrastructure.sources.patreon.model import (
    Cause,
    Doubt,
    Link,
    MembershipState,
    PaymentStatus,
    PublishedTier,
    tiers_as_json,
    tiers_of_json,
)

Connection = psycopg.Connection[Any]

STALE: Final = "stale"
"""Set aside because it looks older than what is known."""
UNREAD: Final = "unread fields"
"""With fields that are not in a form that Patreon documents."""

_COLUMNS: Final = (
    "member_id",
    "patreon_id",
    "changed_at",
    "campaign_id",
    "status",
    "tiers",
    "entitled_cents",
    "will_pay_cents",
    "lifetime_cents",
    "charge_status",
    "charged_at",
    "next_charge_at",
    "pledged_at",
    "deleted",
    "newest_charge_at",
    "newest_pledge_at",
    "tier_deleted",
)


def members(connection: Connection, member_ids: Collection[str]) -> dict[str, MembershipState]:
    rows = connection.execute(statement("patreon_members"), {"member_ids": list(member_ids)}, prepare=True)
    return {row[0]: _member(row) for row in rows}


def members_of(connection: Connection, user_ids: Collection[str]) -> Mapping[str, Sequence[MembershipState]]:
    """The memberships of each of these members of the ledger."""
    found: dict[str, list[MembershipState]] = defaultdict(list)
    rows = connection.execute(statement("patreon_members_of"), {"user_ids": list(user_ids)}, prepare=True)
    for user_id, *row in rows:
        found[user_id].append(_member(row))
    return found


def links(connection: Connection, patreon_ids: Collection[str]) -> dict[str, Link]:
    rows = connection.execute(statement("patreon_links"), {"patreon_ids": list(patreon_ids)}, prepare=True)
    return {row[0]: Link(*row) for row in rows}


def ids_of(connection: Connection, ids: Sequence[str]) -> list[str]:
    """Other ids of the persons who have these: members of the ledger, numbers and memberships of Patreon."""
    return [found for (found,) in connection.execute(statement("patreon_ids_of"), {"ids": list(ids)})]


def tiers(connection: Connection, tier_ids: Collection[str]) -> dict[str, Tier]:
    rows = connection.execute(statement("patreon_tiers"), {"tier_ids": list(tier_ids)}, prepare=True)
    return {row[0]: Tier(row[0], row[1], row[2], tuple(row[3])) for row in rows}


def persons(connection: Connection, user_ids: Collection[str], *, ask_log: bool = False) -> dict[str, PublishedTier]:
    """What was published last. *ask_log*: what the log says itself, whoever appended it."""
    values = {"user_ids": list(user_ids), "ask_log": ask_log}
    rows = connection.execute(statement("patreon_persons"), values, prepare=True)
    found = (_person(row) for row in rows)
    return {each.user_id: each for each in found if each is not None}


def save_members(connection: Connection, rows: Iterable[MembershipState]) -> None:
    _save(connection, "patreon_members_save", map(row_of_member, rows))


def save_links(connection: Connection, rows: Iterable[Link]) -> None:
    _save(connection, "patreon_links_save", (row._asdict() for row in rows))


def save_persons(connection: Connection, rows: Iterable[PublishedTier]) -> None:
    _save(connection, "patreon_persons_save", (row._asdict() for row in rows))


def save_tiers(connection: Connection, rows: Iterable[Tier], seen_at: datetime) -> None:
    listed = (
        {
            "tier_id": tier.id,
            "title": tier.title,
            "amount_cents": tier.amount_cents,
            "roles": list(tier.roles),
            "seen_at": seen_at,
        }
        for tier in rows
    )
    _save(connection, "patreon_tiers_save", listed)


def save_described_tiers(connection: Connection, included: Iterable[Tier], at: datetime) -> None:
    """Titles and prices, for bodies that only name a tier; the roles, for `temple patreon mismatches`."""
    described = {tier.id: tier for tier in included if tier.title is not None and tier.amount_cents is not None}
    if described:
        known = tiers(connection, described)
        save_tiers(connection, [tier for tier in described.values() if known.get(tier.id) != tier], at)


def count_delivery(connection: Connection, outcome: str, received_at: datetime) -> None:
    """One more with this outcome."""
    values = {"outcome": outcome, "received_at": received_at}
    connection.execute(statement("patreon_delivery_counted"), values, prepare=True)


def put(connection: Connection, name: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """The number that the statement returns."""
    values = {"rows": json.dumps(list(rows), default=_plain)}
    row = connection.execute(statement(name), values, prepare=True).fetchone()
    return 0 if row is None else int(row[0])


def _save(connection: Connection, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    listed = list(rows)
    if listed:
        connection.execute(statement(name), {"rows": json.dumps(listed, default=_plain)}, prepare=True)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


def _member(row: Sequence[Any]) -> MembershipState:
    """A row of patreon_members, whose columns are the fields of a member, and then the doubt."""
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=False))
    cause, since, look_again_at, delivery = row[len(_COLUMNS) :]
    values["tiers"] = tiers_of_json(values["tiers"])
    return MembershipState(
        **values, doubt=None if cause is None else Doubt(Cause(cause), since, look_again_at, delivery)
    )


def row_of_member(member: MembershipState) -> dict[str, Any]:
    entitlement = entitlement_of(member)
    doubt = member.doubt
    return {
        **{name: value for name, value in vars(member).items() if name not in ("tiers", "doubt")},
        "tiers": tiers_as_json(member.tiers),
        "standing": entitlement.standing.value,
        "tier_id": None if entitlement.tier is None else entitlement.tier.id,
        "doubt": None if doubt is None else doubt.cause.value,
        "doubted_at": None if doubt is None else doubt.since,
        "look_again_at": None if doubt is None else doubt.look_again_at,
        "doubted_delivery": None if doubt is None else doubt.delivery,
    }


def _person(row: Sequence[Any]) -> PublishedTier | None:
    user_id, standing, tier_id, tier, transition_id, told_at, *last = row
    event_id = last[0]
    if event_id is None or event_id == transition_id:
        return (
            None
            if transition_id is None
            else PublishedTier(user_id, PaymentStatus(standing), tier_id, tier, transition_id, told_at)
        )
    _, action, target, last_tier_id, last_standing, timestamp = last
    # the chain of ids goes on from what the log has
    return PublishedTier(user_id, _standing(action, target, last_standing), last_tier_id, target, event_id, timestamp)


def _standing(action: str, target: str | None, noted: str | None) -> PaymentStatus:
    """Of an event that somebody else may have appended."""
    if noted in list(PaymentStatus):
        return PaymentStatus(noted)
    match action:
        case "ended":
            return PaymentStatus.NONE
        case "declined":
            return PaymentStatus.DECLINED
        case _:
            return PaymentStatus.NONE if target is None else PaymentStatus.PAYING
