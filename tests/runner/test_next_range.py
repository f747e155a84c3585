"""The events of the next wide step are asked for while this one is written: it folds what it would have folded."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.operations import set_state
from temple_ledger.infrastructure.read_models.runner.wide_connections import WideConnections
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Processor, Step
from temple_ledger.projections.testing.histories import at, role_added
from tests.erasure.builders import OTHER, PERSON, erased
from tests.killed import Moment, run_killed
from tests.runner.test_histories import EVENT, _entry
from tests.runner.test_wide_steps import history, position, processing, void
from tests.thorough import examples, points

EVERYTHING = 1_000_000


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=[members])


@contextmanager
def reading_ahead(
    database: Database, width: int
) -> Iterator[tuple[Processor, psycopg.Connection[Any], WideConnections]]:
    """The next step is always asked for, so wide."""
    with processing(database) as (processor, first, wide):
        wide.next_width = lambda _, __: width
        yield processor, first, wide


def wide_step(processor: Processor, first: psycopg.Connection[Any], limit: int) -> Step:
    return processor.wide_step(upto=settled_head(first), limit=limit, in_time=lambda: True)


def fold_ahead(database: Database, width: int) -> list[Step]:
    """Until nothing is left."""
    steps: list[Step] = []
    with reading_ahead(database, width) as (processor, first, _):
        while (step := wide_step(processor, first, width)).idle is None:
            steps.append(step)
    return steps


def sixteen_roles(ledger: LedgerScenario, *people: str) -> None:
    """In turns."""
    for number in range(16 // len(people)):
        ledger.given(*(role_added(each, f"role {number}", at(number)) for each in people))


_examples = count(1)


def test_rows_are_the_fold_of_any_history_in_steps_of_any_width(ledger: LedgerScenario) -> None:
    @settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(EVENT, min_size=1, max_size=30), st.lists(st.integers(1, 12), min_size=1, max_size=4), st.booleans()
    )
    def holds(drawn: list[Any], widths: list[int], batches_between: bool) -> None:
        example = next(_examples) + 2_000_000
        ledger.append(_entry(number, example, each) for number, each in enumerate(drawn))
        with reading_ahead(ledger.database, widths[0]) as (processor, first, _):
            for width in [*widths, EVERYTHING]:
                wide_step(processor, first, width)
                if batches_between:
                    processor.step(upto=settled_head(first), limit=width)
        assert verify(ledger.database, members, catalogue=CATALOGUE).ok

    holds()


def test_a_step_takes_the_range_that_was_asked_for_unless_it_is_far_wider_than_it_may_be(
    ledger: LedgerScenario,
) -> None:
    sixteen_roles(ledger, "ada", "bob")
    with reading_ahead(ledger.database, 5) as (processor, first, _):
        assert [wide_step(processor, first, limit).events for limit in (4, 8, 4, 2)] == [4, 5, 5, 2]
        assert position(ledger.database) == 16
    ledger.then_verified()


def test_who_is_erased_between_two_steps_comes_under_the_pseudonym_alone(ledger: LedgerScenario) -> None:
    sixteen_roles(ledger, PERSON, OTHER)
    with reading_ahead(ledger.database, 8) as (processor, first, _):
        wide_step(processor, first, 8)
        erased(ledger.database, projections=[members])
        wide_step(processor, first, 8)
    assert ledger.rows(members, "discord_user_current_roles", PERSON) == []
    ledger.then_verified()


def test_an_operation_between_two_steps_is_seen_by_the_next_one(ledger: LedgerScenario) -> None:
    sixteen_roles(ledger, "ada", "bob")
    with reading_ahead(ledger.database, 8) as (processor, first, _):
        wide_step(processor, first, 8)
        for state in (ProjectionState.PAUSED, ProjectionState.RUNNING):
            set_state(ledger.database, members.key, state, by="mod", reason="a look")
        # it is asked for anew: what was begun is one wider
        assert wide_step(processor, first, 7).events == 7


def test_a_lost_connection_is_an_error_of_the_step_that_would_have_read_there(ledger: LedgerScenario) -> None:
    sixteen_roles(ledger, "ada", "bob")
    with reading_ahead(ledger.database, 8) as (processor, first, wide):
        wide_step(processor, first, 8)
        log = wide.opened[-1]
        with ledger.database.connect(DatabaseRole.LOGIN) as connection:
            connection.execute("select pg_terminate_backend(%s, 5000)", (log.info.backend_pid,))
        # the database may have sent all of it before
        try:
            wide_step(processor, first, 8)
        except psycopg.OperationalError:
            assert position(ledger.database) == 8
            wide.close()
            wide_step(processor, first, 8)
    assert position(ledger.database) == 16
    ledger.then_verified()


def test_whoever_closes_the_connections_does_not_wait_for_what_was_asked(ledger: LedgerScenario) -> None:
    sixteen_roles(ledger, "ada", "bob")
    with reading_ahead(ledger.database, 4) as (processor, first, wide):
        wide_step(processor, first, 4)
        stopped = 0

        def width(_: int, __: int) -> int:
            nonlocal stopped
            stopped = wide.opened[-1].info.backend_pid
            os.kill(stopped, signal.SIGSTOP)
            return 4

        wide.next_width = width
        try:
            wide_step(processor, first, 4)
            wide.close()
        finally:
            os.kill(stopped, signal.SIGCONT)
        wide.next_width = lambda _, __: 0
        assert wide_step(processor, first, 8).position == 16
    ledger.then_verified()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_exchange_rows_and_checkpoint_agree(ledger: LedgerScenario, moment: Moment) -> None:
    for exchange in points(200, moment=moment, apart=3):
        history(ledger, exchange)
        killed = run_killed(lambda: void(fold_ahead(ledger.database, width=10)), at=exchange, moment=moment)
        ledger.then_verified()
        if not killed:
            break
    else:
        pytest.fail("it never came to its end")
    assert exchange > 20
    fold_ahead(ledger.database, width=10)
    ledger.then_verified()
