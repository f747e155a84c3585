"""`temple events export`: the log as JSON lines, which can be imported again."""

import json
from pathlib import Path
from typing import Any

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, pledged, role_added
from tests.cli.conftest import Ended, Typed


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(
        joined("ada", at(1)),
        role_added("ada", "Oracle", at(2)),
        joined("bob", at(3)),
        pledged("bob", "Gold", at(48)),
    )
    return found


def exported(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_each_event_is_a_line_with_the_logs_columns(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.catch_up()
    ended = temple("events", "export")
    assert ended.code == 0
    first = exported(ended)[0]
    assert (first["id"], first["user_id"], first["timestamp"]) == (
        1,
        "ada",
        "2026-01-01T01:00:00.000000+00:00",
    )
    assert {"event_id", "event_type", "action", "target", "metadata", "source", "recorded_at"} < first.keys()
    assert first["processed_at"] is not None
    assert "4 events exported in" in ended.stderr


def test_importing_an_export_adds_nothing(temple: Typed, ledger: LedgerScenario, tmp_path: Path) -> None:
    file = tmp_path / "backup.jsonl"
    assert f"4 events exported to {file}" in temple("events", "export", "-o", str(file)).stderr
    assert "0 added, 4 duplicates" in temple("events", "import", str(file)).stdout


@pytest.mark.parametrize(
    ("arguments", "positions"),
    [
        (("--member", "ada"), [1, 2]),
        (("--type", "discord_join"), [1, 3]),
        (("--since", "2026-01-02"), [4]),
        (("--until", "2026-01-01"), [1, 2, 3]),
        (("--after", "1", "--upto", "3"), [2, 3]),
    ],
)
def test_a_part_of_the_log_is_exported(
    temple: Typed, ledger: LedgerScenario, arguments: tuple[str, ...], positions: list[int]
) -> None:
    assert [event["id"] for event in exported(temple("events", "export", *arguments))] == positions


def test_a_file_that_can_not_be_written_is_one_sentence_and_leaves_nothing(
    temple: Typed, ledger: LedgerScenario, tmp_path: Path
) -> None:
    ended = temple("events", "export", "-o", str(tmp_path / "nowhere" / "backup.jsonl"))
    assert ended.code == 1
    assert len(ended.stderr.strip().splitlines()) == 1
    assert list(tmp_path.glob("**/*.part")) == []


def test_a_dash_is_stdout(temple: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    temple("events", "append", "--type", "discord_join/joined", "--user", "ada")
    ended = temple("events", "export", "-o", "-")
    assert (ended.code, json.loads(ended.stdout)["user_id"]) == (0, "ada")
    assert list(tmp_path.glob("-*")) == []
