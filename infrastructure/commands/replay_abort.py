"""`temple replay --abort`: what a killed replay has left is cleared up."""

from collections.abc import Sequence

from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.database.shadow_tables import have_older_columns, make_shadow_tables
from temple_ledger.infrastructure.read_models.rebuild import progress as notes
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.projections.placing import placed_as
from temple_ledger.projections.processor import Projection


def abort_replays(session: Session, wanted: Sequence[Projection]) -> int:
    with session.database.connect(DatabaseRole.PROJECT, application="temple replay") as connection:
        for projection in wanted:
            projection = placed_as(projection, active=True)
            was_there = notes.abort(connection, projection)
            if have_older_columns(connection, projection):
                was_there = True
                with session.database.connect(DatabaseRole.OWNER, application="temple replay") as owner:
                    make_shadow_tables(owner, projection)
            print_line(f"{projection.name}: {'cleared up' if was_there else 'nothing to clear up'}")
    return ExitCode.OK
