"""PostgreSQL's client programs of a major version: the wheel's, or those that the machine has."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import run
from typing import Final

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.embedded_postgres.programs import FOLDERS, installed_wheel

USUAL_FOLDERS: Final = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin", "/opt/homebrew/opt/postgresql@{}/bin")
OLDEST_MAJOR: Final = 15
NEWEST_MAJOR: Final = 20
VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")


def client_program(name: str, major: int) -> Path:
    """pg_dump and the like refuse a newer server, and what a newer one writes an older server may not read.

    Raises DatabaseUnavailable.
    """
    for folder in _folders(name, major):
        program = folder / name
        if os.access(program, os.X_OK) and _major(program) == major:
            return program
    raise DatabaseUnavailable(
        f"there is no {name} of PostgreSQL {major} here, and the server is of that version; "
        f"install its client programs (Debian: postgresql-client-{major})"
    )


def newest_client_program(name: str) -> Path:
    """Of the wheel, or of the machine: it reads what every older one has written. Raises DatabaseUnavailable."""
    for major in range(NEWEST_MAJOR, OLDEST_MAJOR - 1, -1):
        with suppress(DatabaseUnavailable):
            return client_program(name, major)
    raise DatabaseUnavailable(f"there is no {name} here; install PostgreSQL's client programs")


def _folders(name: str, major: int) -> Iterator[Path]:
    if major in FOLDERS:
        with suppress(DatabaseUnavailable):
            yield installed_wheel().programs(major)
    yield from (Path(folder.format(major)) for folder in USUAL_FOLDERS)
    installed = shutil.which(name)
    if installed is not None:
        yield Path(installed).parent


def _major(program: Path) -> int | None:
    said = run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    found = VERSION.search(said)
    return int(found.group(1)) if found else None
