"""Which faults come in which order is a function of the seed alone."""

from itertools import islice

from tests.chaos.faults import FAULTS
from tests.chaos.plan import KINDS, LANES, plan


def test_a_seed_always_gives_the_same_faults() -> None:
    for lane in LANES:
        assert list(islice(plan(7, lane), 200)) == list(islice(plan(7, lane), 200))


def test_other_seeds_give_other_faults() -> None:
    assert list(islice(plan(7, "commands"), 200)) != list(islice(plan(8, "commands"), 200))


def test_each_kind_comes_once_before_any_comes_again() -> None:
    for lane, kinds in LANES.items():
        first = list(islice(plan(3, lane), len(kinds)))
        assert {each.kind for each in first} == kinds.keys()
        assert {each.round for each in first} == {0}


def test_only_what_is_asked_for_comes_and_a_lane_without_it_ends() -> None:
    wanted = frozenset({"server crashed"})
    assert {each.kind for each in islice(plan(3, "machine", wanted), 20)} == wanted
    assert list(plan(3, "wire", wanted)) == []


def test_every_kind_can_be_injected() -> None:
    assert FAULTS.keys() == set(KINDS)
