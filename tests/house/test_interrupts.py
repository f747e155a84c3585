"""A test that interrupts something holds wherever the tests were started, in the background of a shell too."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STARTED_IN_THE_BACKGROUND = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
import tests.conftest
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


def test_an_interrupt_arrives_in_tests_that_were_started_where_it_is_ignored() -> None:
    started = [sys.executable, "-c", STARTED_IN_THE_BACKGROUND]
    assert subprocess.run(started, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "True\n"
