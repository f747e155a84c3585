"""The first example of docs/writing-an-adapter.md: a shop that sells a role and has an id for each order."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from temple_ledger import Appended, EventConflict, LogAppender, LogEntry, RoleAdded, entry_of_event

SOURCE = "shop"
ORDERS = UUID("7a3f6f0e-52a9-4c55-9e0f-3a6f0c6f2b11")
"""Made once with uuid4, and never changed: it is what makes our event_ids ours."""


class Order(NamedTuple):
    number: str
    buyer: str
    role: str
    paid_at: datetime


def entry_of(order: Order) -> LogEntry:
    """Raises pydantic's ValidationError for a field that is wrong, InvalidEvent for what the log does not accept."""
    event = RoleAdded(user_id=order.buyer, occurred_at=order.paid_at, source=SOURCE, role=order.role, granted_by="shop")
    return entry_of_event(event, event_id=uuid5(ORDERS, order.number), notes={"order": order.number})


def append_orders(orders: list[Order], appender: LogAppender) -> tuple[int, list[EventConflict]]:
    """How many were new, and which orders are in the log with another content."""
    outcomes = appender.append_many([entry_of(order) for order in orders])
    added = sum(isinstance(each, Appended) and each.added for each in outcomes)
    return added, [each for each in outcomes if isinstance(each, EventConflict)]
