"""The log line of a member who is parked."""

import structlog

from temple_ledger.projections.batch import Failure
from temple_ledger.projections.fold import FailureKind

log = structlog.get_logger("temple.runner")


def log_parked(projection: str, failure: Failure) -> None:
    # what is too long is folded all the same, a little later
    write = log.info if failure.kind is FailureKind.LONG else log.error
    write(
        "parked",
        projection=projection,
        user_id=failure.user_id,
        position=failure.position,
        error=failure.error,
        kind=failure.kind.value,
        **({"frames": failure.frames} if failure.frames else {}),
    )
