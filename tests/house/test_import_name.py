"""Whoever uses the project imports temple_ledger, and each module is loaded once."""

import ast
import importlib
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import temple_ledger
from temple_ledger.projections.members import members
from temple_ledger.projections.registry import PROJECTIONS

ROOT = Path(__file__).parents[2]
SHORT_NAMES = ("domain", "projections", "infrastructure", "sql", "deploy", "cli")
EVERYTHING = """
import collections, importlib, os, pkgutil, sys
import temple_ledger
from importlib.metadata import entry_points
for module in pkgutil.walk_packages(temple_ledger.__path__, "temple_ledger."):
    if not module.name.startswith("temple_ledger.deploy") and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for point in entry_points(group="temple_ledger.projections"):
    point.load()
names = collections.defaultdict(set)
for name, module in list(sys.modules.items()):
    if name.startswith("temple_ledger.") or name in {"domain", "projections", "infrastructure", "sql", "cli"}:
        names[os.path.realpath(module.__file__)].add(name)
print(len(names) > 250, [sorted(each) for each in names.values() if len(each) > 1])
"""


def test_the_author_s_surface_is_pinned() -> None:
    assert temple_ledger.__all__ == sorted(temple_ledger.__all__)
    listed = (ROOT / "docs" / "reference.md").read_text()
    assert [name for name in temple_ledger.__all__ if f"`{name}`" not in listed] == []


@pytest.mark.parametrize("name", temple_ledger.__all__)
def test_a_name_is_the_one_of_its_own_module(name: str) -> None:
    found = getattr(temple_ledger, name)
    assert getattr(importlib.import_module(temple_ledger._MODULES[name]), name) is found


def test_type_checkers_read_the_same_surface() -> None:
    tree = ast.parse(Path(temple_ledger.__file__).read_text())
    imported = {
        (alias.name, node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("temple_ledger.")
        for alias in node.names
    }
    assert imported == set(temple_ledger._MODULES.items())


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = temple_ledger.Nothing


def test_an_entry_point_gives_the_same_object_as_an_import() -> None:
    point = EntryPoint("members", "temple_ledger.projections.members:members", PROJECTIONS)
    assert point.load() is members is temple_ledger.members


@pytest.mark.parametrize("name", SHORT_NAMES)
def test_the_short_names_are_refused_under_pytest(name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=f"import temple_ledger.{name}, not {name}"):
        importlib.import_module(name)


def test_every_module_is_loaded_under_one_name() -> None:
    ended = subprocess.run([sys.executable, "-c", EVERYTHING], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout == "True []\n"


def test_importing_the_name_loads_nothing_else() -> None:
    code = "import sys, temple_ledger; print([name for name in sys.modules if name.startswith('temple_ledger.')])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
