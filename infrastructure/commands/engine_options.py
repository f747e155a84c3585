"""`--archive` and `--engine`: everybody is folded from an archive, by an engine, in place of the database."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from temple_ledger.infrastructure.commands.archive import place_of
from temple_ledger.infrastructure.terminal.session import Session

if TYPE_CHECKING:
    from temple_ledger.infrastructure.archive.shared import SharedArchive
    from temple_ledger.infrastructure.engines.engine import Engine

Command = TypeVar("Command", bound=Callable[..., Any])

ENGINES = ("local",)


class Chosen(NamedTuple):
    archive: "SharedArchive"
    engine: "Engine"


def engine_options(command: Command) -> Command:
    """`archive` and `engine` as keywords of the command."""
    for option in (
        click.option(
            "--engine",
            type=click.Choice(ENGINES),
            help="With an archive: where it is folded. local: processes of this machine.",
        ),
        click.option(
            "--archive", metavar="PLACE", help="Fold from this archive, and only what came behind it from the database."
        ),
    ):
        command = option(command)
    return command


def chosen_engine(session: Session, *, archive: str | None, engine: str | None, workers: int) -> Chosen | None:
    """None where neither option was given: then everything is read from the database.

    Raises ExtraMissing, UsageError where no archive is named, Refused where it is not this ledger's, ArchiveDamaged.
    """
    if archive is None and engine is None:
        return None
    place = place_of(session, archive)
    from temple_ledger.infrastructure.archive.shared import shared_archive
    from temple_ledger.infrastructure.engines.local import LocalEngine

    return Chosen(shared_archive(session.database, place), LocalEngine(session.database, workers))
