"""`temple members`: everybody, as CSV or Parquet."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at as day
from temple_ledger.projections.testing.histories import joined, role_added
from tests.archive.builders import append, archived, everything
from tests.cli.conftest import Typed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture(autouse=True)
def ledger(ledger: LedgerScenario, folder: Path) -> LedgerScenario:
    append(ledger.database, everything(1, 150), gap=True)
    archived(ledger.database, folder)
    ledger.given(joined("zoe", day(1)), role_added("zoe", "Oracle", day(2), by="mod"))
    return ledger


def test_csv_and_parquet_have_what_member_show_has(folder: Path, temple: Typed, tmp_path: Path) -> None:
    shown = temple("member", "show", "zoe", "--as-of", "2026-12-01", "--json").data
    assert shown.pop("not_folded") == 0
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
