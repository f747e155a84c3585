"""What `./temple test` leaves out is a short list with reasons, and nothing is left out of both runs."""

import ast
from pathlib import Path

import pytest

from tests.house.trees import tree_of
from tests.long_ones import LONG, MOST, has_none, is_long

ROOT = Path(__file__).parents[2]
CALLS = ("./temple test", "./temple test --long")


def functions_of(file: Path) -> set[str]:
    found = {node.name for node in ast.walk(tree_of(file)) if isinstance(node, ast.FunctionDef)}
    return {name for name in found if name.startswith("test_")}


@pytest.mark.parametrize("name", LONG)
def test_each_long_one_is_a_test_or_a_file_of_tests(name: str) -> None:
    file, _, test = name.partition("::")
    there = functions_of(ROOT / file)
    assert test in there if test else there
    assert not test or file not in LONG, "its file is in the list already"


def test_the_list_does_not_grow_by_itself() -> None:
    assert len(LONG) <= MOST


def test_no_test_calls_itself_long_elsewhere() -> None:
    word = "mark" + ".long"
    assert [file.name for file in (ROOT / "tests").rglob("*.py") if word in file.read_text()] == []


def test_a_long_test_is_one_with_any_parameter_and_no_other_of_its_file() -> None:
    name = next(each for each in LONG if "::" in each)
    assert is_long(name)
    assert is_long(f"{name}[a::b-1]")
    assert not is_long(f"{name}_and_more")
    assert not is_long(name.partition("::")[0])
    file = next(each for each in LONG if "::" not in each)
    assert is_long(f"{file}::test_whatever[1]")


def test_a_file_is_loaded_by_each_run_that_has_a_test_of_it() -> None:
    some = next(each for each in LONG if "::" in each).partition("::")[0]
    whole = next(each for each in LONG if "::" not in each)
    other = Path(__file__).relative_to(ROOT).as_posix()
    loaded = {
        wanted: [file for file in (some, whole, other) if not has_none(file, wanted)]
        for wanted in ("long", "not long", "")
    }
    assert loaded == {"long": [some, whole], "not long": [some, other], "": [some, whole, other]}


def test_ci_runs_both_and_whoever_contributes_reads_of_both() -> None:
    for file in (".ci/run", "CONTRIBUTING.md", "README.md"):
        text = (ROOT / file).read_text()
        lines = {line.partition("#")[0].rstrip() for line in text.splitlines()}
        assert [call for call in CALLS if not any(line.endswith(call) for line in lines)] == [], file
