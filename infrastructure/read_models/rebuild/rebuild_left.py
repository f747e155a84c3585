"""A replay that was ended early, taken up again."""

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.read_models.rebuild.ended_early import EndedEarly
from temple_ledger.infrastructure.read_models.rebuild.progress import Cut
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.projections.processor import Projection


def rebuild_left(database: Database, projection: Projection, catalogue: Catalogue, begun: EndedEarly) -> Rebuild:
    """What is left of it, as it was divided; from the beginning where nothing of that can be used any more."""
    rebuild = Rebuild(database, projection, catalogue=catalogue, cut=begun.cut)
    if rebuild.resumed or begun.cut is Cut.MEMBERS:
        return rebuild
    with rebuild:
        rebuild.clear()
    return Rebuild(database, projection, catalogue=catalogue)
