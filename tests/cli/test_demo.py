"""`temple demo` writes a community's history, the same for the same numbers."""

import json
from pathlib import Path

from tests.cli.conftest import Typed


def test_the_same_numbers_give_the_same_lines(temple: Typed) -> None:
    first = temple("demo", "--events", "300", "--seed", "7")
    assert first.code == 0
    assert first.stdout == temple("demo", "--events", "300", "--seed", "7").stdout
    assert first.stdout != temple("demo", "--events", "300", "--seed", "8").stdout
    lines = first.stdout.splitlines()
    assert len(lines) == 300
    assert all("event_id" in json.loads(line) for line in lines)


def test_malformed_lines_come_on_top_and_are_what_an_import_refuses(temple: Typed, tmp_path: Path) -> None:
    file = tmp_path / "demo.jsonl"
    ended = temple("demo", "--events", "400", "--malformed", "11", "-o", str(file))
    assert ended.code == 0
    assert ended.stdout == ""
    assert len(file.read_text().splitlines()) == 411
    imported = temple("events", "import", str(file))
    assert imported.code == 1


def test_numbers_that_make_no_community_are_a_usage_error(temple: Typed) -> None:
    assert temple("demo", "--members", "0").code == 2
