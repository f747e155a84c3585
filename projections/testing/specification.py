"""Given a history, when something happens, then these rows: tests of a projection without a database.

    spec = Specification(members)
    spec.given(joined("ada"), role_added("ada", "Oracle"))
    spec.when(left("ada"))
    spec.then_rows("ada", "discord_user_current_roles", [])

Each `then` folds the history in every way that must not matter: at once and in batches, each continued from the rows
as a database gives them back and from the state that a runner remembers. Whatever is wrong is an AssertionError that
says what was expected and what was found, or where in the rule's code it failed.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic

from pydantic_core import from_json

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.event import Event
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.author import catalogue_or_installed
from temple_ledger.projections.effect import Message
from temple_ledger.projections.effects import changes_of_log, raised
from temple_ledger.projections.failure import failure_of
from temple_ledger.projections.fold import Fold, Folded
from temple_ledger.projections.member_projection import MemberProjection, State
from temple_ledger.projections.rollup import Rollup, table_of_rollup
from temple_ledger.projections.row import Row as RowOfFields
from temple_ledger.projections.tables import Row, Rows
from temple_ledger.projections.testing.comparison import (
    at_fault,
    declared_table,
    require_messages,
    require_rows,
    require_same,
)
from temple_ledger.projections.testing.consumers import Held, consumed
from temple_ledger.projections.testing.every_way import require_one_result
from temple_ledger.projections.testing.given_log import GivenLog
from temple_ledger.projections.testing.time_limit import ends_in_time


class Specification(Generic[State]):
    """One projection and the events that were appended so far, in the order of their positions.

    *catalogue*: by default the events that are built in or installed, and those that the projection has rules for.
    """

    def __init__(self, projection: MemberProjection[State], catalogue: Catalogue | None = None) -> None:
        known = catalogue_or_installed(catalogue).with_models(projection.steps)
        self._fold = Fold(projection, known)
        self._given = GivenLog(known)
        self._parked: dict[str, int] = {}

    @property
    def log(self) -> list[Recorded]:
        return self._given.recorded

    def given(self, *events: Event | LogEntry) -> "Specification[State]":
        """Appends events, or rows as an older version of an event stored them (`stored_row`)."""
        self._given.given(events)
        return self

    def when(self, *events: Event | LogEntry) -> "Specification[State]":
        """The same, for what the test is about: `then_nothing_changed` compares with what was before."""
        self._given.when(events)
        return self

    @ends_in_time
    def then_rows(self, user_id: str, table: str, expected: Sequence[Row]) -> None:
        """The member's rows in *table*, in any order, without user_id and stamp."""
        declared = declared_table(self._fold.projection.tables, table, self._fold.projection.name)
        require_rows(declared, user_id, expected, self.rows(user_id).get(table, ()))

    @ends_in_time
    def then_row(self, user_id: str, expected: RowOfFields) -> None:
        """The member's one row, of a projection in the short form."""
        row: Any = expected
        self.then_rows(user_id, expected.table_name, [row])

    @ends_in_time
    def then_rollup(self, rollup: Rollup, expected: Sequence[Row]) -> None:
        """The rollup's rows over all members, keys and values, in any order."""
        projection = self._fold.projection
        source = declared_table(projection.tables, rollup.table, projection.name)
        members = dict.fromkeys(recorded.user_id for recorded in self.log if self._fold.knows(recorded))
        found = rollup.over(source, {user_id: self.rows(user_id).get(source.name, ()) for user_id in members})
        rows = [(*key, *values) for key, values in found.items()]
        require_rows(table_of_rollup(rollup, source), f"projection {projection.name}", expected, rows)

    @ends_in_time
    def then_sent(self, effect: str, expected: Sequence[Message]) -> None:
        """What the effect sends for the last `when`, or for everything without one, in the order of the positions."""
        projection = self._fold.projection
        if effect not in projection.effects:
            raise AssertionError(
                f"{projection.name} has no effect {effect!r}; it has {', '.join(projection.effects) or 'none'}"
            )
        found: list[tuple[Any, Any, Any]] = []
        after = self._given.before_when or 0
        for each in changes_of_log(self._fold, self.log, after):
            for sent in raised(projection.effects[effect], each):
                if sent.error is not None:
                    raise AssertionError(
                        f"{effect} raised at position {sent.position}: {sent.error}\n{sent.frames or ''}".rstrip()
                    )
                found.append((sent.sink, sent.type, None if sent.data is None else from_json(sent.data)))
        require_messages(effect, expected, found)

    @ends_in_time
    def then_consumer(self, follow: Callable[[Any, Held], object], expected: Held, new: Callable[[], Held]) -> None:
        """What a consumer of the feed holds in the end, however the changes came to it.

        `follow(ledger, held)` is the consumer: it reads `ledger.changes(…)` to its end, and puts what it makes of them
        into *held*, which *new* makes. It is begun before, between and after the events, and ended in the middle, so
        that some changes come again.
        """
        for each in consumed(self._fold, self.log, follow, new):
            if each.held != expected:
                raise AssertionError(
                    f"the consumer of {self._fold.projection.name}, begun {each.way}, - expected, + found:\n"
                    f"- {expected!r}\n+ {each.held!r}"
                )

    @ends_in_time
    def then_nothing_changed(self, user_id: str) -> None:
        """The last `when` changed no row of the member."""
        count = self._given.before_when
        if count is None:
            raise AssertionError("nothing happened that could change anything: give it with when(...)")
        before = self._whole(user_id, self.log[:count]).rows
        require_same(self._fold.projection.tables, before, self.rows(user_id), f"rows of {user_id} changed")

    @ends_in_time
    def then_parked(self, user_id: str, position: int, reason: str | None = None) -> None:
        """The event at *position* parks the member; *reason* is part of why. `then_rows` has the rows before it."""
        self._given.require_member(user_id)
        done = self._whole(user_id, self.log)
        if done.parked_at is None:
            raise AssertionError(f"{user_id} is not parked: every event can be folded")
        failure = failure_of(self._fold, self._known(user_id, self.log), done)
        if done.parked_at != position or (reason or "") not in failure.reason:
            wanted = f"position {position}" + ("" if reason is None else f" with {reason!r} in the reason")
            raise at_fault(f"{user_id} is not parked at {wanted}:", failure) from failure.error
        self._parked[user_id] = position

    @ends_in_time
    def rows(self, user_id: str) -> Rows:
        """Of a parked member those before the event that parked it, once `then_parked` has said which.

        Raises AssertionError for another one, and where a way of folding gives other rows.
        """
        self._given.require_member(user_id)
        known = self._known(user_id, self.log)
        whole = self._fold.whole_of_known(known)
        if whole.parked_at is None:
            require_one_result(self._fold, known, whole)
        elif self._parked.get(user_id) != whole.parked_at:
            failure = failure_of(self._fold, known, whole)
            raise at_fault(f"{user_id} is parked:", failure) from failure.error
        return whole.rows

    def _whole(self, user_id: str, log: Sequence[Recorded]) -> Folded[State]:
        return self._fold.whole_of_known(self._known(user_id, log))

    def _known(self, user_id: str, log: Sequence[Recorded]) -> list[Recorded]:
        return [recorded for recorded in log if recorded.user_id == user_id and self._fold.knows(recorded)]
