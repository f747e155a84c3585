"""Differences between a table and the log as people read them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from temple_ledger.domain.instant import in_utc
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory
from temple_ledger.infrastructure.terminal.event_rows import event_row
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import print_rows
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.members import ROLES

SHOWN: Final = 20
"""How many differences a person is shown; --json has the first thousand."""


def print_drifts(drifts: Sequence[Drift], directory: RoleDirectory, *, total: int) -> None:
    """The first of them, by table; *total* is how many there are."""
    shown = drifts[:SHOWN]
    for table in dict.fromkeys(drift.table for drift in shown):
        rows = [_row(drift, directory) for drift in shown if drift.table == table]
        columns = ("user_id", "what", "stored", "folded") if rows[0]["user_id"] else ("what", "stored", "folded")
        print_rows(rows, columns, as_json=False, title=table)
    if total > len(shown):
        print_line(f"  and {plural(total - len(shown), 'difference')} more; --json lists the first thousand")


def print_evidence(drifts: Sequence[Drift], behind: Sequence[Sequence[Recorded]], directory: RoleDirectory) -> None:
    """The events behind each of the differences that are shown."""
    for drift, events in list(zip(drifts, behind, strict=True))[:SHOWN]:
        what = f"{drift.user_id or drift.table}, {_what(drift, directory)}"
        if events:
            rows = [event_row(event, directory) for event in events]
            print_rows(rows, ("position", "timestamp", "event", "target"), as_json=False, title=what)
        else:
            print_line(f"{what}: no single event of the log is behind it")


def _row(drift: Drift, directory: RoleDirectory) -> dict[str, Any]:
    return {
        "user_id": drift.user_id,
        "what": _what(drift, directory),
        "stored": _side(drift, drift.stored),
        "folded": _side(drift, drift.folded),
    }


def _what(drift: Drift, directory: RoleDirectory) -> str:
    of = ", ".join(
        directory.label(value) if drift.table == ROLES.name and name == "role" else _text(value)
        for name, value in drift.key.items()
    )
    column = drift.column or drift.kind.value
    return f"{of}: {column}" if of else column


def _side(drift: Drift, value: Any) -> str | None:
    """A value; of a whole row, those that are not its key."""
    if isinstance(value, dict):
        return ", ".join(_text(each) for name, each in value.items() if name not in drift.key) or "a row"
    return None if value is None else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{in_utc(value):%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else str(value)
