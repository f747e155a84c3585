"""`/inbox` and `/inbox/ID`: what senders sent, and what became of it."""

from typing import Any, Final

from temple_ledger.infrastructure.ingestion.inbox.administration import Chosen, deliveries, delivery
from temple_ledger.infrastructure.ingestion.inbox.delivery import DeliveryState
from temple_ledger.infrastructure.ingestion.inbox.health import sources
from temple_ledger.infrastructure.web.asked import Asked
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.listing import Listing
from temple_ledger.infrastructure.web.rights import Right

COLUMNS: Final = (
    *("id", "source", "kind", "origin", "received_at", "state", "size", "repeats", "last_received_at"),
    *("translated_at", "note"),
)
STATES: Final = {state.value: state.value.replace("_", " ") for state in DeliveryState}
MOST_SHOWN: Final = 200_000
"""Characters of a body."""


def inbox(console: Console, asked: Asked) -> Page:
    state, source, kind = asked.one_of("state", STATES), asked.text("source"), asked.text("kind")
    chosen = Chosen(source, kind, None if state is None else DeliveryState(state))
    with console.reading() as connection:
        found = deliveries(connection, chosen, before=asked.number("before"), limit=asked.rows + 1)
        health = sources(connection)
    page = found[: asked.rows]
    following = asked.url(before=page[-1].id) if len(found) > len(page) else None
    data: dict[str, Any] = {
        "found": page,
        "sources": health,
        "states": STATES,
        "state": state,
        "source": source,
        "kind": kind,
        "senders": list(dict.fromkeys((*(each.source for each in health), *([source] if source else ())))),
        "following": following,
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    rows = [{column: getattr(each, column) for column in COLUMNS} for each in page]
    live = asked.number("before") is None
    return Page("inbox.html", "Inbox", "inbox", data, set(), Listing(COLUMNS, rows, following), live=live)


def one(console: Console, asked: Asked) -> Page:
    number = asked.position()
    with console.reading() as connection:
        found = delivery(connection, number)
    may_see = asked.may(Right.BODIES)
    body = console.sign_in.body(asked.session, number) if may_see else None
    text = None if body is None else body[: 4 * MOST_SHOWN].decode(errors="replace")[:MOST_SHOWN]
    data: dict[str, Any] = {"found": found, "body": text, "may_see": may_see, "json": asked.url(format="json")}
    rows = [{**{column: getattr(found, column) for column in COLUMNS}, "details": found.details}]
    listing = Listing((*COLUMNS, "details"), rows)
    return Page("delivery.html", f"Delivery {number}", "inbox", data, set(), listing, live=False)
