"""What pytest finds where temple-ledger is installed: as in a package of an author's, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

AUTHOR = """
from datetime import datetime, timezone
import pytest
from temple_ledger import Event, Row, joined, projection

class Waved(Event, type="plugin/waved"):
    times: int

class Waves(Row, table="plugin_waves"):
    times: int = 0

waves = projection("plugin_waves", version=1, state=Waves)

@waves.on
def _(row: Waves, event: Waved) -> Waves:
    return row.replace(times=row.times + event.times)

@pytest.fixture(scope="session")
def temple_projections():
    return [waves]

def waved(times):
    return Waved(user_id="ada", occurred_at=datetime(2026, 1, 1, tzinfo=timezone.utc), source="test", times=times)

@pytest.mark.parametrize("times", [1, 2])
def test_each_has_a_ledger_of_its_own(ledger, times):
    ledger.when(waved(times))
    ledger.then_row(waves, "ada", Waves(times=times))

def test_the_short_names_are_those_of_one_ledger(database, temple_database, ledger, temple_ledger):
    assert database is temple_database is ledger.database
    assert ledger is temple_ledger
    assert ledger.given(joined("ada")) == [1]
"""

NAMES_OF_ITS_OWN = """
import sys
import pytest

@pytest.fixture
def database():
    return "mine"

@pytest.fixture
def ledger(database):
    return f"{database} too"

def test_a_fixture_of_its_own_goes_first(ledger):
    assert ledger == "mine too"

def test_nothing_that_costs_time_was_imported():
    heavy = {"psycopg", "pydantic", "eventsourcing", "aiohttp", "discord", "click", "rich"}
    assert heavy & sys.modules.keys() == set()
    assert [name for name in sys.modules if name.startswith("temple_ledger.") and "infrastructure" not in name] == []
"""


def pytest_in(folder: Path, text: str) -> str:
    (folder / "test_author.py").write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "."]
    ended = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr


def test_an_author_gets_a_migrated_ledger_for_each_test(tmp_path: Path) -> None:
    assert "3 passed" in pytest_in(tmp_path, AUTHOR)


def test_a_run_that_uses_none_of_it_has_its_own_names_and_loads_nothing(tmp_path: Path) -> None:
    assert "2 passed" in pytest_in(tmp_path, NAMES_OF_ITS_OWN)
