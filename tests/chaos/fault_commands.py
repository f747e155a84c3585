"""What operators do, killed in the middle, and then done again to the end."""

import json
import random
from collections.abc import Sequence
from typing import Final

from temple_ledger.domain.instant import format_instant
from tests.chaos.processes import KILLED, Death, pause
from tests.chaos.site import MIGRATE, OPERATOR
from tests.chaos.storm import Storm

REASON: Final = ("--reason", "a storm")
APPLY: Final = ("--apply", "--yes", *REASON)
PROJECTIONS: Final = ("members", "activity", "role_periods")
LINES: Final = 400
END_SECONDS: Final = 90.0
AGAIN_SECONDS: Final = 0.5
BOTH_LEAD_SECONDS: Final = 20.0
TRIES: Final = 30
DONE: Final = frozenset({0, 5})
"""Done, or refused with a reason: another fault had its way."""


def replay_killed(storm: Storm, dice: random.Random) -> bool:
    return _replay(storm, dice, 1)


def replay_with_two_workers_killed(storm: Storm, dice: random.Random) -> bool:
    return _replay(storm, dice, 2)


def repair_killed(storm: Storm, dice: random.Random) -> bool:
    return _killed(storm, dice, ("repair", *APPLY), exchanges=60, done=DONE | {3})


def import_killed(storm: Storm, dice: random.Random) -> bool:
    entries = storm.operator.entries(LINES)
    file = storm.site.folder / f"import-{dice.getrandbits(64)}.jsonl"
    file.write_text(
        "".join(
            json.dumps(
                {
                    **entry._asdict(),
                    "event_id": str(entry.event_id),
                    "timestamp": format_instant(entry.timestamp),
                    "metadata": None if entry.metadata is None else json.loads(entry.metadata),
                }
            )
            + "\n"
            for entry in entries
        )
    )
    seen = _killed(storm, dice, ("events", "import", "--keep-names", str(file)), exchanges=25, done={0})
    storm.record.add_events((entry.event_id, None, entry.user_id) for entry in entries)
    return seen


def erasure_killed(storm: Storm, dice: random.Random) -> bool:
    person = storm.persons.leave(dice)
    storm.record.erase(person)
    # 1: nobody has heard of that person
    return _killed(storm, dice, ("member", "erase", person, *APPLY), login=MIGRATE, exchanges=60, done=DONE | {1})


def trigger_switch_killed(storm: Storm, dice: random.Random) -> bool:
    on = _killed(storm, dice, ("trigger", "enable", *REASON), login=MIGRATE, exchanges=20)
    pause(dice.uniform(0.1, 1.0))
    off = _killed(storm, dice, ("trigger", "disable"), login=MIGRATE, exchanges=20)
    return on or off


def version_switch_killed(storm: Storm, dice: random.Random) -> bool:
    switch = ("projection", "switch", "standing", "--to", str(dice.randint(1, 2)), "--behind", *APPLY)
    return _killed(storm, dice, switch, login=MIGRATE, exchanges=20)


def lanes_split_or_joined(storm: Storm, dice: random.Random) -> bool:
    """Split more often than joined, so that much of the storm meets lanes. Seen when both runners lead some of them."""
    _killed(storm, dice, ("projection", "lanes", "members", "--split", *APPLY), exchanges=12)
    seen = _both_lead(storm)
    if dice.random() < 0.3:
        _killed(storm, dice, ("projection", "lanes", "members", "--join", *APPLY), exchanges=30)
    return seen


def _both_lead(storm: Storm) -> bool:
    for _ in range(int(BOTH_LEAD_SECONDS / AGAIN_SECONDS)):
        with storm.site.admin() as admin:
            row = admin.execute(
                "select count(distinct holder) from projection_lease where projection = 'members' and lane >= 0"
                " and not lease_is_over(projection_lease)"
            ).fetchone()
        if row is not None and row[0] > 1:
            return True
        pause(AGAIN_SECONDS)
    return False


def _replay(storm: Storm, dice: random.Random, workers: int) -> bool:
    arguments = ("replay", dice.choice(PROJECTIONS), *APPLY, "--max-change", "100", "--workers", str(workers))
    return _killed(storm, dice, arguments, exchanges=60)


def _killed(
    storm: Storm,
    dice: random.Random,
    arguments: Sequence[str],
    *,
    exchanges: int,
    login: str = OPERATOR,
    done: frozenset[int] | set[int] = DONE,
) -> bool:
    """Whether it was killed, at one of its first *exchanges* with the database. Then it is called until it is *done*:
    while the server is away it ends with 4, and while the clock is not accepted with 3."""
    death: Death | None = Death(dice.randint(1, exchanges), dice.choice(["before", "after"]))
    seen, codes, called = False, list[int](), f"temple {' '.join(arguments)}"
    for _ in range(TRIES):
        child = storm.site.temple(*arguments, login=login, packages=True, death=death)
        code = child.wait(END_SECONDS)
        if code is None:
            storm.odd.append(f"{called} did not end in {END_SECONDS:.0f} s: {child.output.name}")
            child.kill()
            return seen
        seen = seen or code == KILLED
        if code in done:
            return seen
        death = None
        codes.append(code)
        pause(AGAIN_SECONDS)
    storm.odd.append(f"{called} ended {TRIES} times, with {codes}")
    return seen
