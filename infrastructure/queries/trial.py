"""A projection tried on the log without being installed: folded, compared with itself, and forgotten.

Only reads. A history is folded at once, and in every way that must not matter, as the test kit folds it.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any, Final, NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import START
from temple_ledger.domain.raised import describe_raised
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.log.reader import events as log_events
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.elsewhere import faults_elsewhere
from temple_ledger.infrastructure.queries.rows_then import LAST
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_log.fold_members import fold_long, histories
from temple_ledger.infrastructure.read_models.member_stream import member_stream
from temple_ledger.projections.batch import without
from temple_ledger.projections.explain import steps
from temple_ledger.projections.failure import failure_of, failure_of_tally
from temple_ledger.projections.fold import Fold, in_fold_order
from temple_ledger.projections.frames import author_frames, with_source
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.tables import Rows
from temple_ledger.projections.tally import Tally
from temple_ledger.projections.testing.every_way import require_one_result

TRIED_EVERY_WAY: Final = 1_000
"""Members whose histories are folded in every way; of the others, at once. It takes some ten times as long."""

MOST_LISTED: Final = 1_000
EVENTS_AT_A_TIME: Final = 20_000
EVENTS_ELSEWHERE: Final = 100_000
"""Of the members whose histories are folded in other processes too."""


class MemberTrial(NamedTuple):
    """The rows after each event that was folded; `fault` is what is wrong, with file and line, None if nothing is.

    Of a history that is too long for memory there are no steps, but the `rows` in the end.
    """

    steps: Sequence[tuple[Recorded, Rows]]
    fault: str | None
    rows: Rows | None = None


@dataclass
class Trial:
    """`members` is None of a tally, whose faults are events. `tried` members were folded in every way; `too_long` had
    histories that are too long for that, whose events are not counted."""

    members: int | None = None
    events: int = 0
    tried: int = 0
    too_long: int = 0
    faults: int = 0
    listed: list[str] = field(default_factory=list)

    def found(self, fault: str | None) -> None:
        if fault is not None:
            self.faults += 1
            if len(self.listed) < MOST_LISTED:
                self.listed.append(fault)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def try_member(
    connection: Connection, projection: MemberProjection[Any], catalogue: Catalogue, user_id: str
) -> MemberTrial:
    """Raises EventMisdeclared for a rule about an event that has no name."""
    fold = Fold(projection, catalogue.with_models(projection.steps))
    known = dict(histories(connection, fold, [user_id], LAST))[user_id]
    if known is None:
        fault, rows = _try_long(connection, fold, user_id)
        return MemberTrial([], fault, rows)
    fault = _fault_of(fold, user_id, known, every_way=True)
    parked_at = fold.whole_of_known(known).parked_at
    folded = [each for each in known if parked_at is None or each.position < parked_at]
    done: list[tuple[Recorded, Rows]] = []
    try:
        done.extend((step.event, step.rows) for step in steps(fold, in_fold_order(folded) or ()) if step.error is None)
    except Exception as error:  # noqa: BLE001 - an author's code: the rows of a state in between
        fault = fault or _raised("the rows of a state cannot be made", error)
    return MemberTrial(done, fault)


def try_everybody(
    connection: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    *,
    place: str,
    each: Callable[[], None] = lambda: None,
    about: Callable[[str], None] = lambda _: None,
) -> Trial:
    """The same of all members, by user_id; *each* is called after each of them, *about* before, with who it is.

    *place* is MODULE:NAME of the projection, for the processes in which the first members are folded again.
    """
    fold = Fold(projection, catalogue.with_models(projection.steps))
    left_out = read_exceptions(connection, projection.key).left_out
    trial, long = Trial(members=0), []
    sound: dict[str, Sequence[Recorded]] = {}
    with closing(member_stream(connection, fold, upto=LAST)) as stream:
        for members, (user_id, found) in enumerate(stream, 1):
            if found is None:
                # the connection is busy with the others
                long.append(user_id)
                trial.members = members
                continue
            about(f"member {user_id}")
            known = without(left_out, found)
            every_way = members <= TRIED_EVERY_WAY
            trial.members, trial.tried = members, min(members, TRIED_EVERY_WAY)
            trial.events += len(known)
            fault = _fault_of(fold, user_id, known, every_way=every_way)
            trial.found(fault)
            if every_way and fault is None and trial.events <= EVENTS_ELSEWHERE:
                sound[user_id] = known
            each()
    about("the members again, in other processes")
    for fault in faults_elsewhere(place, fold, sound):
        trial.found(fault)
    for user_id in long:
        about(f"member {user_id}")
        trial.too_long += 1
        trial.found(_try_long(connection, fold, user_id)[0])
        each()
    return trial


def _try_long(connection: Connection, fold: Fold[Any], user_id: str) -> tuple[str | None, Rows]:
    """What is at fault, and the rows: folded page by page, and in no other way."""
    folded = fold_long(connection, fold, user_id, LAST)
    if folded.parked_at is None:
        return None, folded.rows
    frames = [f"  {line}" for line in (folded.frames or "").splitlines()]
    why = f"the event at position {folded.parked_at} cannot be folded: {folded.error}"
    return "\n".join([f"{user_id} would be parked:", why, *frames]), folded.rows


def try_tally(
    connection: Connection, tally: Tally, catalogue: Catalogue, *, about: Callable[[str], None] = lambda _: None
) -> Trial:
    left_out = read_exceptions(connection, tally.key).left_out
    trial, after = Trial(), START
    while page := log_events(connection, after=after, upto=LAST, limit=EVENTS_AT_A_TIME):
        for recorded in without(left_out, page):
            about(f"the event at position {recorded.position}")
            failure = failure_of_tally(tally, recorded, catalogue)
            trial.events += 1
            trial.found(None if failure is None else "\n".join(failure.lines()))
        after = page[-1].position
    return trial


def _fault_of(fold: Fold[Any], user_id: str, known: Sequence[Recorded], *, every_way: bool) -> str | None:
    whole = fold.whole_of_known(known)
    if whole.parked_at is not None:
        return "\n".join([f"{user_id} would be parked:", *failure_of(fold, known, whole).lines()])
    try:
        if every_way:
            require_one_result(fold, sorted(known, key=lambda recorded: recorded.position), whole)
    except AssertionError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - an author's code, called where a fold does not call it
        return _raised(f"{user_id} folds at once, and not in every way", error)
    return None


def _raised(what: str, error: Exception) -> str:
    frames = "".join(f"\n  {line}" for line in with_source(author_frames(error)))
    return f"{what}: {describe_raised(error)}{frames}"
