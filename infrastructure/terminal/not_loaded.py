"""Packages that this process cannot load: said by every command that goes on without them."""

from collections.abc import Sequence

from temple_ledger.infrastructure.observability.redaction import scrubbed
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.projections.packages import NotLoaded
from temple_ledger.projections.registry import not_loaded


def print_not_loaded(session: Session, events: str = "everything else goes on") -> Sequence[NotLoaded]:
    """On stderr, a line each; *events* is what follows for a list of event types."""
    failed = not_loaded()
    for each in failed:
        what_follows = events if each.kind == "events" else "everything else goes on"
        session.note(f"{scrubbed(str(each))}; {what_follows}")
    return failed
