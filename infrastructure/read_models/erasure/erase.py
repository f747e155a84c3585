"""A random pseudonym in the place of every id, in the log and in everything that came from it.

An erasure is a row with the ids, the pseudonyms and a secret, and then many short transactions, each of which leaves
the ledger whole: events are changed by a function of the owner's, under the lock of every checkpoint, and the members
concerned are folded again in the same transaction. So runners and appends go on beside it, and a killed one that is run
again goes on with the same pseudonyms. At its end ids and secret are deleted: from then on no event_id can be
computed from an id.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar
from uuid import UUID

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import DatabaseUnavailable, Refused
from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.database.connection import Database, in_words, passes
from temple_ledger.infrastructure.database.migrations import require_current
from temple_ledger.infrastructure.database.rollups import merge_rollups
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.erasure.person import (
    Connection,
    PersonalTables,
    ids_of_person,
    pseudonym_of,
    require_person,
    require_person_of_ledger,
)
from temple_ledger.infrastructure.read_models.erasure.search import as_owner, number, search
from temple_ledger.infrastructure.read_models.erasure.tallies import count_instead, counted_at
from temple_ledger.infrastructure.read_models.operations import record
from temple_ledger.infrastructure.read_models.retraction import foldable_projections, locked_checkpoints
from temple_ledger.infrastructure.read_models.runner.fold_again import MEMBERS_AT_A_TIME, fold_again
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tally import Tally

Result = TypeVar("Result")

STEP_SECONDS: Final = 0.3
"""What a transaction aims at: a second at most, on a slow machine too."""

FIRST_EVENTS, MOST_EVENTS = 200, 5_000
GATHERED_EVENTS: Final = 100_000
"""Of others, found before any is changed: a member with many of them is then folded again once, not once for each."""
DELIVERIES_AT_A_TIME: Final = 200
MOST_ROUNDS: Final = 5
TRIES: Final = 20
PAUSE_SECONDS: Final = 0.1


@dataclass
class Erased:
    """`events` were changed, `deliveries` emptied, `rows` of other tables changed or deleted.

    `comes_back`: while it went on, more about the person arrived, and may be arriving still.
    """

    operation: int = 0
    events: int = 0
    deliveries: int = 0
    rows: int = 0
    comes_back: bool = False
    longest_seconds: float = 0.0


def erase(
    database: Database,
    ids: Sequence[str],
    projections: Sequence[Projection],
    catalogue: Catalogue,
    personal: PersonalTables,
    *,
    by: str,
    reason: str,
) -> Erased:
    """Of the person who has these ids; run again after a kill, it goes on. Raises Refused and DatabaseUnavailable."""
    for each in ids:
        require_person(each)
    with as_owner(database) as connection:
        # an erasure is of many transactions: its entry in the journal comes too late to refuse it
        require_current(connection)
        words, resumed = ids_of_person(connection, ids, personal)
        if not resumed:
            require_person_of_ledger(connection, words, number(connection, "erasure_own_count", words=words))
        _require_silent(reason, words)
        return _Erasure(connection, ids, projections, catalogue, personal).run(by=by, reason=reason)


class _Erasure:
    def __init__(
        self,
        connection: Connection,
        ids: Sequence[str],
        projections: Sequence[Projection],
        catalogue: Catalogue,
        personal: PersonalTables,
    ) -> None:
        self._connection = connection
        self._projections = projections
        self._catalogue = catalogue
        self._personal = personal
        self._erased = Erased()
        self._at_a_time = FIRST_EVENTS
        self._id, self._words = self._begin(ids)

    def run(self, *, by: str, reason: str) -> Erased:
        for round_ in range(MOST_ROUNDS):
            changed = self._round()
            self._erased.comes_back = round_ > 0 and changed > 0
            if round_ > 0 and not changed:
                break
            self._widen()
        self._finish(by, reason)
        return self._erased

    def _begin(self, ids: Sequence[str]) -> tuple[UUID, list[str]]:
        """The one that was begun before, or a new one."""
        words, _ = ids_of_person(self._connection, ids, self._personal)

        def begin(connection: Connection) -> tuple[UUID, list[str]]:
            row = connection.execute(statement("erasure_open"), {"words": words}).fetchone()
            if row is not None:
                return row[0], row[1]
            pseudonyms = [pseudonym_of(each) for each in words]
            row = connection.execute(
                statement("erasure_begin"),
                {"words": words, "pseudonyms": pseudonyms, "notes": list(self._personal.notes)},
            ).fetchone()
            if row is None:
                raise DatabaseUnavailable("the erasure could not be begun")
            return row[0], words

        return self._transaction(begin)

    def _widen(self) -> None:
        """Other ids of the person that only the changed tables led to, or that came meanwhile."""
        words, _ = ids_of_person(self._connection, self._words, self._personal)
        if set(words) <= set(self._words):
            return

        def widen(connection: Connection) -> None:
            row = connection.execute(statement("erasure_open"), {"words": self._words}).fetchone()
            stands_for = dict(zip(row[1], row[2], strict=True)) if row is not None else {}
            pseudonyms = [stands_for.get(each) or pseudonym_of(each) for each in words]
            connection.execute(
                statement("erasure_widen"), {"words": words, "pseudonyms": pseudonyms, "erasure": self._id}
            )

        self._transaction(widen)
        self._words = words

    def _round(self) -> int:
        """Everything once; how much there was to change."""
        before = self._erased.events + self._erased.deliveries + self._erased.rows
        self._empty_inbox()
        self._change_own()
        self._change_named()
        self._change_references()
        self._change_tables()
        return self._erased.events + self._erased.deliveries + self._erased.rows - before

    def _empty_inbox(self) -> None:
        after = 0
        while (upto := _inbox_upto(self._connection, after)) is not None:
            values = {"erasure": self._id, "after": after, "upto": upto}

            def empty(connection: Connection, values: Mapping[str, Any] = MappingProxyType(values)) -> int:
                connection.execute(statement("erasure_hold_translators"))
                row = connection.execute(statement("erasure_empty_inbox"), dict(values)).fetchone()
                return int(row[0]) if row is not None else 0

            self._erased.deliveries += self._transaction(empty)
            after = upto

    def _change_own(self) -> None:
        while positions := self._own_positions():
            if not self._change(positions):
                break

    def _own_positions(self) -> list[int]:
        values = {"words": self._words, "limit": self._at_a_time}
        return [position for (position,) in self._connection.execute(statement("erasure_own_positions"), values)]

    def _change_named(self) -> None:
        """As far as a killed one had come, it is not searched again; what is appended behind it is."""
        after = number(self._connection, "erasure_searched_position", erasure=self._id)
        head = settled_head(self._connection)
        self._change_all(search(self._connection, "erasure_named_positions", head, after=after, words=self._words))
        if head > after:
            self._connection.execute(statement("erasure_searched"), {"erasure": self._id, "position": head})

    def _change_references(self) -> None:
        """An event that is changed because it named another one gets a new id too: until nothing names an old one."""
        changed = -1
        while changed != self._erased.events:
            changed = self._erased.events
            head = settled_head(self._connection)
            self._change_all(search(self._connection, "erasure_referring_positions", head, erasure=self._id))

    def _change_all(self, found: Iterable[Sequence[int]]) -> None:
        for many in in_pages((position for page in found for position in page), GATHERED_EVENTS):
            by_member = self._connection.execute(statement("erasure_by_member"), {"positions": many}).fetchall()
            left = [position for (position,) in by_member]
            while left:
                page, left = left[: self._at_a_time], left[self._at_a_time :]
                self._change(page)

    def _change(self, positions: Sequence[int]) -> int:
        """One transaction; how many events it changed. The next one is longer or shorter, by the time this one took."""
        started = time.monotonic()
        changed = self._transaction(lambda connection: self._change_and_fold(connection, positions))
        seconds = time.monotonic() - started
        self._erased.longest_seconds = max(self._erased.longest_seconds, seconds)
        if seconds > STEP_SECONDS:
            self._at_a_time = max(1, self._at_a_time // 2)
        elif seconds < STEP_SECONDS / 3:
            self._at_a_time = min(MOST_EVENTS, self._at_a_time * 2)
        self._erased.events += changed
        return changed

    def _change_and_fold(self, connection: Connection, positions: Sequence[int]) -> int:
        transaction = PostgresTransaction(connection)
        checkpoints = locked_checkpoints(transaction, self._projections, self._catalogue)
        foldable = foldable_projections(self._projections, checkpoints, self._catalogue)
        chosen = PositionSet.of(positions)
        before = {each.key: counted_at(transaction, each, checkpoints, chosen, self._catalogue) for each in foldable}
        changed = connection.execute(
            statement("erasure_change_log"), {"erasure": self._id, "positions": list(positions)}
        ).fetchall()
        if not changed:
            return 0
        members = sorted({user_id for _, *both in changed for user_id in both})
        for projection in foldable:
            if isinstance(projection, Tally):
                after = counted_at(transaction, projection, checkpoints, chosen, self._catalogue)
                count_instead(transaction, projection, before[projection.key], after)
            else:
                for page in in_pages(members, MEMBERS_AT_A_TIME):
                    checkpoint = checkpoints[projection.key]
                    fold_again(transaction, projection, checkpoint, page, catalogue=self._catalogue)
        for checkpoint in checkpoints.values():
            connection.execute(statement("checkpoint_raise_epoch"), checkpoint.key.parameters)
        return len(changed)

    def _change_tables(self) -> None:
        found = self._connection.execute(statement("erasure_tables")).fetchall()
        for (table,) in found:
            about = list(self._personal.columns.get(table, ()))

            def change(connection: Connection, table: str = table, about: Sequence[str] = tuple(about)) -> int:
                connection.execute(statement("erasure_hold_translators"))
                values = {"erasure": self._id, "table": table, "about": list(about)}
                row = connection.execute(statement("erasure_change_table"), values).fetchone()
                return int(row[0]) if row is not None else 0

            self._erased.rows += self._transaction(change)

    def _finish(self, by: str, reason: str) -> None:
        def finish(connection: Connection) -> int:
            row = connection.execute(statement("erasure_positions"), {"erasure": self._id}).fetchone()
            ranges, events = row if row is not None else ("{}", 0)
            details = {
                "erasure": self._id,
                "ids": len(self._words),
                "events": events,
                "positions": ranges,
                "deliveries": self._erased.deliveries,
                "rows": self._erased.rows,
            }
            # a key that is the person's has no rows any more, and goes
            merge_rollups(connection)
            connection.execute(statement("erasure_empty_feed"))
            connection.execute(statement("erasure_finish"), {"erasure": self._id})
            return record(connection, "erase", None, by=by, reason=reason, details=details)

        self._erased.operation = self._transaction(finish)

    def _transaction(self, work: Callable[[Connection], Result]) -> Result:
        """*work* is repeated where somebody else held what it needs. Raises DatabaseUnavailable after many times."""
        reason = ""
        for _ in range(TRIES):
            try:
                with self._connection.transaction():
                    return work(self._connection)
            except psycopg.errors.OperationalError as error:
                if not passes(error) or self._connection.closed:
                    raise
                reason = in_words(error)
                self._at_a_time = max(1, self._at_a_time // 2)
                time.sleep(PAUSE_SECONDS)
        raise DatabaseUnavailable(f"erasing: {reason}; what was done stays done, run it again")


def _require_silent(reason: str, words: Sequence[str]) -> None:
    if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", reason) for word in words):
        raise Refused("the reason names the person, and it stays in the journal; write it without the id")


def _inbox_upto(connection: Connection, after: int) -> int | None:
    row = connection.execute(
        statement("erasure_inbox_upto"), {"after": after, "limit": DELIVERIES_AT_A_TIME}
    ).fetchone()
    return None if row is None else row[0]
