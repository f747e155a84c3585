"""The program of a runner's second process: it folds the parts of members that it is given."""

import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Final

import psycopg

from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.raised import describe_raised
from temple_ledger.infrastructure.database.connection import Database, reason_of
from temple_ledger.infrastructure.processes.with_parent import end_with_parent
from temple_ledger.infrastructure.read_models.gc_tuning import rare_collections
from temple_ledger.infrastructure.read_models.runner.beside import DONE, READY, NotFolded
from temple_ledger.infrastructure.read_models.runner.part_folder import PartFolder
from temple_ledger.infrastructure.version import version
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.fingerprint import reads_of
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import catalogue
from temple_ledger.projections.step import TooWide
from temple_ledger.projections.tally import Tally

OTHER_CODE: Final = (
    "what is installed here is not what the runner was started with; restart the runner, which goes on without it"
)


def folds_by() -> Sequence[object]:
    """What is the same for two processes that fold one step: the version, and what each projection reads and raises."""
    known = catalogue()
    return [version(), *([*each.key, reads_of(each, known), _raised_by(each)] for each in BUILT_IN)]


def _raised_by(projection: Projection) -> Sequence[str]:
    return [] if isinstance(projection, Tally) else sorted(projection.effects)


def main(descriptor: int) -> None:
    end_with_parent(0)
    with Connection(descriptor) as wire, rare_collections():
        try:
            dsn, name, folds = wire.recv()
            if folds != folds_by():
                wire.send(OTHER_CODE)
                return
            try:
                folder = PartFolder(Database(dsn, name=name), BUILT_IN, catalogue())
            except (LedgerError, psycopg.Error) as error:
                wire.send(reason_of(error))
                return
            wire.send(READY)
            at_work_on = 0
            while True:
                number, step, among = wire.recv()
                try:
                    if number != at_work_on:
                        folder.begin(step)
                        at_work_on = number
                    for folded in folder.fold(among):
                        wire.send((number, folded))
                except OSError:
                    raise
                except TooWide as error:
                    wire.send((number, NotFolded(str(error), too_wide=True)))
                except Exception as error:  # noqa: BLE001 - the runner meets the same by itself, and says what it is
                    wire.send((number, NotFolded(describe_raised(error), too_wide=False)))
                else:
                    wire.send((number, DONE))
        except (EOFError, OSError):
            # the runner is gone
            return


if __name__ == "__main__":
    main(int(sys.argv[1]))
