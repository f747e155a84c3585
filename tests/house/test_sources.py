"""A source is named where it lives, and in the registry of the built-in ones; everything else goes through the port."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from temple_ledger import cli
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.processes.sources import BUILT_IN, RESERVED
from tests.house.trees import tree_of

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "infrastructure" / "processes" / "sources.py"
STORED = {
    *("discord_joined_at", "patreon_tier", "discord_user_current_roles", "discord_user_role_count"),
    *("ledger_patrons_without_discord", "patrons_without_discord"),
    *(each.event_type for each in CATALOGUE),
}
"""Columns, tables, metrics and event types: names that the user gave, or that are stored."""
MAY_NAME_THEM = (
    *("infrastructure/sources/discord/", "infrastructure/sources/patreon/"),
    *("infrastructure/demo/", "projections/testing/histories.py", "domain/"),
)
"""Their own folders, the demo, the histories of tests, and the events themselves. (A patron has a Discord account:
that Patreon's code speaks of it is no import, which the contracts forbid.)"""


@pytest.mark.parametrize("source", sorted(BUILT_IN))
def test_no_code_outside_a_source_names_it(source: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line} {name}"
        for file in modules()
        if file != REGISTRY
        for line, name in names_in(tree_of(file))
        if source in name.lower() and name not in STORED
    ]
    assert found == []


def modules() -> Iterator[Path]:
    yield ROOT / "cli.py"
    for folder in ("domain", "projections", "infrastructure"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if not str(file.relative_to(ROOT)).startswith(MAY_NAME_THEM):
                yield file


def names_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What is imported, called, defined or compared: names, and strings of one word."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                module = getattr(node, "module", None) or ""
                yield from ((node.lineno, f"{module}.{each.name}") for each in names)
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.Constant(value=str(text)) if text.replace("-", "_").replace(".", "_").isidentifier():
                yield node.lineno, text


def test_no_source_can_take_a_name_of_the_command_line() -> None:
    verbs = {name for section in cli.SECTIONS.values() for name in section}
    assert verbs - RESERVED == set()
