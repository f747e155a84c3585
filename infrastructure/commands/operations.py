"""`temple operations`: the journal of what people did to the projections."""

from typing import Any

import click

from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.operations import JournalEntry, operation, operations
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_fields, print_rows

COLUMNS = ("id", "performed_at", "kind", "projection", "performed_by", "login", "reason")


@click.group("operations")
def command() -> None:
    """Who replayed, repaired, paused, resumed, retried, skipped or switched what, when and why."""


@command.command("list")
@click.option("--projection", metavar="NAME", help="Only of this projection.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="At most so many, newest first.")
@as_json
@click.pass_obj
def list_(session: Session, projection: str | None, limit: int, as_json: bool) -> None:
    """The newest operations: `performed by` is who says they did it, `login` the login of the database that did.

    \b
    Example:
      temple operations list --projection members
    """
    with snapshot(session.reading) as connection:
        found = operations(connection, projection=projection, limit=limit)
    print_rows([_row(entry) for entry in found], COLUMNS, as_json=as_json)


@command.command("show")
@click.argument("number", type=int)
@as_json
@click.pass_obj
def show(session: Session, number: int, as_json: bool) -> None:
    """One operation with its details: of a repair, the rows before and after.

    \b
    Example:
      temple operations show 12 --json
    """
    with snapshot(session.reading) as connection:
        entry = operation(connection, number)
    print_fields({**_row(entry), "details": entry.details}, as_json=as_json)


def _row(entry: JournalEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in COLUMNS}
