"""What ./temple does before any code of ours runs, and what its requirements may say."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]
EXTRAS = ("archive", "ray")
TOOLS = ("cat", "cksum", "grep", "readlink", "rm", "sh")
TERM = r"[a-z_]+ [!=<>]=? '[\w.]+'"
ENTRY = re.compile(
    rf"(?P<name>[a-z0-9-]+)==(?P<version>[0-9a-z.]+)(?: ; {TERM}(?: (?:or|and) {TERM})?)?"
    r"(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    r"(?:    #.*\n)*"
)


def pins(kind: str) -> dict[str, str]:
    """Name to version; fails on anything that is not a name, a version, a marker, a hash or a comment."""
    text = re.sub(r"\A(?:#.*\n)+", "", (HERE / "requirements" / f"{kind}.txt").read_text())
    assert not ENTRY.sub("", text)
    return {entry["name"]: entry["version"] for entry in ENTRY.finditer(text)}


def names(requirements: list[str]) -> set[str]:
    """As the pins spell them: a dot in a name is a dash there."""
    return {re.split(r"[\[>=<;]", requirement)[0].replace(".", "-") for requirement in requirements}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose environment ./temple takes for current; its commands print how they were called."""
    root = tmp_path / "a checkout"
    (root / "requirements").mkdir(parents=True)
    for name in ("temple", "pyproject.toml", *(f"requirements/{kind}.txt" for kind in ("run", "dev", *EXTRAS))):
        shutil.copy(HERE / name, root / name)
    commands = root / ".venv" / "bin"
    commands.mkdir(parents=True)
    for name in ("python", "temple"):
        (commands / name).write_text(f'#!/bin/sh\nprintf "%s|" {name} "$PWD" "$@"\n')
        (commands / name).chmod(0o755)
    for kind in ("run", "dev"):
        made_from = [root / "pyproject.toml", root / "requirements" / f"{kind}.txt"]
        stamp = subprocess.run(["cksum", *made_from], capture_output=True, check=True).stdout
        (root / ".venv" / f"temple-{kind}").write_bytes(stamp)
    return root


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with what ./temple needs, and no Python."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    return folder


def put_python(tools: Path, *, that: str) -> None:
    """This Python, after the statement *that*, as the python3 of the PATH."""
    python = tools / "python3"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -c "import sys; {that}\n$3"\n')
    python.chmod(0o755)


def call(script: Path, *arguments: str, tools: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script, *arguments],
        cwd=folder,
        env={**os.environ, "PATH": str(tools)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_requirements_hold_names_versions_and_hashes_only() -> None:
    run, dev = pins("run"), pins("dev")
    assert run.items() <= dev.items()
    for extra in EXTRAS:
        assert pins(extra).items() <= dev.items()


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())
    build = names(project["build-system"]["requires"])
    assert names(project["project"]["dependencies"]) | build <= pins("run").keys()
    assert names(project["dependency-groups"]["dev"]) <= pins("dev").keys()
    assert set(project["project"]["optional-dependencies"]) == set(EXTRAS)
    for extra in EXTRAS:
        assert names(project["project"]["optional-dependencies"][extra]) <= pins(extra).keys()


def test_a_current_environment_is_used_as_it_is(checkout: Path, tools: Path, tmp_path: Path) -> None:
    answer = call(checkout / "temple", "member", "show", "a b", tools=tools, folder=tmp_path)
    assert (answer.stdout, answer.stderr) == (f"temple|{tmp_path}|member|show|a b|", "")


def test_it_can_be_called_through_a_link(checkout: Path, tools: Path, tmp_path: Path) -> None:
    link = tmp_path / "temple"
    link.symlink_to(checkout / "temple")
    assert call(link, "status", tools=tools, folder=tmp_path).stdout == f"temple|{tmp_path}|status|"


