"""The server's own log: kept bounded, and read for the reason why it did not start."""

import os
import re
from pathlib import Path

from temple_ledger.infrastructure.embedded_postgres.place import Place

LARGEST_BYTES = 8 * 1024 * 1024

_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \S+ \[\d+\] ")
_LEVEL = re.compile(r"^(FATAL|PANIC):\s+")
_CAUSE = re.compile(_LEVEL.pattern + r"|^(?:\S*/)?(postgres|initdb|pg_ctl): (fatal|error|could not)")
# Follows from a cause, or was the answer to a client who came too early.
_NO_CAUSE = re.compile(
    r"^(DETAIL|HINT|CONTEXT|STATEMENT|LOCATION):|database system is |^stopped waiting$"
    r"|^initdb: (hint|detail|warning|removing|data directory|WAL directory)|^child process |^pg_ctl: (hint|detail)"
)
MOST_LINES = 3


def is_too_large(place: Place) -> bool:
    return size(place) > LARGEST_BYTES


def cut(place: Place) -> None:
    """Keeps the last part as the older log. The server appends, so it goes on at the new beginning."""
    with place.log.open("r+b") as log:
        log.seek(-min(LARGEST_BYTES, size(place)), os.SEEK_END)
        place.older_log.unlink(missing_ok=True)
        place.older_log.touch(mode=0o600, exist_ok=False)
        place.older_log.write_bytes(log.read(LARGEST_BYTES))
        log.truncate(0)


def size(place: Place) -> int:
    try:
        return place.log.stat().st_size
    except OSError:
        return 0


def written_since(place: Place, mark: int) -> str:
    """What the log holds behind its first *mark* bytes."""
    with place.log.open("rb") as log:
        log.seek(mark)
        return log.read().decode("utf-8", "replace")


def reason_in(text: str) -> str:
    """What went wrong: the first line that is a cause; else the first lines that are no mere consequence of one."""
    lines = [_PREFIX.sub("", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not _NO_CAUSE.search(line)]
    causes = [line for line in lines if _CAUSE.search(line)]
    if causes:
        return _LEVEL.sub("", causes[0])
    # what the server notes on its way is no reason, unless there is nothing else
    return "; ".join([line for line in lines if not line.startswith("LOG:")][:MOST_LINES] or lines[-1:])


def full_disk(directory: Path) -> str:
    """Says so if there is no room left: a server that cannot write cannot say it either."""
    status = os.statvfs(directory)
    return f"the disk that holds {directory} is full" if status.f_bavail * status.f_frsize < LARGEST_BYTES else ""
