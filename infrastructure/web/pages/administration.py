"""`/admin`: versions, migrations, disk, settings and where they come from, and who is signed in."""

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic import SecretStr

from temple_ledger.infrastructure.database.migrations import applied, pending
from temple_ledger.infrastructure.database.pool import Connection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.settings import Setting
from temple_ledger.infrastructure.version import version
from temple_ledger.infrastructure.web.asked import Asked
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.listing import Listing

COLUMNS: Final = ("name", "value", "from")
HIDDEN: Final = "set, not shown"
NOT_SET: Final = "not set"
UNCHANGED: Final = "default"
"""Where a setting comes from that nobody set."""


class SessionRow(NamedTuple):
    id: int
    person: str
    rights: list[str]
    how: str
    signed_in_at: Any
    last_seen_at: Any


def administration(console: Console, asked: Asked) -> Page:
    with console.reading() as connection:
        facts = list(_facts(console, connection))
        sessions = [SessionRow(*row) for row in connection.execute(statement("web_session_list"))]
    settings = [_shown(each) for each in console.list_settings()]
    data: dict[str, Any] = {
        "facts": facts,
        "sessions": sessions,
        "own": asked.session.id,
        "settings": [
            (words, [each for each in settings if (each["from"] == UNCHANGED) is unchanged])
            for words, unchanged in (("set here", False), ("with their default", True))
        ],
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    return Page("admin.html", "Administration", "admin", data, set(), Listing(COLUMNS, settings), live=False)


def _facts(console: Console, connection: Connection) -> Iterator[tuple[str, str]]:
    yield "Temple Ledger", version()
    yield "Python", sys.version.split()[0]
    yield "PostgreSQL", connection.info.parameter_status("server_version") or "?"
    waiting = list(pending(connection))
    yield "Migrations", f"{len(applied(connection))} applied" + (f", {len(waiting)} waiting" if waiting else "")
    row = connection.execute(statement("database_size")).fetchone()
    yield "Database", _size(row[0] if row is not None else 0)
    yield "State directory", str(console.settings.home)
    try:
        disk = os.statvfs(console.settings.home)
        free, whole = disk.f_frsize * disk.f_bavail, disk.f_frsize * disk.f_blocks
        yield "Disk of the state directory", f"{_size(free)} free of {_size(whole)}"
    except OSError as error:
        yield "Disk of the state directory", error.strerror or str(error)
    for source in console.sources.sources:
        yield f"Source {source.name}", f"started by {source.runs_as}"
    for failed in console.sources.failed:
        yield f"Source {failed.source}", str(failed)


def _shown(setting: Setting) -> dict[str, str]:
    """Never a secret, and never a part of one."""
    value = HIDDEN if isinstance(setting.value, SecretStr) else _text(setting.value)
    return {"name": setting.name, "value": value, "from": setting.place, "meaning": setting.meaning or ""}


def _text(value: object) -> str:
    match value:
        case None | "" | () | []:
            return NOT_SET
        case bool():
            return "yes" if value else "no"
        case Mapping():
            # of campaigns to secrets, say: what is in it hides itself
            return ", ".join(f"{name}: {_text(each)}" for name, each in value.items()) or NOT_SET
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(_text, value)) or NOT_SET
        case _:
            return str(value)


def _size(size: int) -> str:
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if size >= length:
            return f"{size / length:,.1f} {unit}"
    return f"{size / 1e3:,.0f} kB"
