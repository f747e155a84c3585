"""The small form of `.venv/bin/python -m tests.reach`."""

import random
from pathlib import Path

from tests.crashing import crashing_server
from tests.reach.storm import storm


def test_effects_and_feed_reach_everybody_whoever_is_killed(tmp_path: Path) -> None:
    with crashing_server() as server:
        found = storm(
            server,
            "crashing",
            tmp_path,
            changes=300,
            kill_after=20,
            crash_after=150,
            seed=random.randrange(1_000_000),
        )
    assert found.killed
