"""docs/troubleshooting.md: each message of the page is one that the code has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.house.trees import tree_of

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "troubleshooting.md"
MESSAGE: Final = re.compile(r"^\| `(.+?)` \|", re.MULTILINE)
DIFFERS: Final = "…"


def texts() -> Iterator[str]:
    """Every text of the code, with … for what is put in."""
    for folder in ("domain", "infrastructure", "projections"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(tree_of(file)):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(
                        str(part.value) if isinstance(part, ast.Constant) else DIFFERS for part in node.values
                    )
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


@pytest.fixture(scope="module")
def code() -> list[str]:
    return list(texts())


def is_printed(message: str, code: list[str]) -> bool:
    pattern = re.compile(".*".join(map(re.escape, message.split(DIFFERS))))
    return any(pattern.search(text) for text in code)


@pytest.mark.parametrize("message", MESSAGE.findall(PAGE.read_text()))
def test_a_message_of_the_page_is_one_that_the_code_prints(message: str, code: list[str]) -> None:
    assert is_printed(message, code)


def test_a_message_that_no_code_prints_is_noticed(code: list[str]) -> None:
    assert not is_printed("Discord does not accept the … cookie", code)


def test_the_page_has_messages_in_each_of_its_tables() -> None:
    sections = PAGE.read_text().split("\n## ")[1:]
    assert all(len(MESSAGE.findall(section)) >= 5 for section in sections)
