"""A quick verify that stores nothing."""

from typing import Any

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.read_models.member_log.walk import one_snapshot, snapshot_connection
from temple_ledger.infrastructure.read_models.verification.since_last import SinceLast, verify_since_last
from temple_ledger.projections.processor import Projection


def since_last(database: Database, projection: Projection, **options: Any) -> SinceLast:
    """Of the projection as it stands in one snapshot; *options* are those of `verify_since_last`."""
    with (
        snapshot_connection(database, application="a test") as log,
        snapshot_connection(database, application="a test") as tables,
        one_snapshot(log, tables) as snapshot,
    ):
        return verify_since_last(snapshot, projection, **{"catalogue": CATALOGUE, **options})
