"""What there is of a person."""

from collections.abc import Sequence
from dataclasses import dataclass

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import UnknownMember
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.table_queries import count_rows
from temple_ledger.infrastructure.read_models.erasure.person import (
    PersonalTables,
    ids_of_person,
    require_person,
    require_person_of_ledger,
)
from temple_ledger.infrastructure.read_models.erasure.search import as_owner, number
from temple_ledger.infrastructure.read_models.retraction import untouched_projections
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.projections.processor import Projection


@dataclass(frozen=True)
class ErasurePreview:
    """What there is of a person. `own` events are about them, in `others` they are named, as the actor for example.

    `rows` are about them in tables of sources. `untranslated` of the `deliveries` were not read yet, and never will be.
    `resumed`: an erasure was begun before. `not_folded` are projections whose rows this process cannot fold: there ids
    are replaced in the rows themselves. `not_reached` are tables that belong to somebody else.
    """

    ids: Sequence[str]
    own: int
    others: int
    deliveries: int
    rows: int
    untranslated: int
    resumed: bool
    not_folded: Sequence[str]
    not_reached: Sequence[str]

    @property
    def empty(self) -> bool:
        return not (self.own or self.others or self.deliveries or self.rows or self.resumed)


def preview_erasure(
    database: Database,
    user_id: str,
    projections: Sequence[Projection],
    personal: PersonalTables,
    *,
    catalogue: Catalogue,
) -> ErasurePreview:
    """Changes nothing. Raises Refused for what is no person, and UnknownMember where there is nothing of the id."""
    require_person(user_id)
    with as_owner(database) as connection:
        words, resumed = ids_of_person(connection, [user_id], personal)
        own = number(connection, "erasure_own_count", words=words)
        if not resumed:
            require_person_of_ledger(connection, words, own)
        others = number(connection, "erasure_named_count", words=words)
        row = connection.execute(statement("erasure_inbox_count"), {"words": words}).fetchone()
        deliveries, untranslated = row if row is not None else (0, 0)
        rows = count_rows(connection, personal.columns, words)
        checkpoints = read_checkpoints(connection)
        not_folded = untouched_projections(projections, checkpoints, catalogue)
        not_reached = [name for (name,) in connection.execute(statement("erasure_foreign_tables"))]
    preview = ErasurePreview(words, own, others, deliveries, rows, untranslated, resumed, not_folded, not_reached)
    if preview.empty:
        raise UnknownMember(user_id)
    return preview
