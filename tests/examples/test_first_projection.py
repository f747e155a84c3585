"""docs/first-projection.md, typed from its first line to its last: the package, its tests, a ledger in use."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from temple_ledger import LedgerScenario, at, joined, role_added
from temple_ledger.infrastructure.database.connection import Database
from tests.deploy.documented import shown_in
from tests.examples.installing import install_wheel

ROOT = Path(__file__).parents[2]
PACKAGE = Path(__file__).with_name("moderation")
PAGE = ROOT / "docs" / "first-projection.md"
MOST_LINES = 32
"""Of the event, the projection and its rule together: what ten minutes are enough for."""

Types = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_wheel(PACKAGE, tmp_path_factory.mktemp("moderation"))


@pytest.fixture
def types(site: Path, database: Database, tmp_path: Path) -> Types:
    """What the reader types, in the folder of the package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    own = {"TEMPLE_DATABASE_URL": database.dsn, "TEMPLE_HOME": str(tmp_path / "home"), "TEMPLE_METRICS_PORT": "0"}
    environment = {**kept, **own, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(site)]), "COLUMNS": "200"}

    def typed(line: str) -> "subprocess.CompletedProcess[str]":
        # installing is done, from a wheel: pip would ask a registry for the build's own packages
        words = shlex.split(line.replace("pip install -e . && pytest", "pytest -q -p no:cacheprovider"))
        module = {"temple": "temple_ledger.cli"}.get(words[0], words[0])
        return subprocess.run(
            [sys.executable, "-m", module, *words[1:]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return typed


def test_the_page_leads_from_an_empty_folder_to_rows_that_are_verified(
    types: Types, database: Database, tmp_path: Path
) -> None:
    ledger = LedgerScenario(database)
    ledger.given(joined("ada", at(1)), role_added("ada", "Oracle", at(2)), joined("bob", at(3)))
    ledger.catch_up()
    (tmp_path / "test_moderation.py").write_text((PACKAGE / "test_moderation.py").read_text())
    commands = [shown for shown in shown_in(PAGE) if not shown.inline]
    assert len(commands) > 10
    for shown in commands:
        ended = types(shown.text)
        said = ended.stdout + ended.stderr
        assert ended.returncode == shown.code, f"{shown}\n{said}"
        assert shown.missing_in(said) == [], f"{shown}\n{said}"


def test_the_package_is_short_and_the_page_shows_it_as_it_is() -> None:
    files = [PACKAGE / "pyproject.toml", PACKAGE / "moderation.py", PACKAGE / "test_moderation.py"]
    page = PAGE.read_text("utf-8")
    assert [file.name for file in files if file.read_text("utf-8").strip() not in page] == []
    code = [file.read_text("utf-8") for file in files]
    blocks = re.findall(r"```(?:python|toml)\n(.*?)\n```", page, re.DOTALL)
    assert [block for block in blocks if not any(block.strip() in each for each in code)] == []
    assert len(code[1].splitlines()) <= MOST_LINES
