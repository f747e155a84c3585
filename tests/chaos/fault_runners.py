"""Faults of those who fold."""

import random
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import Final

from tests.chaos.processes import KILLED, Child, pause
from tests.chaos.services import RUNNERS, SHARED_LANE, VERSIONS
from tests.chaos.storm import Storm

CALLS: Final = ("sendto", "recvfrom")
CALL_SECONDS: Final = 6.0
MOST_CALLS: Final = 40
EXCHANGE_SECONDS: Final = 8.0
TAKEN_OVER_SECONDS: Final = 20.0
"""A lease and twice what it takes to look for one."""


def killed(storm: Storm, dice: random.Random) -> bool:
    return storm.services.now(dice.choice([*RUNNERS, VERSIONS])).kill()


def killed_at_an_exchange(storm: Storm, dice: random.Random) -> bool:
    """The one that was started last, which leads because the other one is killed."""
    services = storm.services
    name, other = dice.sample(RUNNERS, 2)
    services.next_dies(name, dice)
    before = services.now(name)
    before.kill()
    while (doomed := services.now(name)) is before:
        pause()
    services.now(other).kill()
    return doomed.wait(EXCHANGE_SECONDS) == KILLED


def killed_at_a_system_call(storm: Storm, dice: random.Random) -> bool:
    leader = _leader(storm)
    strace = shutil.which("strace")
    if leader is None or strace is None:
        return False
    call = dice.choice(CALLS)
    output = leader.output.with_suffix(".strace")
    inject = f"inject={call}:signal=KILL:when={dice.randint(1, MOST_CALLS)}"
    options = ("-f", "-qq", "-o", output, "-e", f"trace={call}", "-e", inject, "-p", str(leader.pid))
    tracer = subprocess.Popen([strace, *options], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return leader.wait(CALL_SECONDS) == KILLED
    finally:
        # it lets go of what it traces
        tracer.terminate()
        tracer.wait(10)


def leader_frozen(storm: Storm, dice: random.Random) -> bool:
    """Seen when another one leads while it is."""
    leader = _leader(storm)
    if leader is None:
        return False
    leader.send(signal.SIGSTOP)
    try:
        for _ in range(int(TAKEN_OVER_SECONDS / 0.1)):
            pause(0.1)
            with suppress(OSError):
                now = _leader(storm)
                if now is not None and now is not leader:
                    return True
        return False
    finally:
        leader.send(signal.SIGCONT)


def _leader(storm: Storm) -> Child | None:
    """Of `members`, by what its lease says; where it is split, of a lane that either runner may lead."""
    with storm.site.admin() as admin:
        row = admin.execute(
            "select description from projection_lease where projection = 'members'"
            " and lane in (-1, %s) and not lease_is_over(projection_lease)",
            (SHARED_LANE,),
        ).fetchone()
    found = re.search(r"process (\d+)$", row[0]) if row else None
    for name in RUNNERS:
        child = storm.services.now(name)
        if found and child.pid == int(found[1]):
            return child
    return None
