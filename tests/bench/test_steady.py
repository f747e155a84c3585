"""A figure that grows is not flat, whatever else it does; and what was not measured is neither."""

import os
import random

import pytest

from bench.soak import MOST_RISE
from bench.soak_samples import watched
from bench.steady import Sample, rise
from temple_ledger.infrastructure.database.connection import Database


def series(*values: float) -> list[Sample]:
    return [Sample(10.0 * number, value) for number, value in enumerate(values)]


def test_a_figure_that_stays_is_flat() -> None:
    assert rise(series(*[80.0] * 40)) == pytest.approx(0)


def test_a_figure_that_grows_by_a_tenth_in_the_second_half_is_not_flat() -> None:
    growing = [100.0] * 20 + [100.0 + number / 2 for number in range(21)]
    assert rise(series(*growing)) == pytest.approx(10, abs=1)
    assert rise(series(*growing)) > MOST_RISE


def test_what_fills_up_in_the_first_half_is_flat() -> None:
    assert abs(rise(series(*range(1, 21), *[20.0] * 21))) < 1


def test_growth_is_seen_through_noise() -> None:
    dice = random.Random(1)
    noise = [dice.uniform(-5, 5) for _ in range(90)]
    assert abs(rise(series(*(100 + each for each in noise)))) < MOST_RISE
    assert rise(series(*(100 + number / 2 + each for number, each in enumerate(noise)))) > MOST_RISE


def test_a_figure_that_falls_does_not_rise() -> None:
    assert rise(series(*range(100, 60, -1))) < 0


def test_a_descriptor_lost_every_minute_of_an_hour_is_not_flat() -> None:
    assert rise([Sample(60.0 * minute, 25.0 + minute) for minute in range(60)]) > MOST_RISE


@pytest.mark.parametrize("samples", [series(), series(*[1.0] * 8), series(*[0.0] * 40)], ids=["none", "few", "zeros"])
def test_what_was_not_measured_is_not_called_flat(samples: list[Sample]) -> None:
    with pytest.raises(ValueError, match=r"too few|nothing was measured"):
        rise(samples)


def test_everything_that_is_watched_is_seen(database: Database) -> None:
    found = watched({"runner": os.getpid()}, database.dsn)
    assert len(found) == 24
    always = {what for what in found if what.judged and what.unit != "bytes a row"}
    assert {what.name for what in always} == {
        "memory of the runner",
        "descriptors of the runner",
        "tables of a few rows",
    }
    assert all(found[what] > 0 for what in always)
