"""What `temple status` shows of the sources: of each what it says of itself, and which could not be loaded."""

from collections.abc import Mapping
from typing import Final

from temple_ledger.infrastructure.processes.sources import Installed, reason_of
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.settings import Settings
from temple_ledger.infrastructure.sources.source import Health, Source, Trouble

ADVICE: Final = "temple doctor"


def health_of_sources(connection: Connection, installed: Installed, settings: Settings) -> Mapping[str, Health]:
    """By source. One that fails has that for its only trouble."""
    failed = {each.source: Health(troubles=[Trouble(str(each), ADVICE)]) for each in installed.failed}
    return {source.name: _health(connection, source, settings) for source in installed.sources} | failed


def _health(connection: Connection, source: Source, settings: Settings) -> Health:
    try:
        with connection.transaction():  # a savepoint: what fails here leaves the others their transaction
            return source.health(connection, settings)
    except Exception as error:  # noqa: BLE001 -- a source's own code, and the screen shows the others
        return Health(troubles=[Trouble(f"source {source.name} cannot say how it is: {reason_of(error)}", ADVICE)])
