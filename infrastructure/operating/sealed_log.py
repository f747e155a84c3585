"""Before tables are made from the log on somebody's word: whether it is what was sealed."""

from typing import Final

from temple_ledger.domain.errors import LogChanged
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.processes.sealing import head_file
from temple_ledger.infrastructure.seals.head import Head
from temple_ledger.infrastructure.seals.head_file import read_heads
from temple_ledger.infrastructure.seals.proof import prove
from temple_ledger.infrastructure.settings import Settings

NEWEST_HEADS: Final = 10_000


def require_sealed(database: Database, settings: Settings) -> None:
    """Of the whole log. One that was restored to an earlier point is a whole prefix, and holds. Raises LogChanged."""
    proof = prove(database, anew=True, heads=_noted(settings))
    if proof.changed and proof.shortened_to is None:
        raise LogChanged(f"{proof.sentence}; nothing was changed here. Runbook LedgerTampered says what to do")


def _noted(settings: Settings) -> list[Head]:
    try:
        return list(read_heads(head_file(settings))[-NEWEST_HEADS:])
    except OSError:
        return []
