"""Every file and folder that can be named: what cannot be one is refused with a sentence that has the given name."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.terminal.file_arguments import FileToRead, FileToWrite, Folder
from tests.cli.conftest import Typed
from tests.cli.test_no_ledger import LEAVES

WRITING: Final = (
    ["events", "export", "-o"],
    ["db", "dump"],
    ["demo", "--events", "10", "-o"],
    ["events", "import", "/dev/null", "--rejects"],
)
READING: Final = (["events", "import"], ["db", "restore"], ["member", "erase", "--again"])
EVERY: Final = (*WRITING, *READING, ["reconcile", "--details"], ["monitoring", "export"])


def test_there_is_no_other_way_to_name_a_file() -> None:
    given = {
        (verb, str(param.name))
        for verb, command in LEAVES.items()
        for param in command.params
        if isinstance(param.type, click.Path) and not isinstance(param.type, FileToRead | FileToWrite | Folder)
    }
    assert given == {("run", "watched")}, "`run --watched` is hidden, and for processes of our own"


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_refused_and_nothing_is_written(
    temple: Typed, tmp_path: Path, words: list[str], name: str
) -> None:
    before = set(tmp_path.iterdir())
    ended = temple(*words, name)
    assert (ended.code, ended.stdout) == (2, "")
    assert "the name is empty" in ended.stderr
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("words", [*WRITING, *READING, ["reconcile", "--details"]], ids=" ".join)
def test_a_directory_is_refused_by_its_name(temple: Typed, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "folder").mkdir()
    ended = temple(*words, "folder")
    assert ended.code == 2
    assert "'folder' is a directory" in ended.stderr


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_file_that_is_not_there_is_refused_by_its_name(temple: Typed, words: list[str]) -> None:
    ended = temple(*words, "nodir/none")
    assert ended.code == 2
    assert "'nodir/none' does not exist" in ended.stderr


@pytest.fixture
def unusable(tmp_path: Path) -> Iterator[dict[str, str]]:
    """By name, why nothing can be written there."""
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("gone/target")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
        yield {
            "nodir/x": f"there is no directory {tmp_path / 'nodir'}",
            "file/x": f"{tmp_path / 'file'} is no directory",
            "link": f"there is no directory {tmp_path / 'gone'}",
            "loop": "Too many levels of symbolic links",
            "socket": "it is a socket",
            "x" * 300: "File name too long",
            "/dev/fd/987": "this process has nothing open there",
            "/proc/self/fd/987": "this process has nothing open there",
        }


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
def test_where_nothing_can_be_written_nothing_is_begun(
    temple: Typed, database: Database, unusable: dict[str, str], tmp_path: Path, words: list[str]
) -> None:
    for name, why in unusable.items():
        before = {each: os.lstat(each).st_mtime_ns for each in tmp_path.iterdir()}
        ended = temple(*words, name)
        assert (ended.code, ended.stdout) == (1, ""), name
        assert ended.stderr == f"temple: {name}: cannot be written: {why}\n"
        assert {each: os.lstat(each).st_mtime_ns for each in tmp_path.iterdir()} == before
