"""`/NAME`: the page of a source, such as Patreon's."""

from typing import Any

from temple_ledger.domain.errors import UnknownName
from temple_ledger.infrastructure.database.pool import Connection
from temple_ledger.infrastructure.processes.sources import reason_of
from temple_ledger.infrastructure.queries.health import Trouble
from temple_ledger.infrastructure.queries.not_folded import NotFolded
from temple_ledger.infrastructure.queries.source_page import CellKind, SourcePage, SourceTable
from temple_ledger.infrastructure.sources.source import Source
from temple_ledger.infrastructure.web.asked import Asked
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.listing import Listing
from temple_ledger.infrastructure.web.parameters import BadQuestion


def source(console: Console, asked: Asked) -> Page:
    """Each table is paged by itself: `table` and `after` say which, and how many rows were shown."""
    name = asked.parameters["source"]
    found = next((each for each in console.sources.sources if each.name == name), None)
    if found is None:
        raise UnknownName("page", name)
    with console.reading() as connection:
        directory, _ = console.narrator(connection)
        page = _page(found, connection, console)
    if page is None:
        raise UnknownName("page", name)
    table, after = asked.one_of("table", {each.name: each.title for each in page.tables}), asked.number("after") or 0
    if after and table is None:
        raise BadQuestion("after goes with table: it is of one list of this page")
    chosen = next((each for each in page.tables if each.name == table), None)
    limit = asked.rows
    cut = {each.name: (after if each is chosen else 0) for each in page.tables}
    shown = {each.name: each.rows[cut[each.name] : cut[each.name] + limit] for each in page.tables}
    people = {
        str(row[column.name])
        for each in page.tables
        for row in shown[each.name]
        for column in each.columns
        if column.kind is CellKind.PERSON and row.get(column.name)
    }
    data: dict[str, Any] = {
        "page": page,
        "shown": shown,
        "first": cut,
        "following": {
            each.name: asked.url(table=each.name, after=cut[each.name] + limit)
            for each in page.tables
            if len(each.rows) > cut[each.name] + limit
        },
        "label": directory.label,
        "with_table": asked.url,
    }
    listing = None if not page.tables else _listing(chosen or page.tables[0], page.not_folded)
    return Page("source.html", page.title, name, data, people, listing)


def _page(found: Source, connection: Connection, console: Console) -> SourcePage | None:
    """One that fails has that for its only content: it is a source's own code."""
    try:
        with connection.transaction():
            return found.page(connection, console.settings)
    except Exception as error:  # noqa: BLE001 -- a source's own code, and the other pages go on
        what = f"source {found.name} cannot make its page: {reason_of(error)}"
        return SourcePage(found.name.capitalize(), (), [Trouble(what, "temple doctor")])


def _listing(table: SourceTable, behind: NotFolded | None) -> Listing:
    return Listing([column.name for column in table.columns], table.rows, not_folded=behind)
