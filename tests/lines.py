"""The lines that a process prints, with nothing read ahead of the one that is asked for."""

import io
import subprocess


class Lines(io.TextIOBase):
    """Python's own stream reads all that is there: of two lines that come together the second lies in its buffer, where
    neither `select` nor `communicate` finds it."""

    encoding = "utf-8"
    errors = "strict"

    def __init__(self, stream: io.FileIO) -> None:
        self._stream = stream

    def fileno(self) -> int:
        return self._stream.fileno()

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]  # the stubs differ from io's own
        line = bytearray()
        while not line.endswith(b"\n") and (byte := self._stream.read(1)):
            line += byte
        return line.decode()

    def read(self, size: int | None = -1, /) -> str:
        return self._stream.readall().decode()

    def close(self) -> None:
        self._stream.close()
        super().close()


def unbuffered(process: "subprocess.Popen[str]") -> None:
    """Its streams from now on are `Lines`: nothing was read yet."""
    for name in ("stdout", "stderr"):
        if (stream := getattr(process, name)) is not None:
            setattr(process, name, Lines(stream.detach().detach()))
