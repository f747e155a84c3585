"""docs/architecture.md describes the folders as they are: each one is there, and nothing else is."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATEMENTS = ROOT / "sql" / "statements"
PAGE = ROOT / "docs" / "architecture.md"
TOP = ("domain", "projections", "infrastructure", "sql", "deploy")
SOURCE = {".py", ".sql"}
FOLDER = re.compile(rf"`((?:{'|'.join(TOP)})/(?:[\w./-]*/)?)`")
FILE = re.compile(rf"`((?:{'|'.join(TOP)})/[\w./-]*\.\w+)`")


def folders() -> Iterator[str]:
    """Every folder with code, and whatever is deployed, as the page writes it: `domain/`."""
    for top in TOP:
        yield f"{top}/"
        for path in sorted((ROOT / top).rglob("*")):
            if path.is_dir() and _is_a_room(path):
                yield f"{path.relative_to(ROOT)}/"


def _is_a_room(folder: Path) -> bool:
    if STATEMENTS in folder.parents or folder.name == "__pycache__":
        return False
    is_deployed = folder.parent == ROOT / "deploy"
    return is_deployed or folder == STATEMENTS or any(file.suffix in SOURCE for file in folder.iterdir())


def test_every_folder_of_code_is_described() -> None:
    described = set(FOLDER.findall(PAGE.read_text()))
    assert [folder for folder in folders() if folder not in described] == []


def test_nothing_is_described_that_is_not_there() -> None:
    text = PAGE.read_text()
    named = {*FOLDER.findall(text), *FILE.findall(text)}
    assert len(named) > 40
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_a_folder_of_statements_has_the_name_of_the_wing_that_uses_them() -> None:
    used = {path.parent.relative_to(STATEMENTS) for path in STATEMENTS.rglob("*.sql")}
    assert [str(folder) for folder in sorted(used) if not (ROOT / "infrastructure" / folder).is_dir()] == []


def test_a_package_says_in_one_line_what_it_is_for() -> None:
    packages = [ROOT / folder / "__init__.py" for folder in folders()]
    silent = [str(file.relative_to(ROOT)) for file in packages if file.exists() and not _first_line(file)]
    assert silent == []


def _first_line(package: Path) -> str:
    found = re.match(r'"""(.+?[.:])(?:"""|\n)', package.read_text())
    return found.group(1) if found else ""
