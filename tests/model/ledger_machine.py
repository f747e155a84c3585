"""What may happen to a ledger, in small, as rules; and the invariants, on a real PostgreSQL."""

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused, StaleCheckpoint
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import Appended, LogAppender, append_within
from temple_ledger.infrastructure.log.reader import GapReader
from temple_ledger.infrastructure.log.retracted import retracted_positions
from temple_ledger.infrastructure.read_models import lanes, trigger_mode
from temple_ledger.infrastructure.read_models.operations import operation, parked, retry, skip
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, reinstate, retract
from temple_ledger.infrastructure.read_models.runner.lanes import publish
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.transaction import (
    PostgresTransaction,
    read_checkpoints,
    transactions,
)
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.repair import repair
from temple_ledger.infrastructure.read_models.versions.switch import switch
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.lanes import reached
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Processor, Projection, processor_of
from temple_ledger.projections.testing.histories import DAY_ONE
from tests.canon.folds import EVERYTHING, by_python, slowly, stored
from tests.erasure.builders import erased
from tests.killed import run_killed
from tests.queries.builders import altered, unfoldable
from tests.seals.builders import proof
from tests.versions.standing import first, second

PROJECTIONS: Final[tuple[Projection, ...]] = (*BUILT_IN, first, second)
PEOPLE: Final = tuple(str(500_000_000_000_000_000 + number) for number in range(3))
ROLES: Final = tuple(str(400_000_000_000_000_000 + number) for number in range(2))
KINDS: Final = (
    *[("discord_role_change", "added")] * 5,
    *[("discord_role_change", "removed")] * 3,
    ("discord_join", "joined"),
    ("discord_leave", "left"),
    ("patreon_membership", "changed"),
    ("member_inactivity", "marked"),
    ("discord_message_pin", "pinned"),
)
WHO = st.integers(0, len(PEOPLE) - 1)
LAST_HOUR: Final = 31
"""Of the hours that are drawn none is later: what happens then is in order."""
DRAWN = st.tuples(st.integers(0, len(KINDS) - 1), WHO, st.integers(0, 1), st.integers(0, 30), st.sampled_from("ab-"))
"""Kind, who, role, the hour (few enough for ties and late events), and who granted it."""

Made = Callable[[], Database]


class LaneRunner:
    """The first or the second half of the lanes of `members`."""

    def __init__(self, connection: psycopg.Connection[Any], which: int) -> None:
        self.lease = Lease(seconds=3_600, lanes=range(8 * which, 8 * which + 8))
        opened = transactions(connection, self.lease.holder)
        self.processor = processor_of(members, opened, catalogue=CATALOGUE)


