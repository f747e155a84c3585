"""Any true history, told as Patreon tells it: with loss, twins, repeats, reordering, stale retries and kills.

The ledger ends equal to the truth once a snapshot has run, and tells no change that never was.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from tests.fakes.patreon import FakePatreon, Oddities
from tests.fakes.patreon_sender import Sender
from tests.killed import run_killed
from tests.patreon.asking import Source
from tests.patreon.emptying import empty
from tests.patreon.feed import Feed
from tests.patreon.truth import NOTHING, TIERS, Held, Patron, Truth
from tests.thorough import THOROUGH, examples

EXAMPLES = examples(7)
PATRONS = 2
SHARED = "900000000000000000"

FATES = ("taken", "taken", "taken twice", "twins swapped", "lost", "late", "late", "late")
STEP = st.tuples(
    st.integers(0, PATRONS - 1),
    st.integers(0, 59),
    st.sampled_from(TIERS),
    st.sampled_from((None, None, SHARED)),
    st.sampled_from(FATES),
    st.sampled_from(("", "", "flush", "flush", "snapshot", "minutes", "kill")),
    st.integers(1, 12),
)
STORY = st.lists(STEP, min_size=8, max_size=24)
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not THOROUGH,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

SHOWN_BY_THE_NEXT = ("links", "unlinks", "flap")
"""What only another body shows as it is."""

Step = tuple[int, int, Any, str | None, str, str, int]


class Story:
    """The truth, the fake that knows it, and the ledger that hears of it."""

    def __init__(self, database: Database, patreon: FakePatreon, *, asks: bool, kills: bool) -> None:
        self.truth = Truth([Patron(number) for number in range(PATRONS)], voids=asks)
        self.feed = Feed(database, asks=asks)
        self.asks = asks
        self.kills = kills
        self.patreon = patreon
        patreon.forget()
        patreon.oddities = Oddities(page_size=2, repeats=1, endless=True)
        self.source = Source(self.feed, patreon)
        self.open = True
        self.last_deed = ""
        self.sender = Sender(self._post)
        self.order = random.Random(7)

    def plays(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._step(*step)

    def settles(self) -> None:
        """A snapshot, once Patreon is itself again."""
        self.feed.later(hours=1)
        self.feed.translates()
        self.source.reconciles()

    def told(self) -> dict[str, list[Held]]:
        found: dict[str, list[Held]] = {}
        with self.feed.database.connect(DatabaseRole.READ) as connection:
            rows = connection.execute(
                "select user_id, metadata ->> 'standing', target from webhook_audit_log order by id"
            )
            for user_id, standing, tier in rows:
                found.setdefault(user_id, [NOTHING]).append(Held(standing, tier))
        return found

    def _step(self, number: int, choice: int, tier: Any, shared: str | None, fate: str, then: str, at: int) -> None:
        patron = self.truth.patrons[number]
        possible = self.truth.possible(patron)
        self.last_deed = deed = possible[choice % len(possible)]
        told = self.truth.does(patron, deed, tier, shared or f"80000000000000000{number}")
        self._tell_fake(patron)
        self.feed.now = max(self.feed.now, self.truth.now)
        self._hear()
        if told is not None:
            self._send(*told, fate)
        self._then(then, at)

    def _tell_fake(self, patron: Patron) -> None:
        if patron.here:
            self.patreon.put(patron.document())
        else:
            self.patreon.remove(patron.member_id)

    def _send(self, document: dict[str, Any], triggers: list[str], fate: str) -> None:
        self.open = fate != "late"
        if fate == "lost":
            return
        if fate == "twins swapped":
            triggers.reverse()
        self.sender.tell(self.feed.now, document, *triggers)
        if fate == "taken twice":
            self.sender.tell(self.feed.now, document, *triggers)
        self.open = True
        self._hear()

    def _then(self, then: str, at: int) -> None:
        match then:
            case "flush":
                self.sender.flush(self.feed.now, self.order)
            case "minutes":
                self.feed.later(minutes=6)
            case "snapshot":
                self.source.reconciles()
            case "kill" if self.kills:
                self._killed(at)
        self._hear()

    def _killed(self, at: int) -> None:
        """Whoever translates, in the midst of it."""
        self.sender.flush(self.feed.now, self.order)
        moment = "after" if at % 2 else "before"

        def work() -> None:
            child = Feed(self.feed.database, asks=self.asks)
            child.now = self.feed.now
            child.translates()

        run_killed(work, at=at, moment=moment)  # type: ignore[arg-type]

    def _hear(self) -> None:
        """Translates what was kept; where somebody asks, until nothing is in doubt that can be asked about."""
        self.feed.translates()
        while self.asks and self._is_due() and self.source.looks_again():
            self.feed.translates()

    def _is_due(self) -> bool:
        with self.feed.database.connect(DatabaseRole.READ) as connection:
            found = connection.execute("select from patreon_member where look_again_at <= %s", [self.feed.now])
            return found.rowcount > 0

    def _post(self, trigger: str, body: bytes, signature: str) -> bool:
        if not self.open or signature != self.sender.sign(body):
            return False
        digest = digest_of(trigger.encode(), body)
        delivery = Delivery("patreon", trigger, body, digest, self.feed.now, "main")
        with self.feed.database.connect(DatabaseRole.TRANSLATE) as connection, connection.transaction():
            store(connection, [delivery])
        return True


@contextmanager
def story(database: Database, patreon: FakePatreon, *, asks: bool, kills: bool = False) -> Iterator[Story]:
    empty(database)
    told = Story(database, patreon, asks=asks, kills=kills)
    try:
        yield told
    finally:
        told.feed.close()


def then_equal_to_the_truth(told: Story) -> None:
    expected = {user_id: held for user_id, held in told.truth.held().items() if held != NOTHING}
    assert {user_id: held[-1] for user_id, held in told.told().items() if held[-1] != NOTHING} == expected
    ledger = LedgerScenario(told.feed.database)
    ledger.catch_up()
    with told.feed.database.connect(DatabaseRole.READ) as connection:
        rows = connection.execute(
            "select user_id, patreon_tier from temple_member_status where patreon_tier is not null"
        )
        assert dict(rows.fetchall()) == {user_id: held.tier for user_id, held in expected.items() if held.tier}


def then_each_change_once(told: Story) -> None:
    for held in told.told().values():
        assert all(before != after for before, after in itertools.pairwise(held)), held


def is_part_of(told: Sequence[Held], true: Sequence[Held]) -> bool:
    """Whether the one is the other with some left out."""
    rest = iter(true)
    return all(any(each == state for state in rest) for each in told)


def then_no_change_that_never_was(told: Story) -> None:
    for user_id, held in told.told().items():
        if user_id != SHARED:
            assert is_part_of(held, told.truth.history[user_id]), (user_id, held, told.truth.history[user_id])


@BOUNDED
@given(STORY)
def test_where_somebody_asks_every_change_told_was_one(
    shared: Database, patreon_server: FakePatreon, steps: list[Step]
) -> None:
    with story(shared, patreon_server, asks=True) as told:
        told.plays(steps)
        told.settles()
        then_no_change_that_never_was(told)
        then_each_change_once(told)
        then_equal_to_the_truth(told)


@BOUNDED
@given(STORY)
def test_where_nobody_asks_every_state_told_was_one(
    shared: Database, patreon_server: FakePatreon, steps: list[Step]
) -> None:
    """A stale body that nothing shows to be old may take somebody back, until the next body or snapshot."""
    with story(shared, patreon_server, asks=False) as told:
        told.plays(steps)
        told.settles()
        for user_id, held in told.told().items():
            if user_id != SHARED:
                assert set(held) <= set(told.truth.history[user_id])
        then_each_change_once(told)
        then_equal_to_the_truth(told)


@BOUNDED
@given(st.lists(st.tuples(st.integers(0, PATRONS - 1), st.integers(0, 59), st.sampled_from(TIERS)), max_size=25))
def test_what_is_told_in_order_and_in_full_is_told_exactly(
    shared: Database, patreon_server: FakePatreon, deeds: list[tuple[int, int, Any]]
) -> None:
    with story(shared, patreon_server, asks=False) as told:
        for number, choice, tier in deeds:
            told.plays([(number, choice, tier, None, "taken twice", "", 0)])
            patron = told.truth.patrons[number]
            if told.last_deed in SHOWN_BY_THE_NEXT and patron.here:
                told.sender.tell(told.feed.now, patron.document(f"the next {told.feed.now}"), "update")
                told.feed.translates()
        true = {user_id: held for user_id, held in told.truth.history.items() if len(held) > 1}
        assert told.told() == true


@settings(BOUNDED, max_examples=max(3, EXAMPLES // 4))
@given(STORY)
def test_kills_in_between_change_nothing_of_it(
    shared: Database, patreon_server: FakePatreon, steps: list[Step]
) -> None:
    with story(shared, patreon_server, asks=True, kills=True) as told:
        told.plays([(*step[:5], step[5] or "kill", step[6]) for step in steps])
        told.settles()
        then_no_change_that_never_was(told)
        then_each_change_once(told)
        then_equal_to_the_truth(told)
