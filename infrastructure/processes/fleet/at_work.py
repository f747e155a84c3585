"""The ledgers of a fleet at work in one process, from the first to the last, until somebody ends it."""

from collections.abc import Sequence

from temple_ledger.infrastructure.processes.fleet.ledger_thread import END_SECONDS, LedgerThread, end_all
from temple_ledger.infrastructure.terminal.service_manager import serve_until
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import Stop
from temple_ledger.infrastructure.terminal.text import listed, plural


def work_until(
    stop: Stop, session: Session, ledgers: Sequence[LedgerThread], *, does: str, end_seconds: float = END_SECONDS
) -> None:
    """Begins them all, and ends them together when *stop* is asked for; those that do not end in time are named.

    *does*: the first word of "folding 3 ledgers; Ctrl-C ends it".
    """
    session.note(f"{does} {plural(len(ledgers), 'ledger')}; Ctrl-C ends it")
    for ledger in ledgers:
        ledger.begin()
    serve_until(stop)
    left = end_all(ledgers, seconds=end_seconds)
    if left:
        session.note(f"{listed(list(left))} did not end in time")
