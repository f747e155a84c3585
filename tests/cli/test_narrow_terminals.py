"""What every page looks like on a terminal of any width: nothing is cut, nothing is wider where it can be folded."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest

from temple_ledger import cli
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.cli.conftest import ROOT
from tests.queries.builders import altered, role_created, unfoldable
from tests.thorough import THOROUGH

ADA = "500000000000000001"
ROLE = "400000000000000001"
PAGES = (
    ["status"],
    ["doctor"],
    ["member", "list"],
    ["member", "show", ADA],
    ["member", "explain", ADA],
    ["role", "list"],
    ["role", "members", ROLE],
    ["role", "diff", ROLE, "--between", "2020-01-01", "2030-01-01"],
    ["events", "list"],
    ["events", "show", "2"],
    ["verify"],
    ["verify", "--since-last"],
    ["verify", "list"],
    ["repair"],
    ["replay"],
    ["failures", "list"],
    ["projection", "list"],
    ["projection", "show", "members"],
    ["operations"],
    ["inbox", "sources"],
    ["config", "show"],
    ["db", "status"],
)
SHELL = "import sys, json; from temple_ledger import cli\nfor page in json.loads(sys.argv[1]): cli.main(page)"


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(role_created(ROLE, "Temple Acolyte"), joined(ADA, at(1)), role_added(ADA, ROLE, at(2), by=ADA))
    unfoldable(database, "500000000000000002", at(3))
    found.catch_up()
    altered(database, "update temple_member_status set status = 'departed'")
    return found


@pytest.mark.parametrize("columns", [40, 60, 80, 100] if THOROUGH else [40, 80])
def test_no_page_is_wider_than_the_terminal_or_cuts_an_id_or_a_time(
    ledger: LedgerScenario, environment: dict[str, str], tmp_path: Path, columns: int
) -> None:
    shown = on_a_terminal(columns, environment, tmp_path, PAGES)
    assert {line for line in shown if len(line) > columns and can_be_folded(line)} == set()
    text = "\n".join(shown)
    for whole in (ADA, ROLE, f"{at(2):%Y-%m-%d %H:%M:%S}"):
        assert whole in text


def can_be_folded(line: str) -> bool:
    """More than one word, and no command, which is copied as it is."""
    return len(line.split()) > 1 and not line.startswith("    temple ")


def on_a_terminal(columns: int, environment: dict[str, str], folder: Path, pages: Sequence[Sequence[str]]) -> list[str]:
    """What all of them print, one after the other."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SHELL, json.dumps(pages)],
        cwd=folder,
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT), "COLUMNS": str(columns), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(theirs)
        printed = b"".join(pieces(ours))
        os.close(ours)
        assert process.stderr is not None
        errors = process.stderr.read().decode()
    assert "Traceback" not in errors
    return click.unstyle(printed.decode()).splitlines()


def pieces(terminal: int) -> Iterator[bytes]:
    """Until nobody has it open any more, which a terminal says by an error."""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return
        if not piece:
            return
        yield piece


@pytest.mark.parametrize("columns", [60, 80, 100, 200] if THOROUGH else [60, 200])
def test_help_is_folded_but_for_its_examples_and_steers_no_terminal(
    environment: dict[str, str], tmp_path: Path, columns: int
) -> None:
    helps = [[*path, "--help"] for path in paths(cli.temple)]
    shown = on_a_terminal(columns, environment, tmp_path, helps)
    assert len(shown) > len(helps)
    assert "\b" not in "\n".join(shown)
    example = False
    for line in shown:
        example = bool(line.strip()) and (example or line.strip().startswith("Example"))
        assert example or len(line) <= min(columns, 100), line


def paths(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            each = command.get_command(context, name)
            assert each is not None
            yield from paths(each, (*path, name))
