"""Many events counted together are counted as each alone, whatever is among them."""

from collections.abc import Sequence
from datetime import timedelta, timezone

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import NO_POSITIONS, Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.activity import activity
from temple_ledger.projections.counting import Counting, TallyBatch, count_batch
from temple_ledger.projections.testing.histories import DAY_ONE, at


def event(position: int, hours: float = 0, source: str = "discord") -> Recorded:
    return Recorded(Position(position), at(hours), "discord_join", "ada", "joined", None, None, source)


GOOD = [event(number, number / 2) for number in range(1, 8)]
WITHOUT_TIME = event(20)._replace(occurred_at=None)
TOO_LONG = event(21, source="x" * 51)


def by_pages(*pages: Sequence[Recorded], left_out: PositionSet = NO_POSITIONS) -> TallyBatch:
    counting = Counting(activity, left_out, CATALOGUE)
    for page in pages:
        counting.count(page)
    return counting.total()


def one_by_one(*events: Recorded) -> TallyBatch:
    total = TallyBatch()
    for each in events:
        total.add(count_batch(activity, [each], NO_POSITIONS, CATALOGUE))
    return total


def test_pages_are_counted_as_each_event_alone() -> None:
    counted = by_pages(GOOD[:3], GOOD[3:], GOOD)
    assert counted == one_by_one(*GOOD, *GOOD)
    assert (counted.counted, counted.failures) == (14, [])


def test_what_cannot_be_counted_is_parked_alone_and_all_others_are_counted() -> None:
    for bad in (WITHOUT_TIME, TOO_LONG):
        counted = by_pages(GOOD[:2], [*GOOD[2:4], bad, event(30, 100)], GOOD[4:])
        assert [failure.position for failure in counted.failures] == [bad.position]
        assert (counted.increments, counted.counted) == (one_by_one(*GOOD, event(30, 100)).increments, 8)


def test_a_page_names_its_own_failures() -> None:
    counting = Counting(activity, NO_POSITIONS, CATALOGUE)
    failures = [[each.position for each in counting.count([bad])] for bad in (WITHOUT_TIME, GOOD[0], TOO_LONG)]
    assert failures == [[20], [], [21]]


def test_positions_that_are_left_out_are_not_counted() -> None:
    assert by_pages(GOOD, left_out=PositionSet([(1, 3)])).increments == one_by_one(*GOOD[3:]).increments


def test_an_hour_is_one_of_utc_whatever_the_offset() -> None:
    elsewhere = event(1)._replace(occurred_at=DAY_ONE.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert by_pages([elsewhere, event(2)]).increments == {(DAY_ONE, "discord_join", "joined", "discord"): 2}


def test_what_two_counted_apart_adds_up_whatever_names_each_met_first() -> None:
    mine, others = [event(1, 1, "import"), event(2, 2)], [event(3, 2), event(4, 2, "manual"), event(5, -9, "import")]
    here, there = (Counting(activity, NO_POSITIONS, CATALOGUE) for _ in range(2))
    here.count([*mine, TOO_LONG])
    there.count(others)
    there.count([WITHOUT_TIME])
    here.add(there.counted())
    assert here.total().increments == one_by_one(*mine, *others).increments
    assert sorted(here.sums().items()) == sorted(one_by_one(*mine, *others).increments.items())
    assert (len(here.sums()), here.number) == (4, 5)
    assert [each.position for each in here.failures] == [21, 20]


def test_hours_before_1970_have_keys_of_their_own() -> None:
    times = [DAY_ONE.replace(year=1), DAY_ONE.replace(year=1969, month=12, day=31, hour=23), DAY_ONE.replace(year=1970)]
    events = [event(number)._replace(occurred_at=each) for number, each in enumerate(times, 1)]
    assert sorted(key[0] for key in by_pages(events).increments) == times
