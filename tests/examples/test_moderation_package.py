"""docs/writing-a-projection.md, followed to its end: the package, its tests, and the ledger that serves it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.connection import Database
from tests.examples.installing import install_wheel

ROOT = Path(__file__).parents[2]
PACKAGE = Path(__file__).with_name("moderation")
PAGE = ROOT / "docs" / "writing-a-projection.md"
ADA = "500000000000000001"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_wheel(PACKAGE, tmp_path_factory.mktemp("moderation"))


def run(site: Path, folder: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**kept, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(site)]), **more}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_its_tests_pass_where_it_is_installed(site: Path, tmp_path: Path) -> None:
    (tmp_path / "test_moderation.py").write_text((PACKAGE / "test_moderation.py").read_text())
    ended = run(site, tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "test_moderation.py")
    assert "2 passed" in ended.stdout, ended.stdout + ended.stderr


def test_it_is_live_replayed_and_verified(site: Path, database: Database, tmp_path: Path) -> None:
    def temple(*arguments: str) -> str:
        own = {"TEMPLE_DATABASE_URL": database.dsn, "TEMPLE_HOME": str(tmp_path / "home"), "TEMPLE_METRICS_PORT": "0"}
        ended = run(site, tmp_path, "temple_ledger.cli", *arguments, **own)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def rows(*more: str) -> object:
        return json.loads(temple("projection", "rows", "moderation", ADA, "--json", *more))["data"]

    temple("db", "migrate")
    warned = ("events", "append", "--type", "moderation/warned", "--user", ADA)
    temple(*warned, "--metadata", '{"by": "eve", "points": 2}', "--timestamp", "2026-03-01T18:00:00Z")
    temple("run", "--until-caught-up")
    assert rows() == {"moderation_record": [{"warnings": 1, "points": 2, "last_by": "eve"}]}
    temple("replay", "moderation", "--yes")
    temple("verify", "--full")
    assert rows("--as-of", "2026-02-01") == {"moderation_record": []}


def test_the_page_shows_the_long_form_as_it_is() -> None:
    example = Path(__file__).with_name("grants.py").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)\n```", PAGE.read_text("utf-8"), re.DOTALL)
    assert blocks
    assert [block for block in blocks if block.strip() not in example] == []
