"""What `temple discord snapshot` and `temple patreon snapshot` show of a snapshot, and what became of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from temple_ledger.infrastructure.ingestion.snapshots.guard import is_short_of_count, most_at_risk
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import Snapshot
from temple_ledger.infrastructure.terminal.session import Session, print_json, print_rows
from temple_ledger.infrastructure.terminal.text import plural

COLUMNS: Final = ("class", "user_id", "field", "ours", "theirs", "events")


def show_json(taken: Snapshot, found: Sequence[Mapping[str, Any]], outcome: Mapping[str, Any]) -> None:
    print_json({**taken._asdict(), **outcome, "found": found})


def show(
    session: Session,
    taken: Snapshot,
    found: Sequence[Mapping[str, Any]],
    outcome: Mapping[str, Any],
    *,
    source: str,
    one: str,
    risk: str,
) -> None:
    """*one* of what it is a snapshot of, and who is at *risk* of what, in the words of the source."""
    if found:
        print_rows(found, COLUMNS, as_json=False)
    differences = ", ".join(f"{number:,} {kind}" for kind, number in taken.differences.items()) or "nothing differs"
    counted = f" (about {taken.counted:,} counted by {source.capitalize()})" if taken.counted is not None else ""
    click.echo(f"snapshot {taken.id}: {plural(taken.members, one)}{counted}, {differences}")
    if outcome["applied"]:
        click.echo(f"{plural(outcome['appended'], 'event')} appended")
    elif taken.differences and not outcome.get("held"):
        told = f"; {risk}" if taken.at_risk else ""
        flags = " --accept-count" if is_short_of_count(taken) else ""
        flags += " --confirm" if taken.at_risk > most_at_risk(taken.known) else ""
        session.say(f"nothing was changed{told}; to append it: temple {source} snapshot --apply{flags}")
