"""Which faults in which order: a function of the seed alone. How far a storm comes is a matter of its time."""

import random
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

LANES: Final[Mapping[str, Mapping[str, int]]] = {
    "runners": {
        "runner killed": 4,
        "runner killed at an exchange with the database": 4,
        "runner killed at a system call": 2,
        "leader frozen": 1,
    },
    "commands": {
        "replay killed": 2,
        "replay with two workers killed": 1,
        "repair killed": 2,
        "import killed": 2,
        "erasure killed": 1,
        "trigger switch killed": 1,
        "version switch killed": 1,
        "lanes split or joined": 2,
    },
    "sessions": {
        "backend terminated": 16,
        "gap held": 4,
        "prepared transaction": 4,
        "drift planted": 1,
    },
    "wire": {
        "commit answer of an append lost": 40,
        "commit answer of a service lost": 20,
        "black hole": 1,
    },
    "machine": {
        "receiver killed": 3,
        "sealer killed": 3,
        "listener killed": 1,
        "server crashed": 1,
        "disk full": 1,
        "no connections left": 1,
        "no descriptors left": 1,
        "clock stepped": 1,
    },
}
"""Lanes work at the same time, the faults of one lane one after the other: how often each comes in a round."""

KINDS: Final = tuple(kind for lane in LANES.values() for kind in lane)


class Planned(NamedTuple):
    """*draw* seeds whatever the fault leaves to chance; *round* is 0 while each kind comes for the first time."""

    kind: str
    draw: int
    round: int


def plan(seed: int, lane: str, kinds: frozenset[str] = frozenset(KINDS)) -> Iterator[Planned]:
    """Without end, in rounds: first each kind once, then each as often as its lane has it."""
    dice = random.Random(f"{seed}/{lane}")
    wanted = {kind: often for kind, often in LANES[lane].items() if kind in kinds}
    number = 0
    while wanted:
        names = [kind for kind, often in wanted.items() for _ in range(often if number else 1)]
        dice.shuffle(names)
        for kind in names:
            yield Planned(kind, dice.getrandbits(32), number)
        number += 1
