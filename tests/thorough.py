"""How much is tried where there is no end to what could be: the suite a part, `./temple test --thorough` far more."""

import os
from typing import Final

from tests.killed import Moment

THOROUGH: Final = "TESTS_THOROUGH" in os.environ
MORE: Final = 10


def examples(number: int) -> int:
    """How many hypothesis makes."""
    return number * MORE if THOROUGH else number


def points(most: int, *, moment: Moment, apart: int) -> range:
    """At which exchanges a child is killed: all of them, or some, other ones before than after."""
    return range(1, most) if THOROUGH else range(1 if moment == "before" else 2, most, apart)
