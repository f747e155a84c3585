"""A demo community, from its generator straight into the log."""

import io
from collections.abc import Iterator

from temple_ledger.infrastructure.demo import Community, generate
from temple_ledger.infrastructure.log.import_lines import Imported, import_lines
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import Stop
from temple_ledger.projections.registry import catalogue


class _Lines(io.RawIOBase):
    """The lines as a file that is read while they are made."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while len(self._left) < len(buffer):
            line = next(self._lines, None)
            if line is None:
                break
            self._left += f"{line}\n".encode()
        given, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


def import_community(session: Session, community: Community, stop: Stop) -> Imported:
    """Ends early, with whole lines, when it is asked to stop."""
    with bar(session.progress, "importing", community.events, "lines") as shown:
        return import_lines(
            session.database,
            io.BufferedReader(_Lines(generate(community)), buffer_size=64 * 1024),
            progress=lambda done: shown.at(done.read),
            catalogue=catalogue(),
            name="demo community",
            stopped=lambda: stop.asked,
        )
