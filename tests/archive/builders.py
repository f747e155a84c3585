"""A log with all that a log can hold, and what an archive of it has."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from temple_ledger.infrastructure.archive.folder_place import FolderPlace
from temple_ledger.infrastructure.archive.manifest import require
from temple_ledger.infrastructure.archive.place import Place
from temple_ledger.infrastructure.archive.write import Written, write
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from tests.canon.drawn import Row, example, insert

NOW: Final = datetime(2026, 11, 28, 9, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
KINDS: Final = (
    ("discord_join", "joined", False),
    ("discord_leave", "left", False),
    ("discord_role_change", "added", True),
    ("discord_role_change", "added", True),
    ("discord_role_change", "removed", True),
    ("patreon_membership", "started", None),
    ("member_inactivity", "marked", False),
    ("discord_role", "renamed", True),
    ("discord_message_pin", "pinned", False),
)
METADATA: Final = (
    None,
    "{}",
    "[]",
    '{"granted_by": "mod"}',
    '{"granted_by": 1.50}',
    '{"event_version": 2}',
    '"é\\u2028"',
)
QUIRKS: Final = (*[None] * 30, "infinite", "ancient", "no target", "empty target", "long", "deep", "huge")
NAMES: Final = (
    "ada",
    "",
    " ",
    "a,b",
    'q"u"',
    "tab\tand\nline\r",
    "\\.",
    "one\n\\.\ntwo",
    "Ünï",
    "\U0001f600",
    "\\N",
    "é" * 50,
)
"""Of members: what a text format may stumble over."""


def everything(seed: int, count: int = 120) -> list[Row]:
    drawn = random.Random(seed)
    roles = ["Oracle", "Seeker"]
    rows = example(
        [(*map(drawn.choice, [KINDS, range(2), roles, range(9), METADATA, QUIRKS]),) for _ in range(count)]
    ).rows
    return [row._replace(user_id=f"{drawn.choice(NAMES)}{drawn.choice(['', '1'])}"[:100]) for row in rows]


def append(database: Database, rows: list[Row], *, gap: bool = False) -> None:
    """With a *gap*, a position behind them is drawn and lost."""
    with database.connect(DatabaseRole.LOGIN) as connection:
        if rows:
            insert(connection, rows)
        if gap:
            connection.execute("select nextval('webhook_audit_log_id_seq')")


def archived(database: Database, place: Place | Path, *, now: datetime = NOW) -> Written:
    return write(database, at(place), now=now, grace=HOUR)


def at(place: Place | Path) -> Place:
    return FolderPlace(place) if isinstance(place, Path) else place


def log(database: Database, columns: str = "*") -> list[tuple[Any, ...]]:
    """As text, by position: also what no Python value holds."""
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute(
            f"select id, log::text from (select {columns} from webhook_audit_log) as log".encode()
        )
        return sorted(found.fetchall())


def files(folder: Path) -> list[Path]:
    """Those of the newest manifest, by position."""
    manifest, _ = require(FolderPlace(folder))
    return [folder / file.name for file in manifest.files]


def rows_in(folder: Path) -> Iterator[dict[str, Any]]:
    """As an analyst reads them, file by file."""
    for file in files(folder):
        yield from pq.ParquetFile(file).read().to_pylist()