class LedgerMachine(RuleBasedStateMachine):
    """`promised` are the events that were acknowledged, by event_id; `drifted` whose rows were edited by hand."""

    def __init__(self, made: Made, dropped: Callable[[Database], None]) -> None:
        super().__init__()
        self._made, self._dropped = made, dropped
        self._ids = count(1)

    @initialize()
    def begin(self) -> None:
        self.database = self._made()
        self.promised: dict[UUID, tuple[Position, str]] = {}
        self.refused: set[UUID] = set()
        self.drifted: set[str] = set()
        self.entries: list[LogEntry] = []
        self.held: tuple[psycopg.Connection[Any], list[LogEntry], list[Appended]] | None = None
        self.proven = True
        self.appender = LogAppender(self.database)
        self.reading = self.database.connect(DatabaseRole.READ)
        self.project = self.database.connect(DatabaseRole.PROJECT)
        self._restart()

    def teardown(self) -> None:
        if not hasattr(self, "database"):
            return
        try:
            self._at_the_end()
        finally:
            if self.held is not None:
                self.held[0].close()
            for each in (self.appender, self.reading, self.project):
                each.close()
            self._dropped(self.database)

    # appending

    @rule(drawn=st.lists(DRAWN, min_size=1, max_size=6))
    def append(self, drawn: list[tuple[Any, ...]]) -> None:
        """Some are late: they have an hour before that of others."""
        entries = [self._entry(*each) for each in drawn]
        self._promise(entries, self._added(self.appender.append_many(entries)))
        self.entries += entries

    @precondition(lambda self: self.entries)
    @rule(place=st.integers(0, 100))
    def append_again(self, place: int) -> None:
        entry = self.entries[place % len(self.entries)]
        if entry.event_id in self.promised:
            (found,) = self._added(self.appender.append_many([entry]))
            assert (found.position, found.added) == (self.promised[entry.event_id][0], False)

    @rule(drawn=DRAWN)
    def append_and_roll_back(self, drawn: tuple[Any, ...]) -> None:
        entry = self._entry(*drawn)
        with self.database.connect(DatabaseRole.APPEND) as connection, connection.transaction(force_rollback=True):
            append_within(connection, [entry])
        self.refused.add(entry.event_id)

    @rule(who=WHO, hour=st.integers(0, 30), later=DRAWN)
    def append_what_cannot_be_folded(self, who: int, hour: int, later: tuple[Any, ...]) -> None:
        """And then another event of that member, which has to wait."""
        unfoldable(self.database, PEOPLE[who], DAY_ONE + timedelta(hours=hour))
        self.step_all()
        self.append([(later[0], who, *later[2:])])
        self.step_all()

    @precondition(lambda self: self.held is None and not self.trigger)
    @rule(drawn=DRAWN, behind=DRAWN)
    def hold(self, drawn: tuple[Any, ...], behind: tuple[Any, ...]) -> None:
        """A transaction that stays open: nothing may pass its position, though others append behind it."""
        entry = self._entry(*drawn)
        connection = self.database.connect(DatabaseRole.APPEND, autocommit=False)
        self.held = (connection, [entry], self._added(append_within(connection, [entry])))
        self.append([behind])
        self.step_all()

    @precondition(lambda self: self.held is not None)
    @rule(stays=st.booleans())
    def let_go(self, stays: bool) -> None:
        assert self.held is not None
        connection, entries, outcomes = self.held
        if stays:
            connection.commit()
            self._promise(entries, outcomes)
            self.entries += entries
        else:
            connection.rollback()
            self.refused |= {each.event_id for each in entries}
        connection.close()
        self.held = None

    # folding

    @rule(which=st.integers(0, len(PROJECTIONS) - 1), limit=st.integers(1, 8))
    def step(self, which: int, limit: int) -> None:
        self.processors[which].step(upto=self._settled(), limit=limit)

    @rule()
    def step_all(self) -> None:
        self._fold(self.processors, self._settled())

    @rule()
    def restart(self) -> None:
        self._restart()

    @rule(at=st.integers(1, 12), moment=st.sampled_from(["before", "after"]))
    def kill_a_runner(self, at: int, moment: Any) -> None:
        upto = self._settled()

        def work() -> None:
            with self.database.connect(DatabaseRole.PROJECT) as connection:
                self._fold([_processor(each, connection) for each in PROJECTIONS], upto)

        run_killed(work, at=at, moment=moment)

    @precondition(lambda self: not self.trigger)
    @rule()
    def split_or_join(self) -> None:
        """Of `members`; its lanes are led by two runners, half of them each."""
        if self._checkpoints()[members.key].split:
            lanes.join(self.database, members, by="ada", catalogue=CATALOGUE)
        else:
            lanes.split(self.database, members, by="ada", catalogue=CATALOGUE)

    @precondition(lambda self: self._checkpoints()[members.key].split)
    @rule(which=st.integers(0, 1), limit=st.integers(1, 8), publishes=st.booleans())
    def step_lanes(self, which: int, limit: int, publishes: bool) -> None:
        """By one of the two; killed before it publishes, or not."""
        runner = self.runners[which]
        runner.lease.acquire(self.project, [members.key])
        runner.processor.lanes_step(runner.lease.lanes_of(members.key), upto=self._settled(), limit=limit)
        if publishes:
            publish(self.project, members.key)

    @rule(which=st.integers(0, 1))
    def restart_lanes(self, which: int) -> None:
        self.runners[which].lease.release(self.project)
        self.runners[which] = LaneRunner(self.project, which)

    # operating

    @rule(who=WHO)
    def edit_rows_by_hand(self, who: int) -> None:
        altered(
            self.database, f"update discord_user_current_roles set granted_by = 'x' where user_id = '{PEOPLE[who]}'"
        )
        self.drifted.add(PEOPLE[who])

    @precondition(lambda self: self.held is None)
    @rule()
    def repair(self) -> None:
        verified = verify(self.database, members, catalogue=CATALOGUE)
        repair(self.database, members, verified, by="ada", reason="a model", catalogue=CATALOGUE)
        self.drifted.clear()

    @precondition(lambda self: self.held is None and not self.trigger)
    @rule(which=st.integers(0, len(PROJECTIONS) - 1))
    def replay(self, which: int) -> None:
        rebuild(self.database, PROJECTIONS[which], catalogue=CATALOGUE, by="ada")
        if PROJECTIONS[which] is members:
            self.drifted.clear()

    @rule()
    def retry_failures(self) -> None:
        if failures := parked(self.reading, projection=members.name):
            retry(self.database, members, failures, by="ada", catalogue=CATALOGUE)

    @rule(late=st.integers(0, 30))
    def skip_a_failure(self, late: int) -> None:
        """And then fold that member again, because of an event that may be late."""
        if failures := parked(self.reading, projection=members.name):
            skip(self.database, members, failures[0], by="ada", reason="a model", catalogue=CATALOGUE)
            self.proven = False
            if failures[0].user_id in PEOPLE:
                self.append([(0, PEOPLE.index(failures[0].user_id), 0, late, "a")])
                self.step_all()

    @precondition(lambda self: self.held is None and not self.trigger)
    @rule(who=WHO)
    def skip_beside_a_live_runner(self, who: int) -> None:
        """Which remembers that the member is parked, and how the rows were: it has to forget both."""
        position = unfoldable(self.database, PEOPLE[who], DAY_ONE + timedelta(hours=LAST_HOUR))
        self.step_all()
        for failure in parked(self.reading, projection=members.name):
            if failure.position == position:
                skip(self.database, members, failure, by="ada", reason="a model", catalogue=CATALOGUE)
                self.proven = False
        self.append([(0, who, 0, LAST_HOUR, "a")])
        self.step_all()

    @precondition(lambda self: not self.trigger)
    @rule()
    def commit_what_was_read_before_an_operation(self) -> None:
        """As a runner that stood still meanwhile does: nothing of it is stored."""
        before = self._checkpoints()[members.key]
        with operation(self.database, members.key):
            pass
        with pytest.raises(StaleCheckpoint), self.project.transaction():
            PostgresTransaction(self.project).advance(before, to=before.position, passed=0)

    @precondition(lambda self: self.promised and self.held is None)
    @rule(place=st.integers(0, 100), back=st.booleans())
    def retract(self, place: int, back: bool) -> None:
        positions = sorted(position for position, _ in self.promised.values())
        chosen = Selection(positions=PositionSet.of([positions[place % len(positions)]]))
        if back:
            reinstate(self.database, chosen, PROJECTIONS, CATALOGUE, by="ada")
        else:
            retract(self.database, chosen, PROJECTIONS, CATALOGUE, reason="a model", by="ada")
        self.proven = False

    @precondition(lambda self: self.held is None and not self._checkpoints()[members.key].split)
    @rule()
    def switch_the_trigger(self) -> None:
        if self.trigger:
            trigger_mode.disable(self.database, by="ada")
        else:
            trigger_mode.enable(self.database, by="ada", catalogue=CATALOGUE)

    @rule(to=st.integers(1, 2))
    def switch_the_version(self, to: int) -> None:
        try:
            switch(self.database, first.name, to, by="ada", reason="a model", behind=True)
        except Refused:
            # readers see it already
            return

    @precondition(lambda self: self.held is None)
    @rule(who=WHO)
    def erase(self, who: int) -> None:
        person = PEOPLE[who]
        if self.reading.execute("select from webhook_audit_log where user_id = %s", (person,)).fetchone() is None:
            return
        erased(self.database, person, projections=PROJECTIONS)
        self.promised = {key: each for key, each in self.promised.items() if each[1] != person}
        self.proven = False

    @rule()
    def seal(self) -> None:
        with self.database.connect(DatabaseRole.SEAL) as connection:
            while connection.execute("select from seal_range(%s, 3)", (self._settled(),)).rowcount:
                pass
        self.proven = False

    # what holds

    @invariant()
    def rows_are_the_fold_and_what_the_oracle_says(self) -> None:
        checkpoint = self._checkpoints()[members.key]
        upto = EVERYTHING if checkpoint.state is ProjectionState.TRIGGER else checkpoint.position
        everybody = self.reading.execute("select distinct user_id from webhook_audit_log").fetchall()
        whose = [user_id for (user_id,) in everybody if user_id not in self.drifted]
        left_out = self._left_out()
        for at, some in _by_position(checkpoint, upto, whose).items():
            there = stored(self.reading, some)
            folded = by_python(self.reading, some, at, left_out)
            assert (there.roles, there.statuses) == (folded.roles, folded.statuses)
            assert (there.roles, there.statuses) == slowly(self.reading, some, there.parked, at, left_out)
        if not self.drifted:
            assert verify(self.database, members, catalogue=CATALOGUE).ok
            assert self.reading.execute("select * from validate_ledger_consistency()").fetchall() == []
            assert self.reading.execute("select * from validate_member_status_consistency()").fetchall() == []

    @invariant()
    def positions_are_settled_and_all_events_up_to_them_were_passed(self) -> None:
        found = self.reading.execute("select id, user_id from webhook_audit_log").fetchall()
        positions = [position for position, _ in found]
        for key, checkpoint in self._checkpoints().items():
            assert checkpoint.furthest <= (self.held[2][0].position - 1 if self.held else max(positions, default=0)), (
                key
            )
            if checkpoint.state is not ProjectionState.TRIGGER:
                assert checkpoint.passed == sum(each <= reached(checkpoint, user_id) for each, user_id in found), key

    @invariant()
    def what_was_promised_is_there_and_what_was_rolled_back_is_not(self) -> None:
        there: dict[UUID, int] = dict(self.reading.execute("select event_id, id from webhook_audit_log").fetchall())
        assert {key: there.get(key) for key in self.promised} == {key: each[0] for key, each in self.promised.items()}
        assert not self.refused & there.keys()

    @invariant()
    def the_seals_hold(self) -> None:
        if not self.proven:
            found = proof(self.database)
            assert found.findings == (), found.sentence
            self.proven = True

    @property
    def trigger(self) -> bool:
        return self._checkpoints()[members.key].state is ProjectionState.TRIGGER

    def _at_the_end(self) -> None:
        """Everything is folded, and what was edited is repaired: nobody has any difference left to find."""
        if self.held is not None:
            self.let_go(stays=True)
        if self.trigger:
            trigger_mode.disable(self.database, by="ada")
        self._fold(self.processors, self._settled())
        self.repair()
        self.rows_are_the_fold_and_what_the_oracle_says()
        for each in PROJECTIONS:
            verified = verify(self.database, each, catalogue=CATALOGUE)
            assert verified.ok, (each.key, verified)
            assert verified.unverified is None, (each.key, verified)

    def _restart(self) -> None:
        self.reader = GapReader(self.project)
        self.settled = min(each.position for each in self._checkpoints().values())
        self.processors = [_processor(each, self.project) for each in PROJECTIONS]
        self.runners = [LaneRunner(self.project, which) for which in range(2)]

    def _fold(self, processors: list[Processor], upto: Position) -> None:
        for processor in processors:
            while processor.step(upto=upto, limit=3).idle is None:
                pass

    def _settled(self) -> Position:
        """As far as nobody holds it up, beyond what was settled before."""
        while (look := self.reader.look(self.settled)).settled > self.settled:
            self.settled = look.settled
        return self.settled

    def _checkpoints(self) -> dict[Any, Checkpoint]:
        return dict(read_checkpoints(self.reading))

    def _left_out(self) -> PositionSet:
        skipped = self.reading.execute("select position from skipped_position where projection = 'members'").fetchall()
        return PositionSet.of(position for (position,) in skipped) | retracted_positions(self.reading)

    def _entry(self, kind: int, who: int, role: int, hour: int, by: str) -> LogEntry:
        event_type, action = KINDS[kind]
        about_role = event_type == "discord_role_change"
        target = ROLES[role] if about_role else "Oracle" if action == "changed" and role else None
        metadata = json.dumps({"granted_by": by}) if by != "-" and action == "added" else None
        when = DAY_ONE + timedelta(hours=hour)
        return LogEntry(uuid4(), when, event_type, PEOPLE[who], action, target, metadata, "model")

    def _added(self, outcomes: list[Any]) -> list[Appended]:
        assert all(isinstance(each, Appended) for each in outcomes), outcomes
        return outcomes

    def _promise(self, entries: list[LogEntry], outcomes: list[Appended]) -> None:
        for entry, outcome in zip(entries, outcomes, strict=True):
            self.promised[entry.event_id] = (outcome.position, entry.user_id)


def _by_position(checkpoint: Checkpoint, upto: Position, user_ids: list[str]) -> dict[Position, list[str]]:
    """Where lanes stand apart, each member is folded as far as its own."""
    found: dict[Position, list[str]] = {}
    for user_id in user_ids:
        found.setdefault(reached(checkpoint, user_id) if checkpoint.split else upto, []).append(user_id)
    return found


def _processor(projection: Projection, connection: psycopg.Connection[Any]) -> Processor:
    return processor_of(projection, transactions(connection), catalogue=CATALOGUE)
