"""`./temple chaos`: the short form, whose storm it never is, and that it notices what is broken."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.plan import KINDS
from tests.mutants.mutants import ROOT, Mutant
from tests.mutants.trial import trial
from tests.runner.test_runner import wait_until

SECONDS: Final = 200
BROKEN: Final = (
    Mutant(
        "events are acknowledged that were rolled back",
        "infrastructure/log/append.py",
        "lambda connection: _insert_many(connection, entries))",
        'lambda connection: (connection.execute("begin"), _insert_many(connection, entries), '
        'connection.execute("rollback"))[1])',
        "",
    ),
    Mutant(
        "a paid tier never changes",
        "projections/members.py",
        "_MEMBER((member.joined_at, event.tier,",
        "_MEMBER((member.joined_at, member.tier,",
        "",
    ),
)
"""The second is in the one fold, so that verify cannot see it."""


def chaos(
    *arguments: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    ours: Mapping[str, str] = {name: value for name, value in os.environ.items() if not name.startswith("TEMPLE_")}
    paths = os.pathsep.join([str(folder / "src"), str(folder)])
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.chaos", *arguments],
        cwd=folder,
        env={**ours, "PYTHONPATH": paths, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_short_form_loses_nothing_and_sees_each_kind_of_fault_once() -> None:
    done = chaos("--seconds", "0", "--seed", "1", "--json")
    printed, notes = done.communicate(timeout=SECONDS)
    assert done.returncode == 0, printed + notes
    found = json.loads(printed)["data"]
    assert (found["lost"], found["wrong"], found["failed"]) == ([], [], [])
    assert {kind for kind, times in found["seen"].items() if times} | found["not_injected"].keys() == set(KINDS)
    assert found["acknowledged"] > 1_000


def test_what_is_broken_is_noticed() -> None:
    with trial() as copy:
        for each in BROKEN:
            file = copy.folder / each.file
            file.write_text(each.applied(file.read_text()))
        done = chaos("--seconds", "3", "--fault", "backend terminated", "--json", folder=copy.folder)
        printed, notes = done.communicate(timeout=SECONDS)
    assert done.returncode == 3, printed + notes
    found = json.loads(printed)["data"]
    assert any("was acknowledged and is not in the log" in each for each in found["lost"])
    assert any("and the oracle says" in each for each in found["wrong"])


def test_interrupted_it_ends_what_it_started() -> None:
    running = chaos("--seconds", "60", "--fault", "gap held")
    assert running.stderr is not None
    lines = iter(running.stderr.readline, "")
    place = next(line for line in lines if line.startswith("it lies in ")).split()[-1]
    assert next(lines).startswith("raging")
    assert Path(place).exists()
    running.send_signal(signal.SIGINT)
    assert running.wait(SECONDS) == 130
    assert not Path(place).exists()
    # what a process of ours had started sees that it is gone, and ends itself
    wait_until(lambda: processes_of(place) == [])


def processes_of(place: str) -> list[str]:
    """Whose arguments or environment name it."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            try:
                text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                # gone meanwhile, or somebody else's
                continue
            if place.encode() in text:
                found.append(f"{process.name}: {text[:200]!r}")
    return found


@pytest.mark.parametrize("variable", ["TEMPLE_DATABASE_URL", "TEMPLE_HOME"])
def test_what_is_somebodys_is_not_stormed(variable: str, tmp_path: Path) -> None:
    done = chaos("--seconds", "0", environment={variable: str(tmp_path)})
    printed, notes = done.communicate(timeout=SECONDS)
    assert (done.returncode, printed) == (5, "")
    assert notes.startswith(f"temple: {variable} is ")
