"""SQL is source code: each statement has one name, and each is used."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.statements import statement, statement_names
from tests.house.trees import tree_of

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "sql" / "statements").rglob("*.sql"))
DATABASE = ROOT / "infrastructure" / "database"
EXECUTES = ("execute", "executemany", "stream", "copy")
COMPOSES = ("SQL", "Identifier", "Literal", "Placeholder")


def test_a_name_is_unique_in_all_folders() -> None:
    assert [name for name, count in Counter(file.stem for file in FILES).items() if count > 1] == []
    assert statement_names() == sorted(file.stem for file in FILES)
    assert all(statement(file.stem) == file.read_bytes() for file in FILES)


def test_which_timestamps_python_can_hold_is_said_by_the_view_log_row_alone() -> None:
    guarded = re.compile(r"'0*1-01-01|'9999-12-31|'10000-01-01")
    assert [file.stem for file in FILES if guarded.search(file.read_text())] == []


def test_every_statement_is_used() -> None:
    code = "\n".join(file.read_text() for file in (ROOT / "infrastructure").rglob("*.py"))
    quoted = set(re.findall(r'"([a-z_]+)"', code))
    assert [file.stem for file in FILES if file.stem not in quoted] == []


def test_every_statement_that_is_named_is_there() -> None:
    code = "\n".join(file.read_text() for file in (ROOT / "infrastructure").rglob("*.py"))
    assert set(re.findall(r'\bstatement\("([a-z_]+)"\)', code)) - set(statement_names()) == set()


def sql_in_python(tree: ast.AST) -> Iterator[int]:
    """Lines where a text is executed, or a statement is composed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_text = any(isinstance(part, ast.JoinedStr) or _is_text(part) for part in _what_is_executed(node))
            composes = isinstance(node.func.value, ast.Name) and node.func.value.id == "sql"
            if is_text or (composes and node.func.attr in COMPOSES):
                yield node.lineno


def _what_is_executed(call: ast.Call) -> Iterator[ast.AST]:
    """The first argument and its parts, but for the name that `statement` is given."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in EXECUTES and call.args:
        first = call.args[0]
        is_file = isinstance(first, ast.Call) and isinstance(first.func, ast.Name) and first.func.id == "statement"
        yield from () if is_file else ast.walk(first)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def test_a_statement_is_a_file_or_composed_in_the_room_of_the_database() -> None:
    modules = [file for file in (ROOT / "infrastructure").rglob("*.py") if not file.is_relative_to(DATABASE)]
    found = [f"{file}:{line}" for file in modules for line in sql_in_python(tree_of(file))]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "connection.execute('select 1')",
        "cursor.executemany(b'insert into t values (%s)', rows)",
        "connection.execute(f'select {name}'.encode())",
        "self._connection.execute(sql.SQL('select {}').format(name))",
    ],
)
def test_sql_in_python_is_noticed(text: str) -> None:
    assert 1 in sql_in_python(ast.parse(text))


@pytest.mark.parametrize("text", ["connection.execute(statement('log_head'))", "cursor.execute(query, {'a': 'b'})"])
def test_a_file_or_a_statement_that_was_composed_elsewhere_is_none(text: str) -> None:
    assert list(sql_in_python(ast.parse(text))) == []
