"""Seals are made and proven by every version of PostgreSQL that there are programs for."""

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.projections.testing.histories import joined
from tests.clusters import INSTALLED_BY_CI, cluster, programs
from tests.erasure.builders import PERSON, erased
from tests.seals.builders import found, seal, sealed, tampered


@pytest.mark.parametrize("major", [each for each in INSTALLED_BY_CI if programs(each) is not None])
def test_a_sealed_log_is_proven_and_a_change_is_named(major: int) -> None:
    with cluster(major) as running:
        database = Database(running.dsn())
        bring_up_to_date(database)
        ledger = sealed(database, 6)
        ledger.given(joined(PERSON))
        ledger.catch_up()
        seal(database)
        erased(database)
        assert found(database) == []
        tampered(database, "update webhook_audit_log set source = 'y' where id = 5")
        assert found(database) == [("changed", 5, 5)]
