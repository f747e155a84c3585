"""Which ledgers a command of the fleet is for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.infrastructure.processes.fleet.file import Fleet, read_fleet
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession
from temple_ledger.infrastructure.terminal.session import Session

Command = TypeVar("Command", bound=Callable[..., Any])

NO_FILE: Final = (
    "there is no file of ledgers: give one with --file, or set TEMPLE_FLEET_FILE (docs/fleet.md has an example)"
)


def of_fleet(command: Command) -> Command:
    """The arguments of every command of the fleet: `ledgers` and `file`."""
    option = click.option(
        "--file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The file of ledgers.  [env: TEMPLE_FLEET_FILE]",
    )
    return click.argument("ledgers", nargs=-1, metavar="[LEDGER]...")(option(command))


def fleet_of(session: Session, file: Path | None) -> Fleet:
    """Raises SettingsInvalid, and Refused where others may read the file."""
    found = file or session.settings.fleet_file
    if found is None:
        raise SettingsInvalid(NO_FILE)
    return read_fleet(found)


def sessions_of(session: Session, fleet: Fleet, names: tuple[str, ...]) -> list[LedgerSession]:
    """Those that are named, or all. Raises UnknownName."""
    return [LedgerSession(session, each) for each in fleet.named(names)]
