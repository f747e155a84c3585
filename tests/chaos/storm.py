"""A storm: everybody at work, and faults in lanes beside it, until the time is over and each kind came once."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import psycopg

from temple_ledger.domain.errors import LedgerError
from tests.chaos.acknowledged import Acknowledged
from tests.chaos.appenders import Appender, Clock, Persons
from tests.chaos.plan import LANES, Planned, plan
from tests.chaos.processes import pause
from tests.chaos.senders import Guild, Sender
from tests.chaos.services import Services
from tests.chaos.site import Site
from tests.fakes.fake_discord import FakeDiscord

APPENDERS: Final = 3
APPEND_PACE: Final = 0.06
SEND_PACE: Final = 0.15
ENDING_SECONDS: Final = 20.0
FAULT_PACE: Final[Mapping[str, float]] = {
    "runners": 0.1,
    "commands": 0.1,
    "sessions": 0.03,
    "wire": 0.02,
    "machine": 0.5,
}
"""Seconds between two faults of a lane, on average."""
TRIES: Final = 5
"""Of a kind that comes for the first time: others may have been in its way."""


@dataclass
class Storm:
    """`seen` and `missed` count faults by kind: those whose effect was seen, and those that had none that was.

    `odd` is what no fault explains; `broken` what failed in the storm itself.
    """

    site: Site
    services: Services
    record: Acknowledged
    persons: Persons
    appenders: Sequence[Appender]
    sender: Sender
    probe: Sender
    """Posts for whoever wants to see whether the receiver answers."""
    operator: Appender
    """Appends for the faults that need an event of their own."""
    guild: Guild
    say: Callable[[str], None]
    seen: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


Fault = Callable[[Storm, random.Random], bool]
"""Injects one, waits for its effect, and puts right what it broke; whether the effect was seen."""


def storm_on(site: Site, fake: FakeDiscord, seed: int, say: Callable[[str], None]) -> Storm:
    record, persons, clock = Acknowledged(), Persons(), Clock()
    database = site.database()
    return Storm(
        site,
        Services(site),
        record,
        persons,
        [Appender(database, record, persons, clock, f"{seed}/append/{number}") for number in range(APPENDERS)],
        Sender(site.port, record, f"{seed}/send"),
        Sender(site.port, record, f"{seed}/probe"),
        Appender(database, record, persons, clock, f"{seed}/operate"),
        Guild(fake, f"{seed}/guild"),
        say,
    )


@contextmanager
def at_work(storm: Storm) -> Iterator[None]:
    """Appenders and senders, until the block ends."""
    ended = threading.Event()
    works: list[tuple[Callable[[threading.Event, float], None], float]] = [
        *((each.run, APPEND_PACE) for each in storm.appenders),
        (storm.sender.run, SEND_PACE),
        (storm.guild.run, SEND_PACE),
    ]
    threads = [threading.Thread(target=_guarded, args=(storm, work, ended, pace), daemon=True) for work, pace in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(ENDING_SECONDS)


def rage(storm: Storm, seed: int, seconds: float, faults: Mapping[str, Fault]) -> None:
    """All lanes, until each is at an end."""
    ended, over = threading.Event(), time.monotonic() + seconds
    threads = [
        threading.Thread(target=_lane, args=(storm, seed, lane, faults, over, ended), daemon=True) for lane in LANES
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
    finally:
        # somebody who interrupts does not wait for what a fault waits for: the site ends its processes
        ended.set()


def _lane(storm: Storm, seed: int, lane: str, faults: Mapping[str, Fault], over: float, ended: threading.Event) -> None:
    dice = random.Random(f"{seed}/{lane}/pace")
    for planned in plan(seed, lane, frozenset(faults)):
        if ended.is_set() or (planned.round and time.monotonic() > over):
            return
        try:
            _inject(storm, planned, faults[planned.kind])
        except Exception as error:  # noqa: BLE001 -- reported at the end; the other lanes go on
            storm.broken.append(f"{planned.kind}: {type(error).__name__}: {error}")
            return
        ended.wait(dice.uniform(0, 2 * FAULT_PACE[lane]))


def _inject(storm: Storm, planned: Planned, fault: Fault) -> None:
    for attempt in range(1 if planned.round else TRIES):
        try:
            seen = fault(storm, random.Random(f"{planned.draw}/{attempt}"))
        except (psycopg.Error, LedgerError, OSError):
            # another fault was in its way
            seen = False
        if seen:
            storm.seen[planned.kind] += 1
            return
        storm.missed[planned.kind] += 1
        pause(0.3)


def _guarded(storm: Storm, work: Callable[[threading.Event, float], None], ended: threading.Event, pace: float) -> None:
    try:
        work(ended, pace)
    except Exception as error:  # noqa: BLE001 -- reported at the end
        storm.broken.append(f"{work.__qualname__}: {type(error).__name__}: {error}")