@pytest.mark.parametrize(("word", "module"), [("test", "pytest"), ("bench", "bench"), ("chaos", "tests.chaos")])
def test_tests_benchmarks_and_chaos_run_in_the_checkout(
    word: str, module: str, checkout: Path, tools: Path, tmp_path: Path
) -> None:
    answer = call(checkout / "temple", word, "-k", "a b", tools=tools, folder=tmp_path)
    assert answer.stdout == f"python|{checkout}|-m|{module}|-k|a b|"


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ([], "-n|auto|--dist|worksteal|-m|not long"),
        (["--long"], "-n|auto|--dist|worksteal|-m|long"),
        (["--thorough"], "-n|auto|--dist|worksteal|-m|"),
        (["-q", "tests/web"], "-q|tests/web"),
        (["--long", "-q", "tests/web"], "-m|long|-q|tests/web"),
        (["--thorough", "-q", "tests/web"], "-q|tests/web"),
    ],
)
def test_a_whole_run_is_of_all_but_the_long_tests_or_of_those_alone_and_a_part_is_all_of_it(
    typed: list[str], called: str, checkout: Path, tools: Path
) -> None:
    answer = call(checkout / "temple", "test", *typed, tools=tools, folder=checkout)
    assert answer.stdout == f"python|{checkout}|-m|pytest|{called}|"


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_installed_with_its_hashes_beside_the_rest(
    extra: str, checkout: Path, tools: Path, tmp_path: Path
) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\ncase $* in *" -c "*) echo usable here ;; *) echo "$@" >>"$0.log" ;; esac\n')
    put_python(tools, that="pass")
    answer = call(checkout / "temple", "extra", extra, tools=tools, folder=tmp_path)
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr
    assert answer.stderr.endswith(f"temple: {extra} is installed\n")
    installs = [line for line in python.with_name("python.log").read_text().splitlines() if "install" in line]
    assert len(installs) == 1
    assert f"--require-hashes --only-binary :all: -r {checkout}/requirements/{extra}.txt" in installs[0]


def test_an_extra_that_there_is_not_is_refused(checkout: Path, tools: Path, tmp_path: Path) -> None:
    answer = call(checkout / "temple", "extra", "everything", tools=tools, folder=tmp_path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "which one? ./temple extra archive, or ./temple extra ray" in answer.stderr


def test_a_changed_pyproject_makes_the_environment_out_of_date(checkout: Path, tools: Path) -> None:
    with (checkout / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    answer = call(checkout / "temple", "status", tools=tools, folder=checkout)
    assert (answer.returncode, answer.stdout) == (1, "")


def test_a_moved_checkout_is_out_of_date(checkout: Path, tools: Path, tmp_path: Path) -> None:
    moved = checkout.rename(tmp_path / "moved")
    answer = call(moved / "temple", "status", tools=tools, folder=tmp_path)
    assert (answer.returncode, answer.stdout) == (1, "")


@pytest.mark.parametrize(
    ("that", "sentence"),
    [
        pytest.param(
            None,
            "Python 3.11 or newer is needed, and there is none on the PATH: apt install python3 python3-venv",
            id="none",
        ),
        pytest.param(
            "sys.version_info = (3, 9, 2)",
            "Python 3.11 to 3.14 is needed, and this machine has 3.9: install one beside it"
            " (apt install python3.11 python3.11-venv)",
            id="too old",
        ),
        pytest.param(
            "sys.modules['ensurepip'] = None; sys.version_info = (3, 11, 2)",
            "Python 3.11 has no venv: apt install python3-venv (or python3.11-venv)",
            id="without venv",
        ),
    ],
)
def test_without_a_usable_python_it_says_what_to_install(
    that: str | None, sentence: str, checkout: Path, tools: Path
) -> None:
    shutil.rmtree(checkout / ".venv")
    if that is not None:
        put_python(tools, that=that)
    answer = call(checkout / "temple", "status", tools=tools, folder=checkout)
    assert answer.returncode == 1
    assert answer.stderr == f"temple: {sentence}, then call again.\n"
    assert not (checkout / ".venv").exists()
