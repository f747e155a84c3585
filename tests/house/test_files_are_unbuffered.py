"""What we write for people goes through `UnbufferedFile`: a buffer is flushed by an interrupted writer too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.trees import tree_of

ROOT = Path(__file__).parents[2]
OF_A_SERVER = ROOT / "infrastructure" / "embedded_postgres"
"""Regular files in a folder of its own, of a few bytes."""


def buffered(tree: ast.AST) -> Iterator[int]:
    """Lines where a file is opened for writing with a buffer."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            modes = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            unbuffered = any(each.arg == "buffering" for each in node.keywords)
            writes = any(set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)
            if name == "open" and writes and not unbuffered:
                yield node.lineno


def modules() -> list[Path]:
    return [file for file in (ROOT / "infrastructure").rglob("*.py") if not file.is_relative_to(OF_A_SERVER)]


def test_no_file_is_written_through_a_buffer() -> None:
    found = [f"{file}:{line}" for file in modules() for line in buffered(tree_of(file))]
    assert found == []


@pytest.mark.parametrize("text", ["open(path, 'w')", "path.open('ab')", "path.open('r+', encoding='utf-8')"])
def test_a_buffer_is_noticed(text: str) -> None:
    assert list(buffered(ast.parse(text))) == [1]
