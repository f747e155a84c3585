"""A full verify from an archive finds what the one over the database finds."""

from pathlib import Path

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.archive.shared import shared_archive
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.engines.local import LocalEngine
from temple_ledger.infrastructure.read_models.member_log.walk import one_snapshot, snapshot_connection
from temple_ledger.infrastructure.read_models.verification.by_buckets import ByBuckets
from temple_ledger.infrastructure.read_models.verification.full import verify, verify_everybody
from temple_ledger.infrastructure.read_models.verification.result import Verified
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection
from tests.archive.builders import append, archived, at, everything
from tests.queries.builders import altered


@pytest.fixture
def ledger(ledger: LedgerScenario, folder: Path) -> LedgerScenario:
    """With members who are parked, and a tail behind the archive."""
    append(ledger.database, everything(1, 150), gap=True)
    archived(ledger.database, folder)
    append(ledger.database, everything(2, 30))
    ledger.catch_up()
    return ledger


def verified_by_buckets(database: Database, folder: Path, projection: Projection) -> Verified:
    elsewhere = ByBuckets(shared_archive(database, at(folder)), LocalEngine(database, 2), 2)
    with (
        snapshot_connection(database, application="temple verify") as log,
        snapshot_connection(database, application="temple verify") as tables,
        one_snapshot(log, tables) as snapshot,
    ):
        return verify_everybody(snapshot, projection, catalogue=CATALOGUE, elsewhere=elsewhere)


def place(drift: Drift) -> str:
    return str(drift)


ALTERED = (
    "delete from temple_member_status where user_id = (select max(user_id) from temple_member_status)",
    "insert into temple_member_status (user_id) values ('nobody')",
    "update temple_member_status set patreon_tier = 'Forged' where user_id like '%1'",
    "insert into discord_user_current_roles values ('ada', 'Forged', now(), 'x')",
    "update webhook_activity_hourly set events = events + 1 where action = 'left'",
    "insert into webhook_activity_hourly values (now(), 'forged', 'x', 'y', 3)",
)


@pytest.mark.parametrize("projection", BUILT_IN, ids=lambda each: each.name)
def test_it_finds_the_same(ledger: LedgerScenario, folder: Path, projection: Projection) -> None:
    assert verified_by_buckets(ledger.database, folder, projection).ok
    for each in ALTERED:
        altered(ledger.database, each)
    there = verify(ledger.database, projection, catalogue=CATALOGUE)
    here = verified_by_buckets(ledger.database, folder, projection)
    assert there.drifts > 0 or projection not in (members, activity)
    for found in (there, here):
        found.listed.sort(key=place)
        found.drifted.sort()
    assert here == there


def test_a_checkpoint_behind_the_archive_is_compared_as_of_there(ledger: LedgerScenario, folder: Path) -> None:
    append(ledger.database, everything(3, 20))
    archived(ledger.database, folder)
    for projection in (members, activity):
        assert verified_by_buckets(ledger.database, folder, projection).ok
