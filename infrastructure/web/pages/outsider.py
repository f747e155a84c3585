"""The page of somebody about whom there is no event: a moderator who only gave roles, say, or who only operated here.

Whoever a page names has a page of their own.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from temple_ledger.infrastructure.database.pool import Connection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.attribution import whole_facts
from temple_ledger.infrastructure.queries.events import EventFilter, newest
from temple_ledger.infrastructure.web.asked import Asked
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.pages.happenings import as_listing, happenings, people_of

SHOWN: Final = 60
LONGEST_ACTOR: Final = 100
"""Characters of who did something, as far as the log compares them."""
SPAN: Final = timedelta(days=7)
"""How far back from the last thing that they did: a bot may have done most of what there is."""


def is_named(connection: Connection, user_id: str) -> bool:
    """Whether somebody did something, or is signed in, under this id."""
    row = connection.execute(statement("web_is_named"), {"user_id": user_id}).fetchone()
    return row == (True,)


def last_acted(connection: Connection, user_id: str) -> datetime | None:
    """When somebody did something for the last time; None where they never did."""
    row = connection.execute(statement("web_last_acted"), {"user_id": user_id}).fetchone()
    return None if row is None else row[0]


def outsider(console: Console, connection: Connection, user_id: str, asked: Asked) -> Page:
    _, narrator = console.narrator(connection)
    acted = last_acted(connection, user_id)
    facts = []
    if acted is not None:
        picked = EventFilter(by=user_id[:LONGEST_ACTOR], since=acted - SPAN)
        facts = whole_facts(connection, newest(connection, picked, limit=SHOWN)[::-1])
    found = happenings(connection, console, narrator, facts)
    data: dict[str, Any] = {
        "user_id": user_id,
        "found": found,
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    title = console.names.of([user_id]).get(user_id)
    people = {user_id, *people_of(found)}
    name = user_id if title is None else title.name
    return Page("outsider.html", name, "members", data, people, as_listing(found, None))
