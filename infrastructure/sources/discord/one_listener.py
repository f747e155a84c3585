"""One listener for each ledger: of two, each would end the other's session, and count what came in between as lost."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.process_lease import only_one

NAME: Final = "discord listen"


def the_only_listener(
    database: Database, lost: Callable[[str], None], regained: Callable[[], None] | None = None
) -> AbstractContextManager[None]:
    """While the block lasts. Raises AlreadyRunning, and DatabaseUnavailable; *lost* and *regained*: see `only_one`."""
    return only_one(database, NAME, DatabaseRole.TRANSLATE, does="listens to Discord", lost=lost, regained=regained)
