"""Whoever writes a file can be interrupted, also where it is a pipe that nobody reads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from temple_ledger.infrastructure.log.unbuffered_file import UnbufferedFile
from tests.ending import raised_by
from tests.pipes import UnreadPipe


@pytest.fixture
def unread(tmp_path: Path) -> Iterator[UnreadPipe]:
    pipe = UnreadPipe(tmp_path / "unread")
    yield pipe
    pipe.close()


def test_an_interrupted_writer_does_not_wait_for_a_reader_when_it_closes_the_file(unread: UnreadPipe) -> None:
    def interrupted() -> None:
        with UnbufferedFile(unread.path) as file:
            file.write("a line\n")
            unread.fill()
            raise KeyboardInterrupt

    assert isinstance(raised_by(interrupted), KeyboardInterrupt)


def test_what_was_written_is_in_the_file_before_it_is_closed(tmp_path: Path) -> None:
    with UnbufferedFile(tmp_path / "lines") as file:
        file.write("Zoë ☕\n")
        assert (tmp_path / "lines").read_text(encoding="utf-8") == "Zoë ☕\n"


def test_a_file_is_written_anew_or_added_to(tmp_path: Path) -> None:
    for text in ("one\n", "two\n"):
        with UnbufferedFile(tmp_path / "lines") as file:
            file.write(text)
    with UnbufferedFile(tmp_path / "lines", "a") as file:
        file.write("three\n")
    assert (tmp_path / "lines").read_text() == "two\nthree\n"
