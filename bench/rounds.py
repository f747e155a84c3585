"""Contenders take turns, and change their order every round: what is first finds a colder machine."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.findings import Series

Contender = Callable[[], Mapping[str, float]]
"""Does its work once and returns its figures by name."""


@dataclass
class Rounds:
    """What the contenders returned so far, by figure, and the load average before each round."""

    values: dict[str, list[float]] = field(default_factory=dict)
    load: list[float] = field(default_factory=list)

    def series(self, name: str, unit: str) -> Series:
        return Series(name, unit, tuple(self.values[name]))


def take_turns(contenders: Mapping[str, Contender], rounds: int, say: Callable[[str], None]) -> Rounds:
    done = Rounds()
    for number in range(1, rounds + 1):
        done.load.append(os.getloadavg()[0])
        names = list(contenders) if number % 2 else list(contenders)[::-1]
        for name in names:
            say(f"  round {number} of {rounds}: {name}")
            for figure, value in contenders[name]().items():
                done.values.setdefault(figure, []).append(value)
    return done
