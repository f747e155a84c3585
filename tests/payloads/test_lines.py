"""Whatever a line of an import or a typed event holds: a sentence, and every good line beside it is in the log."""

import json
from pathlib import Path
from typing import Any

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from tests.cli.conftest import Typed, environment, home, temple
from tests.payloads.places import changed, places
from tests.payloads.values import BODIES, TIMES, VALUES

__all__ = ["environment", "home", "temple"]

LINE: dict[str, Any] = {
    "timestamp": "2026-03-01T00:00:00Z",
    "event_type": "discord_role_change",
    "user_id": "odd",
    "action": "added",
    "target": "Oracle",
    "metadata": {"granted_by": "mod", "notes": ["x"]},
    "source": "discord",
}


def good(number: int) -> bytes:
    return json.dumps({**LINE, "user_id": f"good-{number}"}).encode()


def good_ones(database: Database) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select count(*) from webhook_audit_log where user_id like 'good-%'").fetchone()
    return int(row[0]) if row is not None else 0


def test_every_good_line_beside_odd_ones_is_imported(temple: Typed, database: Database, tmp_path: Path) -> None:
    odd = [
        changed(LINE, path, value).encode()
        for value in (*VALUES.values(), *map(json.dumps, TIMES.values()))
        for path in places(LINE)
    ]
    odd += [body for body in BODIES.values() if b"\n" not in body and b"\r" not in body]
    lines = [each for number, line in enumerate(odd) for each in (line, good(number))]
    (tmp_path / "odd.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    ended = temple("events", "import", str(tmp_path / "odd.jsonl"))
    assert ended.code == 1, ended.stderr
    assert good_ones(database) == len(odd)
    assert temple("run", "--until-caught-up").code == 0
    assert temple("verify", "--full").code == 0


@pytest.mark.parametrize("name", VALUES)
def test_a_typed_event_is_appended_or_refused_in_a_sentence(temple: Typed, database: Database, name: str) -> None:
    ended = temple(
        "events", "append", "--type", "discord_role_change/added", "--user", "odd", "--target", "Oracle",
        "--metadata", f'{{"granted_by": {VALUES[name]}}}',
    )  # fmt: skip
    assert (ended.code in (0, 1, 2), ended.code == 0) == (True, ended.stdout.startswith("appended at position"))
    assert ended.code == 0 or ended.stderr.count("\n") == 1, ended.stderr
    assert len(ended.stderr) < 2_000
    assert temple("run", "--until-caught-up").code == 0
