"""Everybody as of a moment: from an archive as from the database, and for each as `member show` says."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.archive.shared import shared_archive
from temple_ledger.infrastructure.engines.local import LocalEngine
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.everybody import everybody_then
from temple_ledger.infrastructure.queries.everybody_by_buckets import everybody_by_buckets
from temple_ledger.infrastructure.queries.member import MemberOverview
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at as day
from temple_ledger.projections.testing.histories import joined, role_added
from tests.archive.builders import append, archived, at, everything

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def ledger(ledger: LedgerScenario, folder: Path) -> LedgerScenario:
    append(ledger.database, everything(1, 150), gap=True)
    archived(ledger.database, folder)
    append(ledger.database, everything(2, 30))
    ledger.given(joined("zoe", day(1)), role_added("zoe", "Oracle", day(2), by="mod"))
    return ledger


@pytest.mark.parametrize(
    "moment",
    [
        AsOf(),
        AsOf(NEW_YEAR - timedelta(days=1)),
        *(AsOf(NEW_YEAR + timedelta(hours=hours)) for hours in (0, 3, 9, 100_000)),
        AsOf(None, datetime(2026, 1, 1, tzinfo=UTC)),
    ],
    ids=str,
)
def test_from_an_archive_it_is_the_same(ledger: LedgerScenario, folder: Path, moment: AsOf) -> None:
    archive, engine = shared_archive(ledger.database, at(folder)), LocalEngine(ledger.database, 2)
    found = [each for page in everybody_by_buckets(ledger.database, archive, engine, 2, moment) for each in page]
    with snapshot(ledger.database) as connection:
        expected = [each for page in everybody_then(connection, moment, CATALOGUE) for each in page]
    assert sorted(found, key=id_of) == sorted(expected, key=id_of)
    assert len({each.user_id for each in found}) == len(found)


def test_as_known_at_the_middle_of_the_log_it_is_the_same(ledger: LedgerScenario, folder: Path) -> None:
    with snapshot(ledger.database) as connection:
        row = connection.execute("select recorded_at from webhook_audit_log where id = 90").fetchone()
    assert row is not None
    test_from_an_archive_it_is_the_same(ledger, folder, AsOf(None, row[0]))


def id_of(member: MemberOverview) -> bytes:
    return member.user_id.encode()
