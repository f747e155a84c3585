"""What `temple discord snapshot` and `temple patreon snapshot` show of a snapshot, and what became of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from temple_ledger.infrastructure.ingestion.snapshots.guard import is_short_of_count, most_at_risk
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import Snapshot
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, print_json, print_rows
from temple_ledger.infrastructure.terminal.text import plural

COLUMNS: Final = ("class", "user_id", "field", "ours", "theirs", "events")


def show_json(taken: Snapshot, found: Sequence[Mapping[str, Any]], outcome: Mapping[str, Any]) -> None:
    print_json({**taken._asdict(), **outcome, "found": found})


def show_found(
    taken: Snapshot, found: Sequence[Mapping[str, Any]], *, source: str, one: str, err: bool = False
) -> None:
    """What differs; *one* of what it is a snapshot of, in the words of the source."""
    if found:
        print_rows(found, COLUMNS, as_json=False, err=err)
    differences = ", ".join(f"{number:,} {kind}" for kind, number in taken.differences.items()) or "nothing differs"
    counted = f" (about {taken.counted:,} counted by {source.capitalize()})" if taken.counted is not None else ""
    print_line(f"snapshot {taken.id}: {plural(taken.members, one)}{counted}, {differences}", err=err)


def show_outcome(session: Session, taken: Snapshot, outcome: Mapping[str, Any], *, source: str, risk: str) -> None:
    """What became of it; *risk* is who would lose what, in the words of the source."""
    if outcome["applied"]:
        print_line(f"{plural(outcome['appended'], 'event')} appended")
    elif taken.differences and not outcome.get("held"):
        at_risk = f"; {risk}" if taken.at_risk else ""
        flags = " --accept-count" if is_short_of_count(taken) else ""
        flags += " --confirm" if taken.at_risk > most_at_risk(taken.known) else ""
        session.note(f"nothing was changed{at_risk}; to append it: temple {source} snapshot --apply{flags}")
