"""A real PostgreSQL for every test: the fixtures are those of our own pytest plugin, under the names used here."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.testing.copies import Copies
from temple_ledger.projections import members_at_a_time
from tests.long_ones import has_none, is_long
from tests.tools import require


class _OneImportName:
    """Refuses the short names, which the root of the checkout offers: each class would be there twice."""

    short = frozenset({"domain", "projections", "infrastructure", "sql", "deploy", "cli"})

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in self.short:
            raise ModuleNotFoundError(f"import temple_ledger.{name}, not {name}", name=name)


sys.meta_path.insert(0, _OneImportName())
# the ledger of the machine that the tests run on is none of theirs
os.environ["TEMPLE_CONFIG_FILE"] = ""
# what a shell starts in the background ignores Ctrl-C, and so would whatever the tests start and interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)
# no test asserts seconds; and where a change is judged, it is by what everybody tries
settings.register_profile("suite", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("suite")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        require(*mark.args)


@pytest.fixture(scope="session")
def server(temple_server: EmbeddedServer) -> EmbeddedServer:
    return temple_server


@pytest.fixture(scope="session")
def template(temple_template: str) -> str:
    return temple_template


@pytest.fixture(scope="session")
def copies(temple_copies: Copies) -> Copies:
    return temple_copies


@pytest.fixture
def one_member_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """In all steps, as if each member had rows enough to fill memory."""
    monkeypatch.setattr(members_at_a_time, "FEWEST", 1)
    monkeypatch.setattr(members_at_a_time, "MOST", 1)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    file = collection_path.relative_to(config.rootpath).as_posix()
    ignored = collection_path.suffix == ".py" and has_none(file, config.getoption("markexpr"))
    return True if ignored else None


def pytest_itemcollected(item: pytest.Item) -> None:
    if is_long(item.nodeid):
        item.add_marker("long")
