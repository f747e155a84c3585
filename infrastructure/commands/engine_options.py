"""`--archive` and `--engine`: everybody is folded from an archive, by an engine, in place of the database."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
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
    """`here`: its workers are processes of this machine, which begin at once. `upto`: what workers that reach no
    database can fold; None where they read what came behind the archive."""

    archive: "SharedArchive"
    engine: "Engine"
    here: bool
    upto: Position | None = None


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


def chosen_engine(
    session: Session, *, archive: str | None, engine: str | None, workers: int, one_writer: bool = False
) -> Chosen | None:
    """None where neither option was given: then everything is read from the database. *one_writer*: it can do with
    workers that reach no database, where the settings say so.

    Raises ExtraMissing, UsageError where no archive is named, Refused where it is not this ledger's, or the settings do
    not allow what it needs; ArchiveDamaged.
    """
    if archive is None and engine is None:
        return None
    alone = session.settings.workers_without_database
    if alone and not one_writer:
        raise Refused(
            "workers reach no database (TEMPLE_WORKERS_WITHOUT_DATABASE), and here they have to; "
            "only temple replay does without"
        )
    place = place_of(session, archive)
    from temple_ledger.infrastructure.archive.manifest import require
    from temple_ledger.infrastructure.archive.shared import shared_archive
    from temple_ledger.infrastructure.engines.no_database import no_database

    if engine == "ray":
        require_extra("ray")
    shared = shared_archive(session.database, place)
    if not alone:
        return Chosen(shared, _engine(engine, workers, session.database, database_of_worker), engine != "ray")
    folding = _engine(engine, workers, no_database(), no_database)
    return Chosen(shared, folding, engine != "ray", Position(require(place)[0].upto))


def _engine(engine: str | None, workers: int, database: Database, find: Callable[[], Database]) -> "Engine":
    if engine == "ray":
        from temple_ledger.infrastructure.engines.ray_engine import THIS_MACHINE, RayEngine

        return RayEngine(os.environ.get("RAY_ADDRESS") or THIS_MACHINE, workers, database, find)
    from temple_ledger.infrastructure.engines.local import LocalEngine

    return LocalEngine(database, workers)


def database_of_worker() -> Database:
    """Of the environment, the secret files or temple.toml of the process that asks. Raises SettingsInvalid, Refused."""
    url = load_settings({}).database_url
    if url is None:
        raise Refused("a Ray worker has no TEMPLE_DATABASE_URL; set it in its environment, or as a secret file")
    return Database(url.get_secret_value(), "the database of a worker")
