"""What docs/archive.md gives to analysts: ten lines each, which name columns that the files have."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from temple_ledger.infrastructure.archive.columns import SCHEMA

PAGE = Path(__file__).parents[2] / "docs" / "archive.md"
BLOCK = re.compile(r"^(\w+), 10 lines:\n\n```python\n(.*?)```", re.DOTALL | re.MULTILINE)
BLOCKS: dict[str, str] = dict(BLOCK.findall(PAGE.read_text()))
TAKE_COLUMNS = ("col", "group_by", "year", "month", "countDistinct")
SQL = {"select", "as", "from", "where", "group", "by", "order", "distinct", "all"}
NO_COLUMNS = {*SQL, "month", "events", "members", "log"}
"""Words of it, and names that the query gives."""


def test_the_page_has_all_three() -> None:
    assert list(BLOCKS) == ["DuckDB", "Polars", "Spark"]


@pytest.mark.parametrize("tool", BLOCKS)
def test_each_column_that_is_named_is_one_of_the_files(tool: str) -> None:
    used = set(columns_of(ast.parse(BLOCKS[tool])))
    assert len(used) >= 3
    assert used <= set(SCHEMA.names)


def columns_of(tree: ast.Module) -> Iterator[str]:
    """Of the calls that take columns by name, and of SQL."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in TAKE_COLUMNS:
            yield from (str(each.value) for each in node.args if isinstance(each, ast.Constant))
        elif node.func.attr == "sql":
            query = re.sub(r"'[^']*'", "", str(ast.literal_eval(node.args[0])))
            yield from set(re.findall(r"\b[a-z_]+\b(?!\()", query)) - NO_COLUMNS
