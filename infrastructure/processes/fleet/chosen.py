"""Which ledgers a command of the fleet is for."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.infrastructure.processes.fleet.file import Fleet, read_fleet
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession
from temple_ledger.infrastructure.processes.sources import installed_sources
from temple_ledger.infrastructure.settings import SourceSettings
from temple_ledger.infrastructure.terminal.file_arguments import FileToRead
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.text import listed

Command = TypeVar("Command", bound=Callable[..., Any])

NO_FILE: Final = (
    "there is no file of ledgers: give one with --file, or set TEMPLE_FLEET_FILE (docs/fleet.md has an example)"
)


def of_fleet(command: Command) -> Command:
    """The arguments of every command of the fleet: `ledgers` and `file`."""
    option = click.option(
        "--file",
        type=FileToRead(),
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
    """Those that are named, or all. Raises UnknownName, and SettingsInvalid for settings that no source has so."""
    models = installed_sources().models()
    found = [LedgerSession(session, each) for each in fleet.named(names)]
    for each in found:
        _check(each, models)
    return found


def _check(session: LedgerSession, models: Sequence[type[SourceSettings]]) -> None:
    known = sorted(name for model in models for name in model.model_fields)
    for name in session.ledger.settings:
        if name not in known:
            raise SettingsInvalid(f"ledger {session.name}: no source has a setting {name!r}; there are {listed(known)}")
    try:
        for model in models:
            session.settings.of(model)
    except SettingsInvalid as error:
        raise SettingsInvalid(f"ledger {session.name}: {error}") from None
