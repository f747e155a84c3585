"""A word of ./temple prepares the requirements of all that it imports: a fresh checkout misses nothing."""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from requirements.lock import FOLDER, pinned
from tests.house.trees import tree_of

ROOT: Final = Path(__file__).parents[2]
OWN: Final = {"bench": ROOT, "requirements": ROOT, "tests": ROOT, "temple_ledger": ROOT / "src"}
EXAMPLES: Final = {"moderation", "temple_arcade", "temple_shop"}
"""Tests install them by themselves."""
NEWER: Final = {"annotationlib"}
"""In the standard library of a newer Python, and imported there alone."""


class Word(NamedTuple):
    name: str
    kinds: tuple[str, ...]
    module: str


WORDS: Final = [
    Word(name, tuple(kinds.split()), module)
    for name, kinds, module in re.findall(
        r"^    (\w+)\)\n        shift\n        prepare ([a-z ]+)\n(?:(?!;;).*\n)*?.*python\" -m (\S+)",
        (ROOT / "temple").read_text("utf-8"),
        re.MULTILINE,
    )
]


def test_every_word_with_a_module_is_found() -> None:
    assert {word.name for word in WORDS} == {"test", "bench", "chaos"}


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.name)
def test_what_a_word_imports_is_in_the_requirements_that_it_prepares(word: Word) -> None:
    assert missing(_begun_by(word), {name for kind in word.kinds for name in pinned(FOLDER / f"{kind}.txt")}) == {}


def test_what_temple_imports_is_in_its_requirements_or_in_an_extra() -> None:
    wings = ("cli.py", "domain", "infrastructure", "projections", "sql")
    for_pytest = _python(ROOT / "infrastructure" / "testing") | _python(ROOT / "projections" / "testing")
    files = {each for wing in wings for each in _python(ROOT / wing)} - for_pytest
    assert missing(files, {name for kind in ("run", "archive", "ray") for name in pinned(FOLDER / f"{kind}.txt")}) == {}


def test_a_package_of_development_is_missed_where_only_run_is_prepared() -> None:
    assert "pytest" in missing({Path(__file__)}, set(pinned(FOLDER / "run.txt")))


def missing(files: set[Path], prepared: set[str]) -> dict[str, str]:
    """What is imported and not prepared, and by which file; the files that these import are looked through, too."""
    found: dict[str, str] = {}
    ahead, seen = list(files), set[Path]()
    while ahead:
        file = ahead.pop()
        if file in seen:
            continue
        seen.add(file)
        for name in _imports(file):
            top = name.split(".")[0]
            if top in OWN:
                ahead.extend(_files(name))
            elif top not in sys.stdlib_module_names | NEWER | EXAMPLES and not _brought(top) & prepared:
                found[top] = str(file.relative_to(ROOT))
    return found


def _begun_by(word: Word) -> set[Path]:
    """pytest loads each file of the tests; the others begin with one."""
    if word.module == "pytest":
        return _python(ROOT / "tests")
    module = ROOT / word.module.replace(".", "/")
    return {module / "__main__.py"} if module.is_dir() else {module.with_suffix(".py")}


def _python(place: Path) -> set[Path]:
    return {place} if place.is_file() else set(place.rglob("*.py"))


@cache
def _imports(file: Path) -> frozenset[str]:
    return frozenset(_imported(tree_of(file)))


def _imported(node: ast.AST) -> Iterator[str]:
    """Of functions, too; what is for the types alone is never loaded."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module is not None:
            yield child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not (isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"):
            yield from _imported(child)


@cache
def _files(name: str) -> Sequence[Path]:
    """Of a module of ours and the packages that it is in; none where *name* is something in a module."""
    parts = name.split(".")
    place = OWN[parts[0]].joinpath(*parts).resolve()
    own = [each for each in (place.with_suffix(".py"), place / "__init__.py") if each.is_file()]
    return [*own, *(_files(".".join(parts[:-1])) if parts[1:] else ())]


@cache
def _distributions() -> dict[str, list[str]]:
    return {top: list(names) for top, names in packages_distributions().items()}


def _brought(top: str) -> set[str]:
    """The distributions that bring a package, as the pins spell them."""
    return {re.sub(r"[-_.]+", "-", name).lower() for name in _distributions().get(top, [])}
