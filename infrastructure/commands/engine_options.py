"""`--archive` and `--engine`: everybody is folded from an archive, by an engine, in place of the database."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.archive.extra import require_extra
from temple_ledger.infrastructure.commands.archive import place_of
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.infrastructure.terminal.session import Session

if TYPE_CHECKING:
    from temple_ledger.infrastructure.archive.shared import SharedArchive
    from temple_ledger.infrastructure.engines.engine import Engine

Command = TypeVar("Command", bound=Callable[..., Any])

ENGINES = ("local", "ray")


class Chosen(NamedTuple):
    archive: "SharedArchive"
    engine: "Engine"


def engine_options(command: Command) -> Command:
    """`archive` and `engine` as keywords of the command."""
    for option in (
        click.option(
            "--engine",
            type=click.Choice(ENGINES),
            help="Where the archive is folded. local: processes of this machine; ray: the cluster of RAY_ADDRESS, or "
            "one begun here.",
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

    if engine == "ray":
        require_extra("ray")
    return Chosen(shared_archive(session.database, place), _engine(session, engine, workers))


def _engine(session: Session, engine: str | None, workers: int) -> "Engine":
    if engine == "ray":
        from temple_ledger.infrastructure.engines.ray_engine import THIS_MACHINE, RayEngine

        return RayEngine(os.environ.get("RAY_ADDRESS") or THIS_MACHINE, workers, session.database, database_of_worker)
    from temple_ledger.infrastructure.engines.local import LocalEngine

    return LocalEngine(session.database, workers)


def database_of_worker() -> Database:
    """Of the environment, the secret files or temple.toml of the process that asks. Raises SettingsInvalid, Refused."""
    url = load_settings({}).database_url
    if url is None:
        raise Refused("a Ray worker has no TEMPLE_DATABASE_URL; set it in its environment, or as a secret file")
    return Database(url.get_secret_value(), "the database of a worker")
