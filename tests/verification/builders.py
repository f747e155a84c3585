"""A quick verify that stores nothing."""

from typing import Any

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.read_models.member_log.walk import snapshot_connection
from temple_ledger.infrastructure.read_models.verification.since_last import SinceLast, verify_since_last
from temple_ledger.projections.processor import Projection


def since_last(database: Database, projection: Projection, **options: Any) -> SinceLast:
    with snapshot_connection(database, application="a test") as connection:
        return verify_since_last(connection, projection, catalogue=CATALOGUE, **options)
