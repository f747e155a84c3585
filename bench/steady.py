"""Whether a figure that was sampled again and again stays where it is."""

from collections.abc import Sequence
from statistics import fmean
from typing import Final, NamedTuple

FEWEST: Final = 6
"""Samples in the second half: a line through fewer says nothing."""


class Sample(NamedTuple):
    """*at*: seconds since the beginning."""

    at: float
    value: float


def rise(samples: Sequence[Sample]) -> float:
    """By how many per cent the figure grows from the middle of the run to its end.

    Of the straight line through the second half (least squares): the first half fills caches, and a single peak does
    not count as growth. Raises ValueError where there are too few samples, or where nothing was measured: what was not
    seen is not flat.
    """
    middle = (samples[0].at + samples[-1].at) / 2 if samples else 0.0
    half = [each for each in samples if each.at >= middle]
    if len(half) < FEWEST:
        raise ValueError(f"{len(half)} samples in the second half are too few to judge growth by: run for longer")
    times, values = [each.at for each in half], [each.value for each in half]
    mean_time, mean_value = fmean(times), fmean(values)
    if mean_value <= 0:
        raise ValueError("nothing was measured: every sample is 0")
    spread = sum((time - mean_time) ** 2 for time in times)
    slope = sum((time - mean_time) * (value - mean_value) for time, value in half) / spread
    began = mean_value + slope * (times[0] - mean_time)
    length = times[-1] - times[0]
    return 100 * slope * length / max(began, mean_value / 2)
