"""Packages that this process cannot load, or that have no tables: said by every command that goes on without them."""

from collections.abc import Iterable, Sequence

from temple_ledger.infrastructure.observability.redaction import scrubbed
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.packages import NotLoaded
from temple_ledger.projections.registry import not_loaded


def print_not_loaded(session: Session, events: str = "everything else goes on") -> Sequence[NotLoaded]:
    """On stderr, a line each; *events* is what follows for a list of event types."""
    failed = not_loaded()
    for each in failed:
        what_follows = events if each.kind == "events" else "everything else goes on"
        session.note(f"{scrubbed(str(each))}; {what_follows}")
    return failed


def print_without_tables(session: Session, keys: Iterable[ProjectionKey]) -> None:
    """On stderr, a line each."""
    for key in keys:
        session.note(f"{key} is installed, and has no tables yet; run: temple db migrate")
