"""The brake: where most members that meet an event are parked for one reason, the rule is wrong, not the members.

Counted since the projection was last started. More than 20 members, and more than half of those that met the event,
stop the projection; somebody then repairs the rule, or resumes it with --park.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Final, NamedTuple

from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.fold import FailureKind
from temple_ledger.projections.grouped import EventName

FEW: Final = 20
"""So many members may be parked for one reason, whatever their share."""
MOST_COUNTED: Final = 10_000
"""Members that are counted for each event; where more have met it, that many did."""


class TooManyParked(LedgerError):
    """Nothing of the batch is committed."""


class Reason(NamedTuple):
    """The kind of exception and where it was raised; two members parked by one mistake have one reason."""

    what: str
    where: str | None

    def __str__(self) -> str:
        return self.what if self.where is None else f"{self.what} in {self.where}"


def reason_of(error: str, frames: str | None) -> Reason:
    return Reason(error.partition(":")[0], None if frames is None else frames.splitlines()[-1])


def too_many(parked: int, met: int) -> bool:
    return parked > FEW and parked > met / 2


def sentence(projection: str, parked: int, met: int, event: EventName | None, reason: Reason) -> str:
    which = "the event" if event is None else "/".join(event)
    return (
        f"{parked:,} of {met:,} members that met {which} cannot be folded for one reason ({reason}); repair the rule "
        f"of {projection}, or park them: temple projection resume {projection} --park"
    )


class Brake:
    def __init__(self, projection: str) -> None:
        self._projection = projection
        self._met: dict[EventName, set[str]] = defaultdict(set)
        self._met_by_many: set[EventName] = set()
        self._parked: dict[tuple[EventName, Reason], set[str]] = defaultdict(set)
        self._stopped_in: int | None = None

    def count(
        self,
        events: Mapping[str, Sequence[Recorded]],
        met: Mapping[str, Set[EventName]],
        failures: Iterable[Failure],
        *,
        epoch: int,
    ) -> None:
        """*events* are those of a batch, by member; *met* has their names at least. Raises TooManyParked.

        A batch that it stopped is tried in other ways, and is to be stopped in all of them: whoever resumes the
        projection, which raises its *epoch*, counts anew.
        """
        if self._stopped_in not in (None, epoch):
            self._met.clear()
            self._met_by_many.clear()
            self._parked.clear()
            self._stopped_in = None
        try:
            self._count_all(events, met, failures)
        except TooManyParked:
            self._stopped_in = epoch
            raise

    def _count_all(
        self,
        events: Mapping[str, Sequence[Recorded]],
        met: Mapping[str, Set[EventName]],
        failures: Iterable[Failure],
    ) -> None:
        for user_id in events:
            for name in met[user_id] - self._met_by_many:
                its_members = self._met[name]
                its_members.add(user_id)
                if len(its_members) >= MOST_COUNTED:
                    self._met_by_many.add(name)
        for failure in failures:
            if failure.kind is FailureKind.EVENT:
                self._count(failure, events.get(failure.user_id, ()))

    def _count(self, failure: Failure, events: Sequence[Recorded]) -> None:
        name = next(((each.event_type, each.action) for each in events if each.position == failure.position), None)
        if name is None:
            # it stands in an older batch, and was folded then
            return
        reason = reason_of(failure.error, failure.frames)
        parked = self._parked[name, reason]
        parked.add(failure.user_id)
        met = len(self._met[name] | parked)
        if too_many(len(parked), met):
            raise TooManyParked(sentence(self._projection, len(parked), met, name, reason))
