"""Given a history, when something happens, then these rows: tests of a projection without a database.

    spec = Specification(members)
    spec.given(joined("ada"), role_added("ada", "Oracle"))
    spec.when(left("ada"))
    spec.then_rows("ada", "discord_user_current_roles", [])

Each `then` folds the history in every way that must not matter: at once, one by one, in every batch size, and with the
state turned into rows and back between two events.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Generic
from uuid import UUID

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.event import Event
from temple_ledger.domain.log_entry import entry_of_event, recorded_of
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.author import catalogue_or_installed
from temple_ledger.projections.batch import (
    Exceptions,
    Histories,
    KnownMember,
    StoredRows,
    by_member,
    fold_batch,
    known_of,
)
from temple_ledger.projections.difference import EMPTY
from temple_ledger.projections.fold import Fold, Folded, in_fold_order
from temple_ledger.projections.member_projection import MemberProjection, State
from temple_ledger.projections.tables import Row, Rows


class Specification(Generic[State]):
    """One projection and the events that were appended so far, in the order of their positions.

    *catalogue* None is the installed one.
    """

    def __init__(self, projection: MemberProjection[State], catalogue: Catalogue | None = None) -> None:
        self._catalogue = catalogue_or_installed(catalogue)
        self._fold = Fold(projection, self._catalogue)
        self.log: list[Recorded] = []

    def given(self, *events: Event) -> "Specification[State]":
        """Appends events."""
        for event in events:
            position = Position(len(self.log) + 1)
            entry = entry_of_event(event, event_id=UUID(int=position), catalogue=self._catalogue)
            self.log.append(recorded_of(entry)._replace(position=position))
        return self

    when = given

    def then_rows(self, user_id: str, table: str, expected: Sequence[Row]) -> None:
        """The member's rows in *table*, in any order, without user_id and stamp."""
        assert sorted(self.rows(user_id).get(table, ()), key=repr) == sorted(expected, key=repr)

    def then_parked(self, user_id: str, position: int) -> None:
        assert self._whole(user_id).parked_at == position

    def rows(self, user_id: str) -> Rows:
        """Raises AssertionError where batches of another size give other rows, or rows do not turn back."""
        whole = self._whole(user_id)
        rows = whole.rows
        if whole.parked_at is None:
            self._require_pure_rules(user_id)
            for size in range(1, len(self.log) + 1):
                assert _same(rows, self._in_batches(user_id, size)), f"batches of {size} give other rows"
        return rows

    def _whole(self, user_id: str) -> Folded[State]:
        return self._fold.whole([recorded for recorded in self.log if recorded.user_id == user_id])

    def _require_pure_rules(self, user_id: str) -> None:
        """A state that a rule changes in place may be remembered elsewhere, and is then wrong there."""
        mine = [recorded for recorded in self.log if recorded.user_id == user_id and self._fold.knows(recorded)]
        state = self._fold.projection.initial()
        for recorded in in_fold_order(mine) or ():
            before = _copy(state)
            after = self._fold.apply(state, recorded)
            assert before is None or before == state, (
                f"the rule for {recorded.event_type}/{recorded.action} changes its state in place: {before!r} became "
                f"{state!r}; return a new one"
            )
            state = after

    def _in_batches(self, user_id: str, size: int) -> Rows:
        stored = StoredRows(EMPTY, None)
        for start in range(0, len(self.log), size):
            batch = self.log[start : start + size]
            grouped = by_member(self._fold, batch, Exceptions())
            known: dict[str, KnownMember[State] | None] = dict.fromkeys(grouped)
            if user_id not in grouped:
                continue
            known[user_id] = known_of(self._fold, stored)
            assert known[user_id] is not None, "these rows cannot be turned back into a state"
            events = {user_id: grouped[user_id]}
            done = fold_batch(self._fold, events, known, lambda _: EMPTY, self._histories(start + len(batch)))
            stored = StoredRows(done.members[user_id].rows, done.members[user_id].frontier)
        return stored.rows

    def _histories(self, upto: int) -> Histories:
        def histories(user_ids: Sequence[str]) -> Iterator[tuple[str, Sequence[Recorded]]]:
            for user_id in user_ids:
                known = [each for each in self.log[:upto] if each.user_id == user_id and self._fold.knows(each)]
                yield user_id, known

        return histories


def _copy(state: State) -> State | None:
    """None where a copy cannot be told from the state by comparing, or cannot be made."""
    try:
        copied = deepcopy(state)
        return copied if copied == state else None
    except Exception:  # noqa: BLE001 - an author's class: whatever it raises, it cannot be copied
        return None


def _same(one: Rows, other: Rows) -> bool:
    names = one.keys() | other.keys()
    return all(sorted(one.get(name, ()), key=repr) == sorted(other.get(name, ()), key=repr) for name in names)
