"""A command that was started without stdin, stdout or stderr does what it does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DESCRIPTORS = """
import os
from temple_ledger.cli import main
code = main(["run", "--until-caught-up"])
os.write(9, f"{code} {os.open(os.devnull, os.O_RDONLY) > 2}".encode())
"""


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
def test_events_from_a_stdin_that_is_closed_are_no_empty_file(
    environment: dict[str, str], tmp_path: Path, name: str
) -> None:
    command = ["sh", "-c", 'exec "$0" -m temple_ledger.cli events import "$1" <&-', sys.executable, name]
    ended = subprocess.run(
        command, env={**os.environ, **environment}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "stdin is closed" in ended.stderr


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_without_a_stream_a_command_does_the_same_and_its_number_is_of_nothing_else(
    closed: str,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    done = tmp_path / "done"
    line = f'exec "$0" -c "$1" 9>"$2" {closed}'
    command = ["sh", "-c", line, sys.executable, DESCRIPTORS, str(done)]
    subprocess.run(command, env={**os.environ, **environment}, cwd=tmp_path, check=False)
    assert done.read_text() == "0 True"
