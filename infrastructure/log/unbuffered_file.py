"""A text file that holds nothing back."""

from pathlib import Path
from types import TracebackType
from typing import Literal, Self


class UnbufferedFile:
    """Writes at once, in UTF-8, so that closing it never waits.

    A buffer is flushed when its file is closed, also by somebody who was interrupted because the reader of a pipe does
    not read: then it waits again, and for good. Meant for large pieces: each `write` is a call of the system.
    """

    def __init__(self, path: Path, mode: Literal["w", "a"] = "w") -> None:
        """Raises OSError."""
        self._file = path.open(f"{mode}b", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, text: str) -> None:
        """All of it. Raises OSError."""
        rest = memoryview(text.encode())
        while rest:
            rest = rest[self._file.write(rest) :]

    def close(self) -> None:
        self._file.close()
