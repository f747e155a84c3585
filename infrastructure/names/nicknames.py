"""A file of names, for where no listener runs: lines of ID,NAME or ID,NAME,KIND, as CSV in UTF-8."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.infrastructure.log.output_file import PRIVATE, replaced
from temple_ledger.infrastructure.names.name import PersonKind, PersonName

FILE: Final = "nicknames.csv"


class NicknamesUnreadable(SettingsInvalid):
    """The file of names cannot be used; the message has the line and the reason."""


class Nicknames:
    """Read when it is asked, and again when the file has changed. Where there is no file, nobody has a name."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read: tuple[int, int] | None = None
        self._names: dict[str, PersonName] = {}

    def names(self) -> dict[str, PersonName]:
        """Raises NicknamesUnreadable."""
        try:
            status = self.file.stat()
        except OSError:
            return {}
        version = (status.st_mtime_ns, status.st_size)
        if version != self._read:
            self._names = read_nicknames(self.file)
            self._read = version
        return self._names


def read_nicknames(file: Path) -> dict[str, PersonName]:
    """Raises NicknamesUnreadable."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return dict(_entry(file, number, row) for number, row in enumerate(csv.reader(lines), 1) if row)
    except OSError as error:
        raise NicknamesUnreadable(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NicknamesUnreadable(f"{file} is not UTF-8") from None
    except csv.Error as error:
        raise NicknamesUnreadable(f"{file} is not CSV: {error}") from None


def write_nicknames(file: Path, names: Iterable[tuple[str, PersonName]]) -> None:
    """Whole or not at all. Raises OSError."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows((user_id, name.name, name.kind.value) for user_id, name in names)
    with replaced(file, mode=PRIVATE) as written:
        written.write(text.getvalue())


def _entry(file: Path, number: int, row: list[str]) -> tuple[str, PersonName]:
    user_id, name, *rest = (each.strip() for each in row) if len(row) > 1 else ("", "")
    kind = rest[0] if rest else PersonKind.MEMBER.value
    if not user_id or not name or len(rest) > 1 or kind not in list(PersonKind):
        raise NicknamesUnreadable(
            f"line {number} of {file} is not ID,NAME or ID,NAME,KIND (kinds: {', '.join(PersonKind)}); correct it"
        )
    return user_id, PersonName(name, PersonKind(kind))
