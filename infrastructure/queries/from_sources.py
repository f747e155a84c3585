"""What sources contribute to answers about the whole ledger: who their bots are, and what their pages show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.sentence import Actor
from temple_ledger.infrastructure.queries.source_page import SourcePage


def _no_pages(connection: Connection) -> Sequence[SourcePage]:
    return ()


@dataclass(frozen=True)
class FromSources:
    """*actors* by id; *pages* are read as one who may read the ledger and no more."""

    actors: Mapping[str, Actor] = field(default_factory=dict)
    pages: Callable[[Connection], Sequence[SourcePage]] = _no_pages
