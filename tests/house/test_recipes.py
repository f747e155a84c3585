"""The recipes of CONTRIBUTING.md: every file they name is there, and the one for an event type is followed to its end.

A step of that recipe is a file and changes to it, as a reader would type them. They are made in a copy of the project,
whose own tests then run there, on a database of their own.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "CONTRIBUTING.md"
FOLDERS = ("domain", "projections", "infrastructure", "sql", "deploy", "src", "docs", "tests")
COPIED = (*FOLDERS, "cli.py", "pyproject.toml")
NAMED = re.compile(r"`((?:[\w.-]+/)+(?:[\w.-]+)?|(?:cli|README|CHANGELOG|CONTRIBUTING|pyproject|temple)\.\w+)`")
STEP = re.compile(r"^\d+\. `([^`]+)`", re.MULTILINE)
DIFF = re.compile(r"^   ```diff\n(.*?)^   ```$", re.MULTILINE | re.DOTALL)
KNOWS_THE_EVENT = "tests/canon/test_installing.py::test_it_has_the_rules_of_the_projection"
IS_ON_THE_PAGE = "tests/house/test_events_page.py"
EVERYTHING = (
    IS_ON_THE_PAGE,
    KNOWS_THE_EVENT,
    "tests/canon/test_fold_in_sql.py",
    "tests/projections/test_members.py",
    "tests/domain/test_catalogue.py",
)


class Step(NamedTuple):
    file: str
    changes: Sequence[str]


def recipe(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


def steps(title: str) -> list[Step]:
    text = recipe(title)
    starts = [*STEP.finditer(text)]
    ends = [*(each.start() for each in starts[1:]), len(text)]
    return [
        Step(start.group(1), DIFF.findall(text[start.start() : end])) for start, end in zip(starts, ends, strict=True)
    ]


def changed(text: str, change: str) -> str:
    """*text* with the lines of a diff put in: those that it takes away, and those around, are there once."""
    lines = [line.removeprefix("   ") for line in change.splitlines()]
    before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
    assert text.count(before) == 1, f"there {text.count(before)} times:\n{before}"
    return text.replace(before, after)


def follow(project: Path, recipe: Sequence[Step]) -> None:
    for step in recipe:
        file = project / step.file
        for change in step.changes:
            file.write_text(changed(file.read_text(), change))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    subprocess.run(["cp", "-a", *(str(ROOT / each) for each in COPIED), str(tmp_path)], check=True)
    return tmp_path


def run_tests(project: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    own = {"PYTHONPATH": f"{project / 'src'}{os.pathsep}{project}", "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        arguments, cwd=project, env={**environment, **own}, capture_output=True, text=True, check=False
    )


def test_every_file_that_a_recipe_names_is_there() -> None:
    named = set(NAMED.findall(PAGE.read_text()))
    assert len(named) > 40
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_an_event_type_is_added_by_the_steps_of_its_recipe(copy: Path) -> None:
    every = steps("An event type")
    assert len(every) > 5
    assert all(step.changes for step in every)
    follow(copy, every)
    ended = run_tests(copy, *EVERYTHING)
    assert ended.returncode == 0, ended.stdout
    asked = "import temple_ledger.domain.events as events; print(events.__file__, events.MemberBoosted.__name__)"
    own = {**os.environ, "PYTHONPATH": str(copy / "src")}
    printed = subprocess.run([sys.executable, "-c", asked], env=own, capture_output=True, text=True, check=True)
    assert printed.stdout == f"{copy}/src/temple_ledger/domain/events.py MemberBoosted\n"


@pytest.mark.parametrize(
    ("left_out", "test"),
    [
        ("docs/events.md", IS_ON_THE_PAGE),
        ("sql/canon/10_members_known.sql", KNOWS_THE_EVENT),
        ("sql/canon/11_members_rules_version.sql", KNOWS_THE_EVENT),
    ],
)
def test_a_step_that_is_left_out_is_found_by_a_test(copy: Path, left_out: str, test: str) -> None:
    every = steps("An event type")
    rest = [step for step in every if step.file != left_out]
    assert len(rest) == len(every) - 1
    follow(copy, rest)
    ended = run_tests(copy, test)
    assert "1 failed" in ended.stdout, ended.stdout
