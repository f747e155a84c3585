"""How long a fuzzer runs: some seconds in the suite; LEDGER_FUZZ_EXAMPLES in the environment asks for more."""

import os
from typing import Final

from hypothesis import HealthCheck, settings

EXAMPLES: Final = int(os.environ.get("LEDGER_FUZZ_EXAMPLES", "0"))


def bounded(examples: int) -> settings:
    """So many in the suite, the same ones each time; others each time where more are asked for."""
    return settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )
