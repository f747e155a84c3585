"""A folder that goes with the process that made it, however that ends; never somebody else's."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from temple_ledger.infrastructure.log.temporary_folder import temporary_folder

KIND = "temple-child-"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def made_and(ended: Callable[[Path], None]) -> None:
    """In a process of its own."""
    child = os.fork()
    if child == 0:
        with temporary_folder(KIND) as folder:
            (folder / "mark").write_bytes(b"\0")
            (folder / "more").mkdir()
            ended(folder)
        os._exit(0)
    os.waitpid(child, 0)


def killed(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_it_is_gone_after_its_block(place: Path) -> None:
    with temporary_folder(KIND) as folder:
        (folder / "mark").write_bytes(b"\0")
        assert (folder.parent, folder.stat().st_mode & 0o777) == (place, 0o700)
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_one(place: Path) -> None:
    made_and(killed)
    (left,) = place.iterdir()
    with temporary_folder(KIND) as folder:
        assert list(place.iterdir()) == [folder]
        assert folder != left


def test_what_a_living_process_has_stays(place: Path) -> None:
    with temporary_folder(KIND) as folder:
        made_and(lambda _: None)
        made_and(killed)
        with temporary_folder(KIND):
            assert folder.is_dir()
            assert len(list(place.iterdir())) == 2


def test_what_is_of_another_kind_or_of_somebody_else_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without our lock, a link, a file, another kind; and all of them to another user."""
    made_and(killed)
    (left,) = place.iterdir()
    (place / f"{KIND}by-hand").mkdir()
    (place / f"{KIND}file").touch()
    (place / f"{KIND}link").symlink_to(left)
    left.rename(place / "elsewhere")
    before = sorted(place.iterdir())
    with temporary_folder(KIND):
        pass
    assert sorted(place.iterdir()) == before
    (place / "elsewhere").rename(left)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with temporary_folder(KIND):
        pass
    assert left.is_dir()
