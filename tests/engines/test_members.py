"""Everybody as of a moment: from an archive as from the database, and for each as `member show` says."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
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
from tests.cli.conftest import Typed

pytest_plugins = ("tests.cli.conftest",)
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


def test_csv_and_parquet_have_what_member_show_has(
    ledger: LedgerScenario, folder: Path, temple: Typed, tmp_path: Path
) -> None:
    shown = temple("member", "show", "zoe", "--as-of", "2026-12-01", "--json").data
    for more in ([], ["--archive", str(folder), "--workers", "2"]):
        for name in ("all.csv", "all.parquet"):
            ended = temple("members", "--as-of", "2026-12-01", "-o", name, *more)
            assert ended.code == 0, ended.stderr
            assert ", as of 2026-12-01T23:59:59.999999+00:00" in ended.stderr
        rows = list(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_bytes().decode(), newline="")))
        (zoe,) = [row for row in rows if row["user_id"] == "zoe"]
        assert zoe == {**{name: "" if value is None else str(value) for name, value in shown.items()}} | {
            "roles": zoe["roles"]
        }
        assert json.loads(zoe["roles"]) == shown["roles"]
        table: list[dict[str, Any]] = pq.read_table(tmp_path / "all.parquet").to_pylist()
        assert [row["user_id"] for row in table] == [row["user_id"] for row in rows]
        assert [row["roles"][0]["role"] for row in table if row["user_id"] == "zoe"] == ["Oracle"]
    assert temple("members").stdout.splitlines()[0] == ",".join(shown)


def test_a_name_that_does_not_say_what_is_meant_is_refused(temple: Typed) -> None:
    assert temple("members", "-o", "all.xlsx").code == 2
