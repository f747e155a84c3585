"""The brake: where most members that meet an event are parked for one reason, the rule is wrong, not the members.

Counted since the projection was last started. More than 20 members, and more than half of those that met the event,
stop the projection; somebody then repairs the rule, or resumes it with --park.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
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
        f"of {projection} before it is resumed, or resume it with --park, which parks them"
    )


class Noted(NamedTuple):
    """What members met in a part of a step that was folded elsewhere, and who of them could not be folded."""

    met: Mapping[EventName, Set[str]]
    parked: Sequence[tuple[EventName, Reason, str]]


class Notes:
    """What a brake counts, without judging: for a part of a step, whose other parts others fold."""

    def __init__(self) -> None:
        self._met: dict[EventName, set[str]] = defaultdict(set)
        self._met_by_many: set[EventName] = set()
        self._parked: list[tuple[EventName, Reason, str]] = []

    def count(
        self,
        events: Mapping[str, Sequence[Recorded]],
        met: Mapping[EventName, Set[str]],
        failures: Iterable[Failure],
        *,
        epoch: int,
    ) -> None:
        self._meet(events.keys(), met)
        self._parked += _reasons(events, failures)

    def taken(self) -> Noted:
        """What was counted since this was last asked."""
        noted = Noted(self._met, self._parked)
        self._met, self._met_by_many, self._parked = defaultdict(set), set(), []
        return noted

    def _meet(self, folded: Set[str], met: Mapping[EventName, Set[str]]) -> None:
        for name, user_ids in met.items():
            if name in self._met_by_many:
                continue
            its_members = self._met[name]
            # some of those that met it may not be folded, such as whoever is parked already
            its_members |= user_ids & folded
            if len(its_members) >= MOST_COUNTED:
                self._met_by_many.add(name)


class Brake(Notes):
    def __init__(self, projection: str) -> None:
        super().__init__()
        self._projection = projection
        self._parked_for: dict[tuple[EventName, Reason], set[str]] = defaultdict(set)
        self._stopped_in: int | None = None

    def count(
        self,
        events: Mapping[str, Sequence[Recorded]],
        met: Mapping[EventName, Set[str]],
        failures: Iterable[Failure],
        *,
        epoch: int,
    ) -> None:
        """*events* are those of a batch, by member; *met* are those of them at least who met each. Raises
        TooManyParked.

        A batch that it stopped is tried in other ways, and is to be stopped in all of them: whoever resumes the
        projection, which raises its *epoch*, counts anew.
        """
        self._begin(epoch)
        self._meet(events.keys(), met)
        self._judge(_reasons(events, failures), epoch)

    def add(self, noted: Noted, *, epoch: int) -> None:
        """What was noted elsewhere. Raises TooManyParked."""
        self._begin(epoch)
        for name, user_ids in noted.met.items():
            self._meet(user_ids, {name: user_ids})
        self._judge(noted.parked, epoch)

    def _begin(self, epoch: int) -> None:
        if self._stopped_in not in (None, epoch):
            self._met.clear()
            self._met_by_many.clear()
            self._parked_for.clear()
            self._stopped_in = None

    def _judge(self, reasons: Iterable[tuple[EventName, Reason, str]], epoch: int) -> None:
        for name, reason, user_id in reasons:
            parked = self._parked_for[name, reason]
            parked.add(user_id)
            met = len(self._met[name] | parked)
            if too_many(len(parked), met):
                self._stopped_in = epoch
                raise TooManyParked(sentence(self._projection, len(parked), met, name, reason))


def _reasons(
    events: Mapping[str, Sequence[Recorded]], failures: Iterable[Failure]
) -> Iterator[tuple[EventName, Reason, str]]:
    for failure in failures:
        if failure.kind is not FailureKind.EVENT:
            continue
        its_events = events.get(failure.user_id, ())
        name = next(((each.event_type, each.action) for each in its_events if each.position == failure.position), None)
        # where there is none, it stands in an older batch, and was folded then
        if name is not None:
            yield name, reason_of(failure.error, failure.frames), failure.user_id
