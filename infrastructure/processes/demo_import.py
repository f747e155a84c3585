"""A demo community, from its generator straight into the log."""

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.demo import Community, generate
from temple_ledger.infrastructure.demo.names import bot_names, person_name
from temple_ledger.infrastructure.log.import_lines import Imported, import_lines
from temple_ledger.infrastructure.names.name import PersonKind, PersonName
from temple_ledger.infrastructure.names.nicknames import FILE, write_nicknames
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import Stop
from temple_ledger.projections.registry import catalogue

MOST_NAMED: Final = 100_000


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


def name_community(session: Session, community: Community) -> int:
    """Writes the file of nicknames, unless there is one: a demo has no Discord to ask. How many people have a name."""
    file = session.settings.nicknames or session.settings.home / FILE
    if file.exists():
        return 0
    everybody = {"status": None, "role": None, "tier": None, "after": "", "limit": MOST_NAMED}
    with snapshot(session.database) as connection:
        ids = [user_id for (user_id,) in connection.execute(statement("read_member_list"), everybody)]
    names = {user_id: PersonName(person_name(user_id)) for user_id in ids if user_id.isdigit()}
    names |= {user_id: PersonName(name, PersonKind.BOT) for user_id, name in bot_names(community)}
    write_nicknames(file, names.items())
    return len(names)


def import_community(session: Session, community: Community, end: datetime, stop: Stop) -> Imported:
    """Its history up to *end*. Ends early, with whole lines, when it is asked to stop."""
    with bar(session.progress, "importing", community.events, "lines") as shown:
        return import_lines(
            session.database,
            io.BufferedReader(_Lines(generate(community, end=end)), buffer_size=64 * 1024),
            progress=lambda done: shown.at(done.read),
            catalogue=catalogue(),
            name="demo community",
            stopped=lambda: stop.asked,
        )
