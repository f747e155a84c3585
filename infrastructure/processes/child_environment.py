"""The environment of a `temple` command that another one starts."""

import os
import sys
from collections.abc import Mapping

from temple_ledger.infrastructure.terminal.session import Session


def child_environment(session: Session) -> Mapping[str, str]:
    """The same modules as here, whatever lies in the current directory, and the same ledger."""
    level = session.settings.log_level
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
        "TEMPLE_DATABASE_URL": session.database.dsn,
        "TEMPLE_HOME": str(session.settings.home),
        **({} if level is None else {"TEMPLE_LOG_LEVEL": level}),
    }
