"""Lines that were not imported, kept with the reason, so that they can be mended and imported again."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from temple_ledger.infrastructure.log.output_file import PRIVATE, OutputFile, require_writable, through

KEPT_CHARACTERS: Final = 10_000


class Reject(NamedTuple):
    line: int
    reason: str
    text: bytes


class RejectsFile:
    """JSON lines: `line`, `reason` and `text`, the original, cut off when huge.

    Written anew by each import, once there is something to write; readable by its owner only, as it repeats what
    people sent. With no path, nothing is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: OutputFile | None = None

    def __enter__(self) -> Self:
        """Raises OSError where no file could be written, as `require_writable` does."""
        if self._path is not None:
            require_writable(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, rejects: Iterable[Reject]) -> None:
        """Raises OSError."""
        lines = [json.dumps(_as_object(reject), ensure_ascii=False) + "\n" for reject in rejects]
        if self._path is None or not lines:
            return
        if self._file is None:
            self._file = through(self._path, mode=PRIVATE)
        self._file.write("".join(lines))


def _as_object(reject: Reject) -> dict[str, int | str]:
    # bytes that are no text are shown as \xff
    text = reject.text[: 4 * KEPT_CHARACTERS].decode(errors="backslashreplace").rstrip("\r\n")
    if len(text) > KEPT_CHARACTERS or len(reject.text) > 4 * KEPT_CHARACTERS:
        text = text[:KEPT_CHARACTERS] + "…"
    return {"line": reject.line, "reason": reject.reason, "text": text}
