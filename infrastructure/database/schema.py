"""A database brought up to date: migrations, then the tables and checkpoints of the projections that are installed."""

from collections.abc import Iterable
from dataclasses import dataclass

from temple_ledger.infrastructure.database.canon import install
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.effects import install_effects
from temple_ledger.infrastructure.database.migrations import migrate
from temple_ledger.infrastructure.database.roles import grants_of_older_logins
from temple_ledger.infrastructure.database.rollups import make_rollups
from temple_ledger.infrastructure.database.shadow_tables import make_shadow_tables
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.tables import make_tables
from temple_ledger.projections.checkpoint import UNFILLED
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import installed


@dataclass(frozen=True)
class Changed:
    """`grants` is SQL to type, for logins that were granted fewer roles than there are now; only after an upgrade.

    `unfilled` are projections that are new beside others that have folded events: a replay fills their tables.
    """

    migrations: tuple[str, ...]
    tables: tuple[str, ...]
    grants: tuple[str, ...] = ()
    unfilled: tuple[str, ...] = ()


def bring_up_to_date(database: Database, projections: Iterable[Projection] | None = None) -> Changed:
    """Idempotent; several processes may call it at once. Raises SchemaMismatch, DatabaseUnavailable."""
    migrations = migrate(database)
    made: list[str] = []
    unfilled: list[str] = []
    wanted = installed().values() if projections is None else projections
    with database.connect(DatabaseRole.OWNER, application="temple migrate") as connection, connection.transaction():
        # two of us at once would both find a table missing
        connection.execute("lock table projection_checkpoint in share row exclusive mode")
        for projection in wanted:
            made += make_tables(connection, projection)
            make_shadow_tables(connection, projection)
            made += make_rollups(connection, projection)
            created = connection.execute(statement("checkpoint_create"), projection.key.parameters).fetchone()
            if created is not None and created[0] == UNFILLED:
                unfilled.append(projection.name)
            made += install_effects(connection, projection)
        install(connection)
        grants = grants_of_older_logins(connection) if migrations else ()
    return Changed(tuple(migrations), tuple(made), tuple(grants), tuple(unfilled))
