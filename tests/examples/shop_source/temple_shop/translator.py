"""From the shop's deliveries to events: an order that is paid gives the role, a refund takes it away."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import psycopg

from temple_ledger import InboxDelivery, LogEntry, Outcome, RoleAdded, RoleRemoved, Translation, entry_of_event
from temple_shop.orders import save

ORDERS = UUID("0d9b4c52-51a7-4f6e-9a83-0f2f8f3f7c64")
"""Made once with uuid4, and never changed: it is what makes our event_ids ours."""


class ShopTranslator:
    source = "shop"

    def __init__(self, role: str) -> None:
        self._role = role

    def translate(self, connection: psycopg.Connection[Any], delivery: InboxDelivery) -> Translation:
        try:
            found = json.loads(delivery.body)
            what, number, buyer = str(found["event"]), str(found["order"]), str(found["buyer"])
            at = datetime.fromisoformat(found["at"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return Translation(state=Outcome.UNPARSEABLE)
        if what not in ("paid", "refunded"):
            return Translation(state=Outcome.SET_ASIDE, note="neither paid nor refunded")
        save(connection, number, refunded=what == "refunded")
        event_type = RoleAdded if what == "paid" else RoleRemoved
        event = event_type(user_id=buyer, occurred_at=at, source=self.source, role=self._role)
        return Translation([entry_of_event(event, event_id=uuid5(ORDERS, f"{number}/{what}"))])

    def due(self, connection: psycopg.Connection[Any], now: datetime) -> Sequence[LogEntry]:
        return []
