"""Every file that a command writes for somebody is written here.

A regular file is replaced when the new one is whole, with its mode and its owner, so that nobody ever reads half of
it. Everything else that has a name, such as a device, a FIFO or a descriptor in /dev/fd, is written through; through a
symbolic link goes what is behind it. Nothing is buffered: a buffer is flushed when its file is closed, also by somebody
who was interrupted because the reader of a pipe does not read, and then it waits again, and for good.
"""

import errno
import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Final

_DESCRIPTOR: Final = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
_STREAMS: Final = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_CANNOT_BE_REPLACED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY})
"""A folder that is closed to us, or a single file that is mounted: what it holds may be written all the same."""

_BY_UMASK: Final = 0o666
PRIVATE: Final = 0o600
"""The mode of a new file that repeats what people sent."""


class OutputFile:
    """Writes at once, in UTF-8. Meant for large pieces: each `write` is a call of the system."""

    written_through: ClassVar[int] = 0
    """How many pieces this process has written into what cannot be replaced, nor written a second time."""

    def __init__(self, descriptor: int, name: Path, *, is_through: bool = False) -> None:
        self._descriptor = descriptor
        self._name = name
        self._is_through = is_through

    def write(self, text: str | bytes) -> None:
        """All of it. Raises OSError."""
        OutputFile.written_through += self._is_through
        rest = memoryview(text.encode() if isinstance(text, str) else text)
        with naming(self._name):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def fileno(self) -> int:
        """For a program of others that writes there itself."""
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


@contextmanager
def replaced(path: Path, *, mode: int | None = None) -> Iterator[OutputFile]:
    """What the block writes takes the place of what is there, when the block has ended without an error.

    *mode* is that of a new file; None leaves it to the umask. Raises OSError.
    """
    if not _is_replaceable(path):
        with _closing(through(path, mode=mode)) as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    part = _part_of(target, path)
    if part is None:
        with _closing(through(target, mode=mode)) as file:
            yield file
        return
    descriptor, unfinished = part
    try:
        with _closing(OutputFile(descriptor, path)) as file:
            _like_what_is_there(descriptor, target, mode)
            yield file
        _put_in_place(unfinished, target, mode)
    except BaseException:
        with suppress(FileNotFoundError):
            unfinished.unlink()
        raise


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """An error of reading or writing that does not name its file, as of a library of others, names this one."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        why = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno, why, str(path)) from error


def require_writable(path: Path) -> None:
    """Before anything is done that would be lost otherwise. Raises OSError, whose text says why; makes no file."""
    try:
        why = _why_not_writable(path)
    except OSError as error:
        why = os.strerror(error.errno or 0)
    if why is not None:
        raise OSError(errno.EINVAL, f"cannot be written: {why}", str(path))


def _why_not_writable(path: Path) -> str | None:
    descriptor = descriptor_of(path)
    if descriptor is not None:
        return _why_not_open(descriptor)
    target = Path(os.path.realpath(path))
    try:
        there = target.stat()
    except FileNotFoundError:
        return _why_no_new_file(target.parent)
    except NotADirectoryError:
        return f"{target.parent} is no directory"
    if stat.S_ISDIR(there.st_mode):
        return "it is a directory; name a file in it"
    if stat.S_ISSOCK(there.st_mode):
        return "it is a socket"
    return None if os.access(target, os.W_OK) else os.strerror(errno.EACCES)


def _why_no_new_file(folder: Path) -> str | None:
    if not folder.exists():
        return f"there is no directory {folder}"
    if not folder.is_dir():
        return f"{folder} is no directory"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"{folder} is closed to this account"


def _why_not_open(descriptor: int) -> str | None:
    try:
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
    except OSError:
        return "this process has nothing open there"
    return "it is open for reading only" if mode == os.O_RDONLY else None


def through(path: Path, *, append: bool = False, mode: int | None = None) -> OutputFile:
    """Writes into what is there, from its beginning or, with *append*, behind its end; a file is made where there is
    none. Raises OSError."""
    descriptor = descriptor_of(path)
    if descriptor is not None:
        return OutputFile(os.dup(descriptor), path, is_through=True)
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY | (os.O_APPEND if append else os.O_TRUNC)
    if not path.exists():
        # of a name that is there, the kernel may refuse O_CREAT: fs.protected_fifos
        flags |= os.O_CREAT
    return OutputFile(os.open(path, flags, _BY_UMASK if mode is None else mode), path, is_through=True)


@contextmanager
def _closing(file: OutputFile) -> Iterator[OutputFile]:
    try:
        yield file
    finally:
        file.close()


def _is_replaceable(path: Path) -> bool:
    """Whether there is a regular file, or none yet."""
    if descriptor_of(path) is not None:
        return False
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def descriptor_of(path: Path) -> int | None:
    """Of a name that means a descriptor of ours: opening it again would begin at the beginning of a file."""
    named = os.path.normpath(path.absolute())
    found = _DESCRIPTOR.fullmatch(named)
    return int(found[1]) if found else _STREAMS.get(named)


def _part_of(target: Path, given: Path) -> tuple[int, Path] | None:
    """A new file beside the target; None where none can be made but the target could be written."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        if error.errno in _CANNOT_BE_REPLACED and target.exists():
            return None
        # the name that was given, not the one that was tried
        raise OSError(error.errno, os.strerror(error.errno or 0), str(given)) from None
    return descriptor, Path(name)


def _like_what_is_there(descriptor: int, target: Path, mode: int | None) -> None:
    try:
        before = target.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, _BY_UMASK & ~_umask() if mode is None else mode)
        return
    with suppress(PermissionError):
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _put_in_place(unfinished: Path, target: Path, mode: int | None) -> None:
    try:
        unfinished.replace(target)
    except OSError as error:
        if error.errno not in _CANNOT_BE_REPLACED:
            raise
        with _closing(through(target, mode=mode)) as file, unfinished.open("rb") as written:
            while piece := written.read(1 << 20):
                file.write(piece)
        unfinished.unlink()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
