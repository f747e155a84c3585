"""`temple …` as somebody types it: in this process, on the database of the test."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog
from click.testing import CliRunner

from temple_ledger import cli
from temple_ledger.infrastructure.database.connection import Database
from tests.lines import unbuffered

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def data(self) -> Any:
        """What --json printed."""
        return json.loads(self.stdout)["data"]


class Typed(Protocol):
    def __call__(self, *arguments: str, stdin: str | bytes | None = None, **environment: str | None) -> Ended: ...


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The state directory of the test."""
    return tmp_path / "home"


@pytest.fixture
def environment(database: Database, home: Path) -> dict[str, str]:
    return {"TEMPLE_DATABASE_URL": database.dsn, "TEMPLE_HOME": str(home), "TEMPLE_METRICS_PORT": "0"}


@pytest.fixture
def temple(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Typed]:
    """Called with the arguments; keywords are further variables of the environment, None takes one away."""
    monkeypatch.chdir(tmp_path)  # where no temple.toml lies

    def run(*arguments: str, stdin: str | bytes | None = None, **more: str | None) -> Ended:
        result = CliRunner().invoke(cli.temple, list(arguments), input=stdin, env={**environment, **more})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    yield run
    structlog.reset_defaults()


@pytest.fixture
def spawn(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts `temple …` as a process of its own; ended after the test if it has not by then."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, stdout: int = subprocess.PIPE, **more: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "temple_ledger.cli", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        unbuffered(process)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
