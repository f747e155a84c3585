"""The pages lead somewhere: every link, and every file that a page names."""

import re
from pathlib import Path

import pytest

from tests.deploy.documented import ROOT, documents

LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`((?:tests|deploy|docs|infrastructure|projections|domain|sql|bench)/[\w./-]+)`")
BOOKS = sorted((ROOT / "docs" / "runbooks").glob("[A-Z]*[a-z].md"))


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_every_named_file_is_there(page: Path) -> None:
    text = page.read_text()
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []
    assert [name for name in NAMED.findall(text) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_runbook_says_what_it_means_what_it_does_to_whom_and_what_to_do(book: Path) -> None:
    headings = re.findall(r"^## (.+)$", book.read_text(), re.MULTILINE)
    assert headings == ["Meaning", "Impact", "Diagnosis", "Mitigation", "Rehearsed"]
    assert "$ " in book.read_text()


def test_the_list_of_runbooks_has_them_all() -> None:
    text = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    files = {file.name for file in (ROOT / "docs" / "runbooks").glob("*.md")} - {"README.md"}
    assert set(LINK.findall(text)) == files
