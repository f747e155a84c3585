"""Patreon's deliveries, one after the other, into events: docs/patreon.md says by which rules."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import psycopg

from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.instant import format_instant, parse_instant
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.delivery import InboxDelivery
from temple_ledger.infrastructure.ingestion.inbox.translator import Outcome, Translation
from temple_ledger.infrastructure.sources.patreon import store
from temple_ledger.infrastructure.sources.patreon.acceptance import GIVE_UP_AFTER, Provenance
from temple_ledger.infrastructure.sources.patreon.membership import Membership
from temple_ledger.infrastructure.sources.patreon.membership_event import SOURCE
from temple_ledger.infrastructure.sources.patreon.observe import Report, observe
from temple_ledger.infrastructure.sources.patreon.strict_json import UnreadableBody
from temple_ledger.infrastructure.sources.patreon.unread import describe_unread
from temple_ledger.infrastructure.sources.patreon.webhook_body import DELETED, Aside, Described, read_body

Connection = psycopg.Connection[Any]

ASKED_AT: Final = "asked_at"
"""The detail of a delivery that is an answer to a question of ours: when it was asked. No sender can set it."""
READ: Final = "members:read"
GONE: Final = "members:gone"
"""The kinds of an answer; the second says that there is no such membership."""

MOST_GIVEN_UP: Final = 200


class PatreonTranslator:
    """*asks*: somebody asks Patreon about what is doubted (recheck.py). With *campaigns*, a body that says it is of
    another one is set aside."""

    source: Final = SOURCE

    def __init__(self, *, asks: bool, campaigns: Collection[str] = ()) -> None:
        self._asks = asks
        self._campaigns = campaigns

    def translate(self, connection: Connection, delivery: InboxDelivery) -> Translation:
        return _translate(connection, delivery, asks=self._asks, campaigns=self._campaigns)

    def due(self, connection: Connection, now: datetime) -> Sequence[LogEntry]:
        """What was to be asked, and nobody answered in time."""
        before = now - GIVE_UP_AFTER if self._asks else now
        values = {"before": before, "limit": MOST_GIVEN_UP}
        found = connection.execute(statement("patreon_given_up"), values, prepare=True).fetchall()
        if not found:
            return []
        connection.execute(statement("patreon_doubts_drop"), {"member_ids": [member_id for member_id, _ in found]})
        entries: list[LogEntry] = []
        for delivery in _deliveries(connection, [id_ for _, id_ in found if id_ is not None]):
            entries += _translate(connection, delivery, asks=False).entries
        return entries


def _translate(
    connection: Connection, delivery: InboxDelivery, *, asks: bool, campaigns: Collection[str] = ()
) -> Translation:
    try:
        described = _described(delivery)
    except UnreadableBody as error:
        return Translation((), Outcome.UNPARSEABLE, str(error))
    if isinstance(described, Aside):
        return Translation((), Outcome.SET_ASIDE, described.note)
    campaign = described.membership.campaign_id
    if campaigns and isinstance(campaign, str) and campaign not in campaigns:
        return Translation((), Outcome.SET_ASIDE, f"it is of campaign {campaign}, which is not this ledger's")
    if described.unread:
        store.count_delivery(connection, store.UNREAD, delivery.received_at)
    store.save_described_tiers(connection, described.tiers, delivery.received_at)
    observed = observe(connection, [Report(described.membership, _provenance(delivery, asks=asks))])
    decision = observed.decided[0].decision
    if decision is None:
        return Translation((), Outcome.SET_ASIDE, _note("whose membership it is, it does not say", described.unread))
    if decision.stale:
        store.count_delivery(connection, store.STALE, delivery.received_at)
    outcome = Outcome.SET_ASIDE if decision.set_aside else Outcome.TRANSLATED
    return Translation(observed.entries, outcome, _note(decision.note, described.unread))


def _note(decided: str | None, unread: Sequence[str]) -> str | None:
    parts = [each for each in (decided, describe_unread(unread) if unread else None) if each is not None]
    return "; ".join(parts) or None


def _described(delivery: InboxDelivery) -> Described | Aside:
    if ASKED_AT in delivery.details and delivery.kind == GONE:
        return Described(Membership(delivery.details["member_id"], tiers=(), entitled_cents=0), ())
    return read_body(delivery.kind, delivery.body)


def _provenance(delivery: InboxDelivery, *, asks: bool) -> Provenance:
    asked_at = _asked_at(delivery.details)
    return Provenance(
        at=asked_at or delivery.received_at,
        read=asked_at is not None,
        deleted=delivery.kind == (DELETED if asked_at is None else GONE),
        asks=asks,
        delivery=delivery.id,
    )


def _asked_at(details: Mapping[str, Any]) -> datetime | None:
    try:
        return parse_instant(details[ASKED_AT]) if ASKED_AT in details else None
    except InvalidEvent:
        return None


def asked_details(asked_at: datetime, member_id: str) -> dict[str, str]:
    """Of the delivery that an answer is stored as."""
    return {ASKED_AT: format_instant(asked_at), "member_id": member_id}


def _deliveries(connection: Connection, ids: Sequence[int]) -> list[InboxDelivery]:
    rows = connection.execute(statement("patreon_doubted_deliveries"), {"ids": list(ids)})
    return [
        InboxDelivery(SOURCE, kind, body, digest, received_at, origin, json.loads(details), id=id_)
        for id_, kind, body, digest, received_at, origin, details in rows
    ]
