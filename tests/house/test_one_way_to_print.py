"""Whatever reaches a terminal goes through terminal/printing.py, which escapes what data carries."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.trees import tree_of

ROOT = Path(__file__).parents[2]
PRINTING = ROOT / "infrastructure" / "terminal" / "printing.py"
WIRE = ROOT / "infrastructure" / "processes" / "watched.py"
"""Its stdout is the wire to the process that watches it, and no terminal."""
CLICK = frozenset({"echo", "secho", "echo_via_pager"})


def prints(tree: ast.AST) -> Iterator[int]:
    """Lines that print in another way."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id="print"):
                yield node.lineno
            case ast.Attribute(value=ast.Name(id="click"), attr=name) if name in CLICK:
                yield node.lineno
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="sys")), attr="write" | "writelines"):
                yield node.lineno


def test_nothing_is_printed_in_another_way() -> None:
    folders = ("infrastructure", "projections", "domain")
    modules = [ROOT / "cli.py", *(file for folder in folders for file in (ROOT / folder).rglob("*.py"))]
    found = [f"{file}:{line}" for file in modules if file not in (PRINTING, WIRE) for line in prints(tree_of(file))]
    assert found == []


@pytest.mark.parametrize("text", ["print('x')", "click.echo(x)", "click.secho(x, fg='red')", "sys.stdout.write(x)"])
def test_another_way_is_noticed(text: str) -> None:
    assert list(prints(ast.parse(text))) == [1]
