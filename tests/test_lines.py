"""Lines of a process are read one by one: those after it are still there, for whoever asks next."""

import select
import subprocess

from tests.lines import unbuffered

PRINTED = "printf 'one\\ntwo\\nthree'"


def test_what_comes_with_a_line_is_left_for_the_next_reader() -> None:
    process = subprocess.Popen(["sh", "-c", PRINTED], stdout=subprocess.PIPE, text=True)
    unbuffered(process)
    process.wait(60)
    assert process.stdout is not None
    assert process.stdout.readline() == "one\n"
    assert select.select([process.stdout], [], [], 0)[0] == [process.stdout]
    assert process.communicate(timeout=60)[0] == "two\nthree"


def test_they_end_with_the_process() -> None:
    process = subprocess.Popen(["sh", "-c", PRINTED], stdout=subprocess.PIPE, text=True)
    unbuffered(process)
    with process:
        assert process.stdout is not None
        assert list(process.stdout) == ["one\n", "two\n", "three"]
