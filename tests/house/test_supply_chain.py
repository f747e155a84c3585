"""What an installation brings with it: pinned with hashes, each decided on, under a licence that we may pass on."""

import json
import re
import subprocess
from importlib.metadata import distributions
from itertools import pairwise
from pathlib import Path

import pytest

from requirements.licences import ALLOWED, LICENCES, PAGE, VENDORED, page, parts, said_of_itself
from requirements.lock import DEV, RUN, Unlocked, declared, pinned, shipped
from requirements.sbom import main
from temple_ledger.infrastructure.embedded_postgres.programs import FOLDERS, installed_wheel
from temple_ledger.infrastructure.embedded_postgres.release_dates import RELEASED

ROOT = Path(__file__).parents[2]
DECISIONS = "\n".join(each.read_text() for each in (ROOT / "docs" / "decisions").glob("0*.md"))
NO_PACKAGE = frozenset({"pip", "temple-ledger"})
ELSEWHERE = frozenset({"temple-arcade", "temple-moderation", "shop-source"})


@pytest.mark.parametrize("file", [RUN, DEV], ids=lambda file: file.name)
def test_every_line_is_a_pin_with_hashes(file: Path) -> None:
    found = pinned(file)
    assert len(found) > 30
    assert [each.name for each in found.values() if not each.hashes or len(set(each.hashes)) != len(each.hashes)] == []
    assert [(one, other) for one, other in pairwise(found) if one >= other] == []


@pytest.mark.parametrize(
    "line", ["click>=8", "click", "-e .", "--index-url x", "click==8.3.0 --hash=md5:00", "./click"]
)
def test_a_line_that_is_no_pin_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "run.txt").write_text(line + "\n")
    try:
        found = pinned(tmp_path / "run.txt")
    except Unlocked:
        return
    assert [each for each in found.values() if each.hashes] == []


def test_what_runs_is_pinned_alike_for_development() -> None:
    dev = pinned(DEV)
    assert {name: dev[name].version for name in pinned(RUN) if name in dev} == {
        name: each.version for name, each in pinned(RUN).items() if name in dev
    }


def test_every_distribution_that_is_installed_is_a_line() -> None:
    lines = {**pinned(RUN), **pinned(DEV)}
    installed = {re.sub(r"[-_.]+", "-", each.name).lower(): each.version.removeprefix("v") for each in distributions()}
    others = installed.keys() - lines.keys() - NO_PACKAGE - ELSEWHERE
    assert others == set()
    assert {
        name: version for name, version in installed.items() if name in lines and lines[name].version != version
    } == {}


@pytest.mark.parametrize(
    "name", sorted({each for kind in ("run", "extras", "dev", "build") for each in declared(kind)})
)
def test_every_dependency_was_decided_on(name: str) -> None:
    spelled = {"discord-py": "discord.py"}.get(name, name)
    assert re.search(rf"(?<![\w.-]){re.escape(spelled)}(?![\w-])", DECISIONS, re.IGNORECASE), (
        f"no decision about {name}"
    )


def test_every_licence_is_listed_and_allowed() -> None:
    assert set(LICENCES) == set(shipped())
    expressions = [*LICENCES.values(), *(each.licence for each in VENDORED)]
    assert {each for expression in expressions for each in parts(expression)} <= ALLOWED


def test_a_licence_is_what_the_distribution_says_of_itself() -> None:
    said = {name: said_of_itself(name) for name in LICENCES}
    assert {name: each for name, each in said.items() if each not in (None, LICENCES[name])} == {}
    assert sum(each is not None for each in said.values()) > 40


def test_the_page_is_what_the_lock_makes_of_it() -> None:
    assert PAGE.read_text() == page(), "write it anew: .venv/bin/python -m requirements.licences"


def test_what_stands_inside_others_is_of_the_version_that_is_listed() -> None:
    htmx, *postgres = VENDORED
    assert f'version:"{htmx.version}"' in (ROOT / htmx.where).read_text()
    programs = [installed_wheel().programs(major) / "postgres" for major in sorted(FOLDERS)]
    said = [subprocess.run([each, "--version"], capture_output=True, text=True, check=True).stdout for each in programs]
    assert [each.version for each in postgres] == [each.split()[-1] for each in said]


def test_of_each_release_that_is_brought_along_the_day_is_known() -> None:
    assert {each.version for each in VENDORED if each.name == "PostgreSQL"} <= set(RELEASED)


def test_the_bill_of_materials_has_every_component_and_is_the_same_twice(tmp_path: Path) -> None:
    for name in ("one", "two"):
        main(str(tmp_path / name))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    bill = json.loads((tmp_path / "one").read_text())
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    components = {each["bom-ref"]: each for each in bill["components"]}
    wanted = {f"pkg:pypi/{each.name}@{each.version}": each for each in shipped().values()}
    assert len(components) == len(bill["components"]) == len(wanted) + len(VENDORED)
    for reference, each in wanted.items():
        assert {digest["content"] for digest in components[reference]["hashes"]} == set(each.hashes)
        assert components[reference]["licenses"]
    named = {bill["metadata"]["component"]["bom-ref"], *components}
    assert {each for entry in bill["dependencies"] for each in (entry["ref"], *entry["dependsOn"])} <= named
    (own,) = (each for each in bill["dependencies"] if each["ref"] == bill["metadata"]["component"]["bom-ref"])
    assert {each.split("/")[1].split("@")[0] for each in own["dependsOn"]} == {*declared("run"), *declared("extras")}
