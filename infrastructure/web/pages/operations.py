"""`/operations` and `/operations/ID`: who did what to the ledger, and why; of a repair the rows before and after."""

from collections.abc import Sequence
from typing import Any, Final

from temple_ledger.infrastructure.queries.operations import JournalEntry, operation, operations
from temple_ledger.infrastructure.web.asked import Asked
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.listing import Listing
from temple_ledger.infrastructure.web.sign_in import account_of

COLUMNS: Final = ("id", "performed_at", "kind", "projection", "performed_by", "login", "reason")


def journal(console: Console, asked: Asked) -> Page:
    name = asked.text("projection")
    with console.reading() as connection:
        found = operations(connection, projection=name, before=asked.number("before"), limit=asked.rows + 1)
    page = found[: asked.rows]
    following = asked.url(before=page[-1].id) if len(found) > len(page) else None
    data: dict[str, Any] = {
        "found": page,
        "projection": name,
        "following": following,
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    live = asked.number("before") is None
    return Page("operations.html", "Journal", "operations", data, _people(page), _listing(page, following), live=live)


def entry(console: Console, asked: Asked) -> Page:
    with console.reading() as connection:
        found = operation(connection, asked.position())
    data: dict[str, Any] = {"found": found, "json": asked.url(format="json")}
    rows = [{**{column: getattr(found, column) for column in COLUMNS}, "details": found.details}]
    title = f"Journal, entry {found.id}"
    listing = Listing((*COLUMNS, "details"), rows)
    return Page("operation.html", title, "operations", data, _people([found]), listing, live=False)


def _listing(found: Sequence[JournalEntry], following: str | None) -> Listing:
    return Listing(COLUMNS, [{column: getattr(each, column) for column in COLUMNS} for each in found], following)


def _people(found: Sequence[JournalEntry]) -> set[str]:
    return {account for each in found if (account := account_of(each.performed_by))}
