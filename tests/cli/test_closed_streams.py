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
