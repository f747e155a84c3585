"""A consumer of the feed gets every change, in the order of the log, and can hold what the tables hold."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from temple_ledger import AsyncLedger, Ledger
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import ProjectionMisdeclared, Refused, UnknownName
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ledger.feed import Feed, FeedItem
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.erasure.erase import erase
from temple_ledger.infrastructure.read_models.erasure.person import PersonalTables
from temple_ledger.infrastructure.read_models.feed.changes import prune
from temple_ledger.infrastructure.read_models.operations import parked, retry, skip
from temple_ledger.infrastructure.read_models.rebuild.apply import Limit
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, reinstate, retract
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.read_models.trigger_mode import disable, enable
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.repair import repair
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.change import Beginning, Change, Complete, Reset
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from tests.effects.builders import Record, warned, warnings
from tests.effects.test_raising import expected
from tests.erasure.builders import PERSON
from tests.killed import run_killed
from tests.thorough import examples

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)


@pytest.fixture
def scenario(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=(warnings,))


@pytest.fixture
def ledger(database: Database, scenario: LedgerScenario) -> Iterator[Ledger]:
    with Ledger(database.dsn, projections=[warnings, members], catalogue=scenario.catalogue) as ledger:
        yield ledger


def read(ledger: Ledger, consumer: str = "bot", projection: str = "effective", **more: Any) -> list[FeedItem]:
    """All there is now."""
    with ledger.changes(projection, consumer=consumer, follow=False, **more) as feed:
        return list(feed)


class Copy:
    """What a consumer makes of a feed: the state of each member."""

    def __init__(self) -> None:
        self.states: dict[str, Any] = {}
        self._of_snapshot: dict[str, Any] | None = None

    def apply(self, item: FeedItem) -> None:
        match item:
            case Beginning():
                self._of_snapshot = {}
            case Complete():
                assert self._of_snapshot is not None
                self.states, self._of_snapshot = self._of_snapshot, None
            case Reset():
                held = self.states if self._of_snapshot is None else self._of_snapshot
                held.pop(item.user_id, None)
                if item.after is not None:
                    held[item.user_id] = item.after
            case Change():
                assert self.states.get(item.user_id) == item.before
                self.states[item.user_id] = item.after


def stored(database: Database) -> dict[str, Record]:
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute("select user_id, warnings, points, last_by from example_effects")
        return {user_id: Record(*row) for user_id, *row in found}


def log_of(database: Database) -> Any:
    with database.connect(DatabaseRole.READ) as connection:
        return events(connection, after=Position(0), upto=settled_head(connection), limit=10_000)


def test_a_new_consumer_begins_with_the_rows_and_goes_on_with_changes(ledger: Ledger, scenario: LedgerScenario) -> None:
    scenario.given(warned("bob", 1, 2), warned("ada", 1, 3))
    scenario.catch_up()
    begin, ada, bob, complete = read(ledger)
    assert isinstance(begin, Beginning)
    assert (begin.position, begin.reason) == (2, "it is new")
    assert isinstance(ada, Reset)
    assert (ada.user_id, ada.after, ada.operation) == ("ada", Record(1, 3, "eve"), None)
    assert isinstance(bob, Reset)
    assert isinstance(complete, Complete)
    scenario.given(warned("ada", 2, 4, by="mod"))
    scenario.catch_up()
    (change,) = read(ledger)
    assert isinstance(change, Change)
    assert (change.before, change.after) == (Record(1, 3, "eve"), Record(2, 7, "mod"))
    assert (change.id, change.position, change.event.user_id) == ("effective-1-3", 3, "ada")
    assert read(ledger) == []


def test_one_may_begin_with_what_comes(ledger: Ledger, scenario: LedgerScenario) -> None:
    scenario.given(warned("ada", 1))
    scenario.catch_up()
    assert read(ledger, start="now") == []
    scenario.given(warned("ada", 2))
    scenario.catch_up()
    assert [item.position for item in read(ledger)] == [2]


def test_what_was_at_hand_comes_again_and_what_was_done_does_not(ledger: Ledger, scenario: LedgerScenario) -> None:
    assert read(ledger, start="now") == []
    scenario.given(*[warned("ada", hour) for hour in range(5)])
    scenario.catch_up()
    with ledger.changes("effective", consumer="bot", follow=False) as feed:
        assert [next(feed).position for _ in range(3)] == [1, 2, 3]
    assert [item.position for item in read(ledger)] == [3, 4, 5]


def test_consumers_do_not_know_of_each_other(ledger: Ledger, scenario: LedgerScenario) -> None:
    assert read(ledger, start="now") == read(ledger, "other", start="now") == []
    scenario.given(warned("ada", 1))
    scenario.catch_up()
    assert read(ledger) == read(ledger, "other") != []


EVENTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=12)


@pytest.mark.usefixtures("one_member_at_a_time")
def test_the_changes_are_those_of_the_equation_whatever_the_batches_were(
    database: Database, ledger: Ledger, scenario: LedgerScenario
) -> None:
    read(ledger)
    with database.connect(DatabaseRole.PROJECT) as project:

        @settings(
            max_examples=examples(15), deadline=None, phases=UNSHRUNK, suppress_health_check=[HealthCheck.too_slow]
        )
        @given(EVENTS, st.lists(st.integers(1, 6), min_size=1), st.integers(0, 10**6))
        def holds(drawn: list[tuple[str, int, int]], batches: list[int], name: int) -> None:
            positions = scenario.given(*[warned(f"{who}{name}", hour, points) for who, hour, points in drawn])
            processor = processor_of(warnings, transactions(project), catalogue=scenario.catalogue)
            while processor.step(upto=settled_head(project), limit=batches[0]).idle is None:
                batches = [*batches[1:], batches[0]]
            found = [
                (item.position, item.user_id, item.before.points if item.before else 0, item.after.points)
                for item in read(ledger)
                if isinstance(item, Change)
            ]
            due = [
                (position, data["member"], data["before"], data["after"])
                for position, data in expected(log_of(database))
                if position >= positions[0]
            ]
            assert found == due

        holds()


def test_a_copy_is_what_the_tables_are_whatever_happens_to_them(
    database: Database, ledger: Ledger, scenario: LedgerScenario
) -> None:
    seed = random.randrange(1_000_000)
    dice = random.Random(seed)
    copy = Copy()
    for _ in range(60):
        match dice.choice(["append"] * 4 + ["fold"] * 3 + ["read", "retract", "reinstate", "skip", "retry", "replay"]):
            case "append":
                points = dice.choice([1, 2, 3, -1])
                scenario.given(warned(dice.choice("abc"), dice.randrange(20), points))
            case "fold":
                scenario.batch = dice.randrange(1, 5)
                scenario.catch_up()
            case "read":
                for item in read(ledger):
                    copy.apply(item)
            case "retract" | "reinstate" as what:
                head = len(log_of(database))
                chosen = Selection(positions=PositionSet.of({Position(dice.randrange(1, head + 1))} if head else set()))
                if what == "retract":
                    retract(database, chosen, [warnings], scenario.catalogue, reason="drawn", by="ada")
                else:
                    reinstate(database, chosen, [warnings], scenario.catalogue, by="ada")
            case "skip" | "retry" as what:
                with database.connect(DatabaseRole.READ) as connection:
                    found = parked(connection, projection=warnings.name)
                if found and what == "skip":
                    skip(database, warnings, found[0], by="ada", reason="drawn", catalogue=scenario.catalogue)
                elif found:
                    retry(database, warnings, found, by="ada", catalogue=scenario.catalogue)
            case "replay":
                limit = Limit(None)
                try:
                    assert rebuild(database, warnings, by="ada", catalogue=scenario.catalogue, limit=limit) is not None
                except Refused:
                    continue
    scenario.catch_up()
    for item in read(ledger):
        copy.apply(item)
    assert copy.states == stored(database), f"seed {seed}"


def test_a_repair_raises_nothing(database: Database, ledger: Ledger, scenario: LedgerScenario) -> None:
    scenario.given(warned("ada", 1))
    scenario.catch_up()
    read(ledger)
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("update example_effects set points = 99")
    found = verify(database, warnings, catalogue=scenario.catalogue)
    repair(database, warnings, found, by="ada", reason="test", catalogue=scenario.catalogue)
    assert read(ledger) == []


def test_a_reset_has_a_number_of_its_own_and_stands_behind_the_changes_before_it(
    database: Database, ledger: Ledger, scenario: LedgerScenario
) -> None:
    read(ledger)
    scenario.given(warned("ada", 1), warned("ada", 2))
    scenario.catch_up()
    for _ in range(2):
        chosen = Selection(positions=PositionSet.of([Position(1)]))
        retract(database, chosen, [warnings], scenario.catalogue, reason="test", by="ada")
        reinstate(database, chosen, [warnings], scenario.catalogue, by="ada")
    first, second, *resets = read(ledger)
    assert (first.position, second.position, [item.position for item in resets]) == (1, 2, [2, 2, 2, 2])
    assert [item.after for item in resets if isinstance(item, Reset)] == [
        Record(1, 1, "eve"), Record(2, 2, "eve"), Record(1, 1, "eve"), Record(2, 2, "eve"),
    ]  # fmt: skip
    assert len({item.id for item in resets if isinstance(item, Reset)}) == 4


def test_who_is_left_behind_begins_anew(database: Database, ledger: Ledger, scenario: LedgerScenario) -> None:
    read(ledger)
    scenario.given(warned("ada", 1), warned("bob", 2))
    scenario.catch_up()
    with database.connect(DatabaseRole.PROJECT) as connection:
        prune(connection, 1)
        assert connection.execute("select count(*) from feed_change").fetchone() == (2,)
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("update feed_change set recorded_at = recorded_at - interval '2 days'")
    with database.connect(DatabaseRole.PROJECT) as connection:
        prune(connection, 1)
        assert connection.execute("select count(*) from feed_change").fetchone() == (0,)
    begin, *_, complete = read(ledger)
    assert isinstance(begin, Beginning)
    assert "was away for too long" in begin.reason
    assert isinstance(complete, Complete)
    assert read(ledger) == []


def test_what_everybody_has_read_is_deleted(database: Database, ledger: Ledger, scenario: LedgerScenario) -> None:
    read(ledger)
    read(ledger, "other")
    scenario.given(warned("ada", 1), warned("bob", 2))
    scenario.catch_up()
    read(ledger)
    with database.connect(DatabaseRole.PROJECT) as connection:
        prune(connection, 7)
        assert connection.execute("select count(*) from feed_change").fetchone() == (2,)
        read(ledger, "other")
        prune(connection, 7)
        # resets may still come at the last position
        assert connection.execute("select position from feed_change").fetchall() == [(2,)]


def test_without_a_consumer_nothing_is_stored(database: Database, ledger: Ledger, scenario: LedgerScenario) -> None:
    scenario.given(warned("ada", 1))
    scenario.catch_up()
    read(ledger)
    assert ledger.forget_consumer("effective", "bot")
    assert not ledger.forget_consumer("effective", "bot")
    scenario.given(warned("ada", 2))
    scenario.catch_up()
    with database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select from feed_change").fetchone() is None


def test_the_runner_stops_storing_when_the_last_one_is_forgotten(
    database: Database, ledger: Ledger, scenario: LedgerScenario
) -> None:
    with database.connect(DatabaseRole.PROJECT) as project:
        processor = processor_of(warnings, transactions(project), catalogue=scenario.catalogue)

        def stored_after(hour: float) -> int:
            scenario.given(warned("ada", hour))
            processor.step(upto=settled_head(project), limit=10)
            return len(project.execute("select from feed_change").fetchall())

        assert stored_after(1) == 0
        read(ledger)
        assert stored_after(2) == 1
        ledger.forget_consumer("effective", "bot")
        assert stored_after(3) == 0


def test_after_a_person_was_erased_consumers_begin_anew_and_no_change_names_the_person(
    database: Database, ledger: Ledger, scenario: LedgerScenario
) -> None:
    copy = Copy()
    scenario.given(warned(PERSON, 1), warned("bob", 2, by=PERSON))
    scenario.catch_up()
    for item in read(ledger):
        copy.apply(item)
    scenario.given(warned(PERSON, 3), warned("bob", 4, by=PERSON))
    scenario.catch_up()
    erase(database, [PERSON], [warnings], scenario.catalogue, PersonalTables(), by="ada", reason="asked")
    with database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select from feed_change").fetchone() is None
    found = read(ledger)
    assert isinstance(found[0], Beginning)
    for item in found:
        copy.apply(item)
    assert copy.states == stored(database)
    assert PERSON not in repr(copy.states)


def test_a_consumer_that_waits_gets_what_comes_and_can_be_closed(ledger: Ledger, scenario: LedgerScenario) -> None:
    read(ledger)
    with ledger.changes("effective", consumer="bot") as feed:
        scenario.given(warned("ada", 1))
        scenario.catch_up()
        assert next(feed).position == 1
        feed.close()
        assert list(feed) == []


def test_two_processes_under_one_name_are_noticed(ledger: Ledger, scenario: LedgerScenario) -> None:
    read(ledger)
    scenario.given(warned("ada", 1))
    scenario.catch_up()
    one = ledger.changes("effective", consumer="bot", follow=False)
    next(one)
    read(ledger)
    with pytest.raises(Refused, match="one process reads under one name"):
        list(one)


def test_the_feed_of_members_stands_still_in_trigger_mode_and_says_so(database: Database) -> None:
    scenario = LedgerScenario(database, projections=(members,))
    with Ledger(database.dsn, projections=[members], catalogue=CATALOGUE) as ledger:
        read(ledger, projection="members")
        enable(database, catalogue=CATALOGUE, by="ada")
        scenario.given(
            joined("ada", at(1)), role_added("ada", "Oracle", at(2)), joined("bob", at(1)), left("bob", at(3))
        )
        with pytest.raises(Refused, match=r"maintained by the trigger.*temple trigger disable"):
            read(ledger, projection="members")
        disable(database, by="ada")
        found = read(ledger, projection="members")
    assert [(item.user_id, list(item.after.roles)) for item in found if isinstance(item, Reset) and item.after] == [
        ("ada", ["Oracle"]), ("bob", []),
    ]  # fmt: skip
    assert len(found) == 2


def test_names_that_are_none_are_refused(ledger: Ledger) -> None:
    with pytest.raises(ProjectionMisdeclared, match="consumer 'Bot 1' is no name"):
        ledger.changes("effective", consumer="Bot 1")
    with pytest.raises(UnknownName):
        ledger.changes("activity", consumer="bot")


def test_an_event_loop_reads_the_same(database: Database, ledger: Ledger, scenario: LedgerScenario) -> None:
    scenario.given(warned("ada", 1))
    scenario.catch_up()

    async def all_of_it() -> list[FeedItem]:
        async with (
            AsyncLedger(database.dsn, projections=[warnings], catalogue=scenario.catalogue) as ledger,
            ledger.changes("effective", consumer="other", follow=False) as feed,
        ):
            return [item async for item in feed]

    assert [type(item) for item in asyncio.run(all_of_it())] == [Beginning, Reset, Complete]


def consume(database: Database, ledger: Ledger) -> None:
    """Counts each change in a table of its own, in one transaction with its position."""
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("create table if not exists counted (id text, user_id text, points integer)")
        with ledger.changes("effective", consumer="counter", start="now", follow=False) as feed:
            for item in feed:
                with connection.transaction():
                    if isinstance(item, Change):
                        connection.execute(
                            "insert into counted values (%s, %s, %s)", (item.id, item.user_id, item.after.points)
                        )
                    feed.commit(item, connection)


def test_whoever_commits_with_us_sees_each_change_once_wherever_it_is_killed(
    database: Database, ledger: Ledger, scenario: LedgerScenario
) -> None:
    consume(database, ledger)
    seed = random.randrange(1_000_000)
    dice = random.Random(seed)

    def killed() -> None:
        with Ledger(database.dsn, projections=[warnings], catalogue=scenario.catalogue) as own:
            consume(database, own)

    for _ in range(8):
        scenario.given(*[warned(dice.choice("abc"), dice.randrange(20), dice.randrange(5)) for _ in range(3)])
        scenario.batch = dice.randrange(1, 4)
        scenario.catch_up()
        run_killed(killed, at=dice.randrange(1, 40), moment=dice.choice(("before", "after")))
    consume(database, ledger)
    due = [(f"effective-1-{position}", data["after"]) for position, data in expected(log_of(database))]
    with database.connect(DatabaseRole.LOGIN) as connection:
        found = connection.execute("select id, points from counted").fetchall()
    assert found == due, f"seed {seed}"


def test_only_the_last_item_can_be_committed(database: Database, ledger: Ledger, scenario: LedgerScenario) -> None:
    read(ledger, start="now")
    scenario.given(warned("ada", 1), warned("ada", 2))
    scenario.catch_up()
    feed: Feed = ledger.changes("effective", consumer="bot", follow=False)
    first, second = next(feed), next(feed)
    with database.connect(DatabaseRole.DELIVER) as connection:
        with pytest.raises(Refused, match="gave last"):
            feed.commit(first, connection)
        feed.commit(second, connection)
    assert read(ledger) == []
