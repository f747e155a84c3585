"""Events of the log, picked by what their columns hold."""

from uuid import uuid4

import pytest

from temple_ledger.domain.errors import UnknownName
from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.events import ALL, EventFilter, following, newest, shown
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, pledged, role_added
from tests.queries.builders import unfoldable


@pytest.fixture
def positions(ledger: LedgerScenario) -> list[Position]:
    given = ledger.given(
        joined("ada", at(1)),
        role_added("ada", "Oracle", at(2)),
        role_added("bob", "Oracle", at(3)),
        role_added("bob", "Seeker", at(4)),
        pledged("bob", "Gold", at(5)),
    )
    return list(given)


@pytest.mark.parametrize(
    ("picked", "expected"),
    [
        (ALL, [0, 1, 2, 3, 4]),
        (EventFilter(user_id="ada"), [0, 1]),
        (EventFilter(event_type="discord_role_change"), [1, 2, 3]),
        (EventFilter(action="started"), [4]),
        (EventFilter(source="patreon"), [4]),
        (EventFilter(targets=("Oracle",)), [1, 2]),
        (EventFilter(targets=("Oracle", "Gold")), [1, 2, 4]),
        (EventFilter(since=at(3)), [2, 3, 4]),
        (EventFilter(until=at(3)), [0, 1, 2]),
        (EventFilter(user_id="bob", event_type="discord_role_change", since=at(4)), [3]),
    ],
)
def test_events_are_picked_by_everything_that_is_given(
    ledger: LedgerScenario, positions: list[Position], picked: EventFilter, expected: list[int]
) -> None:
    with snapshot(ledger.database) as connection:
        wanted = [positions[place] for place in expected]
        assert [event.position for event in following(connection, picked, after=START, limit=9)] == wanted
        assert [event.position for event in newest(connection, picked, limit=9)] == wanted


def test_the_newest_are_the_last_ones_in_the_order_of_the_log(
    ledger: LedgerScenario, positions: list[Position]
) -> None:
    with snapshot(ledger.database) as connection:
        assert [event.position for event in newest(connection, ALL, limit=2)] == positions[-2:]


def test_the_following_are_the_first_ones_behind_a_position(ledger: LedgerScenario, positions: list[Position]) -> None:
    with snapshot(ledger.database) as connection:
        found = following(connection, ALL, after=positions[0], upto=positions[3], limit=2)
    assert [event.position for event in found] == positions[1:3]


def test_one_event_is_shown_by_position_and_by_event_id(ledger: LedgerScenario, positions: list[Position]) -> None:
    with snapshot(ledger.database) as connection:
        found = shown(connection, positions[1])
        assert found.event.user_id == "ada"
        assert found.event.event_id is not None
        assert shown(connection, found.event.event_id) == found
        assert found.processed_at is None


def test_what_is_folded_says_when(ledger: LedgerScenario, positions: list[Position]) -> None:
    ledger.catch_up()
    with snapshot(ledger.database) as connection:
        found = shown(connection, positions[1])
    assert found.processed_at is not None
    assert found.event.recorded_at is not None
    assert found.processed_at >= found.event.recorded_at


def test_an_unknown_position_is_answered_with_those_beside_it(
    ledger: LedgerScenario, positions: list[Position]
) -> None:
    with snapshot(ledger.database) as connection:
        with pytest.raises(UnknownName, match=f"did you mean {positions[-1]}"):
            shown(connection, Position(10**9))
        with pytest.raises(UnknownName):
            shown(connection, uuid4())


def test_a_time_that_python_does_not_have_is_none(ledger: LedgerScenario) -> None:
    unfoldable(ledger.database, "ada", "infinity")
    with snapshot(ledger.database) as connection:
        assert [event.occurred_at for event in newest(connection, ALL, limit=1)] == [None]
        assert newest(connection, EventFilter(since=at(1)), limit=1) != []
