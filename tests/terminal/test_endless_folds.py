"""A rule that does not return is ended, and its member named; nothing else is."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import EndlessFold, LedgerError
from temple_ledger.domain.event import Event
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.engines import engine
from temple_ledger.infrastructure.engines.engine import ALL_BUCKETS, Buckets
from temple_ledger.infrastructure.engines.local import LocalEngine
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.read_models.operations import parked, retry
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.endless_folds import endless_folds_end, endless_folds_end_in_thread
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.row import Row, projection
from temple_ledger.projections.testing import time_limit
from temple_ledger.projections.testing.given_log import GivenLog
from temple_ledger.projections.testing.histories import at
from temple_ledger.projections.testing.specification import Specification

LIMIT, LOOK = 0.2, 0.02


class Played(Event, type="test/played_for_ever"):
    rounds: int = 1


class Score(Row, table="example_for_ever"):
    rounds: int = 0


endless: list[bool] = []
games = projection("for_ever", version=1, state=Score)


@games.on
def _(score: Score, event: Played) -> Score:
    while endless and event.rounds == 7:
        # whatever an author's code survives
        with suppress(Exception):
            score = score.replace(rounds=0)
    if event.rounds < 0:
        raise ValueError("rounds are never negative")
    return score.replace(rounds=score.rounds + event.rounds)


def played(who: str, hours: float, rounds: int = 1) -> Played:
    return Played(user_id=who, occurred_at=at(hours), source="test", rounds=rounds)


@pytest.fixture
def looping() -> Iterator[list[bool]]:
    endless.clear()
    yield endless
    endless.clear()


def test_verify_and_retry_end_with_the_member_named(database: Database, looping: list[bool]) -> None:
    ledger = LedgerScenario(database, projections=[games])
    ledger.given(played("ada", 1), played("bob", 1, 7), played("bob", 2, -1))
    ledger.catch_up()
    looping.append(True)
    for work in (lambda: verify(database, games, catalogue=ledger.catalogue), lambda: again(database, ledger)):
        with pytest.raises(EndlessFold, match=r"member bob, event at position 2: in .*test_endless_folds.py, line \d+"):
            limited(work)
    looping.clear()
    ledger.then_parked(games, "bob", Position(3))


def again(database: Database, ledger: LedgerScenario) -> object:
    with snapshot(database) as connection:
        failures = parked(connection)
    return retry(database, games, failures, by="ada", catalogue=ledger.catalogue)


def limited(work: Callable[[], object]) -> object:
    with endless_folds_end(LIMIT, LOOK):
        return work()


def test_in_a_thread_of_a_program_a_rule_is_ended_too(looping: list[bool]) -> None:
    catalogue = CATALOGUE.with_models([Played])
    log = GivenLog(catalogue)
    log.given([played("ada", 1, 7)])
    looping.append(True)
    before, found = signal.getsignal(signal.SIGALRM), list[BaseException]()

    def folds() -> None:
        try:
            with endless_folds_end_in_thread(LIMIT, LOOK):
                Fold(games, catalogue).whole(log.recorded)
        except EndlessFold as error:
            found.append(error)

    thread = threading.Thread(target=folds)
    thread.start()
    folds()
    thread.join()
    assert len(found) == 2
    assert all("member ada, event at position 1" in str(each) for each in found)
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_worker_of_an_engine_ends_it_too(
    database: Database, looping: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "endless_folds_end", lambda: endless_folds_end(LIMIT, LOOK))
    looping.append(True)
    with pytest.raises(LedgerError, match=r"did not return within 0.2 s .*member ada, event at position 1: in .*line"):
        list(LocalEngine(database, 1).run(fold_one, [ALL_BUCKETS]))


def fold_one(database: Database, buckets: Buckets) -> object:
    catalogue = CATALOGUE.with_models([Played])
    log = GivenLog(catalogue)
    log.given([played("ada", 1, 7)])
    return str(Fold(games, catalogue).whole(log.recorded).state)


def test_the_test_kit_ends_it_too(looping: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "LIMIT_SECONDS", LIMIT)
    looping.append(True)
    spec = Specification(games)
    spec.given(played("ada", 1, 7))
    with pytest.raises(EndlessFold, match="member ada, event at position 1"):
        spec.then_row("ada", Score())


def test_a_timer_of_somebody_else_goes_on_behind_a_fold() -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1_000)
        with endless_folds_end(LIMIT, LOOK):
            pass
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1_000
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_state_that_never_becomes_rows_is_ended_too(looping: list[bool]) -> None:
    def rows(_: Score) -> object:
        while True:
            pass

    stuck = projection("stuck", version=1, state=Score)
    stuck.rows_of = rows  # type: ignore[assignment]
    stuck.on(Played)(lambda score, event: score)
    spec = Specification(stuck)
    with pytest.raises(EndlessFold, match=r"test_endless_folds.py, line \d+, .*rows"):
        limited(lambda: spec.given(played("ada", 1)).then_row("ada", Score()))


def test_many_events_are_no_endless_rule(looping: list[bool]) -> None:
    """However long all of them take together: each call returns."""
    catalogue = CATALOGUE.with_models([Played])
    log = GivenLog(catalogue)
    log.given(played("ada", hour) for hour in range(500))
    fold = Fold(games, catalogue)
    until = time.monotonic() + 3 * LIMIT

    def folds() -> Score | None:
        while True:
            folded = fold.whole(log.recorded)
            if time.monotonic() > until:
                return folded.state

    assert limited(folds) == Score(500)
