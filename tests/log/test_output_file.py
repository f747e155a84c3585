"""Every file that is written for somebody: a regular one is replaced whole, everything else is written through."""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from temple_ledger.infrastructure.log.output_file import PRIVATE, replaced, through
from tests.ending import raised_by, result_of
from tests.pipes import UnreadPipe


@pytest.fixture
def unread(tmp_path: Path) -> Iterator[UnreadPipe]:
    pipe = UnreadPipe(tmp_path / "unread")
    yield pipe
    pipe.close()


def write(path: Path, text: str = "new\n") -> None:
    with replaced(path) as file:
        file.write(text)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_interrupted_writer_does_not_wait_for_a_reader_when_it_closes_the_file(unread: UnreadPipe) -> None:
    def interrupted() -> None:
        with replaced(unread.path) as file:
            file.write("a line\n")
            unread.fill()
            raise KeyboardInterrupt

    assert isinstance(raised_by(interrupted), KeyboardInterrupt)


def test_what_was_written_through_is_in_the_file_before_it_is_closed(tmp_path: Path) -> None:
    with closing(through(tmp_path / "lines")) as file:
        file.write("Zoë ☕\n")
        assert (tmp_path / "lines").read_text(encoding="utf-8") == "Zoë ☕\n"


def test_a_file_is_written_anew_or_added_to(tmp_path: Path) -> None:
    for text, append in (("one\n", False), ("two\n", False), ("three\n", True)):
        with closing(through(tmp_path / "lines", append=append)) as file:
            file.write(text)
    assert (tmp_path / "lines").read_text() == "two\nthree\n"


def test_a_file_is_replaced_when_the_new_one_is_whole(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("old\n")
    with replaced(tmp_path / "lines") as file:
        file.write("new\n")
        assert (tmp_path / "lines").read_text() == "old\n"
    assert (tmp_path / "lines").read_text() == "new\n"
    assert [each.name for each in tmp_path.iterdir()] == ["lines"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_was_not_finished_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    (tmp_path / "lines").write_text("old\n")

    def unfinished() -> None:
        with replaced(tmp_path / "lines") as file:
            file.write("new\n")
            raise error

    assert isinstance(raised_by(unfinished), error)
    assert (tmp_path / "lines").read_text() == "old\n"
    assert [each.name for each in tmp_path.iterdir()] == ["lines"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    (tmp_path / "lines").write_text("old\n")
    (tmp_path / "lines").chmod(mode)
    write(tmp_path / "lines")
    assert (mode_of(tmp_path / "lines"), (tmp_path / "lines").read_text()) == (mode, "new\n")


def test_a_new_file_has_the_mode_of_the_umask_or_the_one_that_is_wanted(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "by umask")
        with replaced(tmp_path / "wanted", mode=0o755) as file:
            file.write("new\n")
        through(tmp_path / "private", mode=PRIVATE).close()
    finally:
        os.umask(before)
    assert [mode_of(tmp_path / name) for name in ("by umask", "wanted", "private")] == [0o640, 0o755, 0o600]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_replaced_file_stays_with_its_owner(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("old\n")
    os.chown(tmp_path / "lines", 65534, 65534)
    write(tmp_path / "lines")
    assert (tmp_path / "lines").stat().st_uid == 65534


def test_a_symbolic_link_stays_one_and_what_is_behind_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "of 2026").write_text("old\n")
    (tmp_path / "of 2026").chmod(0o640)
    (tmp_path / "latest").symlink_to("of 2026")
    write(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert ((tmp_path / "of 2026").read_text(), mode_of(tmp_path / "of 2026")) == ("new\n", 0o640)


def test_a_link_that_leads_to_nothing_yet_gets_its_file(tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to("of 2027")
    write(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "of 2027").read_text() == "new\n"


@pytest.mark.parametrize("by_link", [False, True])
def test_a_fifo_is_written_through(tmp_path: Path, by_link: bool) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "fifo").read_text()), daemon=True)
    reader.start()
    result_of(lambda: write(tmp_path / ("link" if by_link else "fifo")))
    reader.join(60)
    assert read == ["new\n"]
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["fifo", "link"]


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A node of our own that means the same device as /dev/null; the machine's own one is never touched."""
    node = tmp_path / "null"
    try:
        os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        node.write_bytes(b"")
    except PermissionError:
        pytest.skip("only root makes device nodes, and not everywhere")
    return node


@pytest.mark.parametrize("by_link", [False, True])
def test_a_device_is_written_through(tmp_path: Path, device: Path, by_link: bool) -> None:
    (tmp_path / "link").symlink_to("null")
    write(tmp_path / "link" if by_link else device)
    assert stat.S_ISCHR(device.stat().st_mode)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "null"]


@pytest.mark.parametrize("folder", ["/dev/fd", "/proc/self/fd"])
def test_a_descriptor_is_written_where_it_stands(tmp_path: Path, folder: str) -> None:
    with (tmp_path / "lines").open("w+b", buffering=0) as file:
        file.write(b"before\n")
        write(Path(f"{folder}/{file.fileno()}"))
        file.write(b"after\n")
    assert (tmp_path / "lines").read_text() == "before\nnew\nafter\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_in_a_folder_that_is_closed_to_us_is_written_in_place(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "lines").write_text("old and longer\n")
    (tmp_path / "closed").chmod(0o500)
    write(tmp_path / "closed" / "lines")
    (tmp_path / "closed").chmod(0o700)
    assert (tmp_path / "closed" / "lines").read_text() == "new\n"


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        write(tmp_path / "nowhere" / "lines")
    assert raised.value.filename == str(tmp_path / "nowhere" / "lines")
