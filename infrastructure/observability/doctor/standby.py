"""The standby that those who only read are pointed at."""

from collections.abc import Iterator
from typing import Final

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.standby import Replica, standby_delay
from temple_ledger.infrastructure.observability.doctor.finding import Check, fail, ok, warn

CHECK: Final = "read replica"
FAR_BEHIND_SECONDS: Final = 60.0


def check_standby(primary: Database, standby: Database) -> Iterator[Check]:
    """Raises LedgerError where it cannot be reached, or is not a standby of *primary*."""
    replica = Replica(primary, standby.name)
    with standby.look(application="temple doctor") as connection:
        replica.admit(connection)
        delay = standby_delay(connection)
    if replica.remark is not None:
        yield warn(CHECK, replica.remark, "see why the primary does not answer")
    if delay is None:
        yield ok(CHECK, "the primary itself")
    elif not delay.connected:
        yield fail(CHECK, delay.sentence, "see its server log, and primary_conninfo: what is read there is old")
    elif delay.seconds is None or delay.seconds > FAR_BEHIND_SECONDS:
        yield warn(CHECK, delay.sentence, "see what it replays, or whether somebody has paused it")
    else:
        yield ok(CHECK, delay.sentence)
