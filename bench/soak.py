"""A month of a large community in a short time, with everything that happens in one; and whether anything grows."""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from itertools import cycle
from multiprocessing.synchronize import Event
from typing import Final

from bench.apart import SPAWN, alone, apart
from bench.bench import Bench
from bench.findings import Findings, Goal, Series
from bench.history import history, loaded
from bench.runner import catch_up, require_verified
from bench.site import rows, tidy
from bench.soak_samples import VACUUMS, Watched, watched
from bench.soak_stand import STORM_TIMES, Stand, append_a_month, guild_at_work, patreon_at_work, stand
from bench.steady import Sample, rise
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from tests.queries.builders import altered, unfoldable

MEMBERS: Final = 250_000
EVENTS_A_MEMBER: Final = 4
MINUTES: Final = 60.0
"""Of a run that counts; a shorter one says how short it was."""
MONTH: Final = timedelta(days=30)
RATE: Final = 200
SAMPLES: Final = 90
PAUSE_SECONDS: Final = 5.0
MOST_RISE: Final = 5.0
"""Per cent over the second half; what leaks a descriptor a minute or doubles in an hour rises by more."""
APPLY: Final = ("--apply", "--yes", "--reason", "soak")

PARKED_SECONDS: Final = 120.0
JOINED: Final = """
insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source)
values (gen_random_uuid(), now() - %s * interval '1 day', 'discord_join', %s, 'joined', 'soak_person')
"""

Samples = Mapping[Watched, Sequence[Sample]]


def measure(bench: Bench) -> Findings:
    minutes, members = bench.sizes.soak_minutes, bench.sizes.soak_members
    of = history(bench.site, EVENTS_A_MEMBER * members, members)
    folded = bench.site.template(f"bench_soaked_{members}", loaded(bench.site, of), _catch_up)
    with bench.site.copy(folded) as dsn:
        tidy(dsn)
        samples, done, appended = soak(bench, dsn, 60 * minutes)
        stored = rows(dsn, "select count(*) from webhook_audit_log where source = 'soak'")
        assert stored == [(appended,)], f"{appended} events were acknowledged, and {stored} are there"
        _catch_up(dsn)
        require_verified(dsn)
        vacuums, inserted = rows(dsn, VACUUMS)[0]
    return _findings(minutes, members, appended, samples, done, f"{vacuums} times, {inserted:,} inserts ago")


def soak(bench: Bench, dsn: str, seconds: float) -> tuple[Samples, Mapping[str, int], int]:
    """The samples, how often each thing was done, and how many events were acknowledged."""
    place, ended = SPAWN.Queue(), SPAWN.Event()
    samples: dict[Watched, list[Sample]] = {}
    with ExitStack() as stack:
        operator = stack.enter_context(ThreadPoolExecutor(1))
        # whatever fails, whoever works ends
        stack.callback(ended.set)
        guild = stack.enter_context(apart(guild_at_work, place, ended))
        services = stack.enter_context(stand(dsn, bench.site.folder / "soak", place.get(timeout=60)))
        patreon = stack.enter_context(apart(patreon_at_work, services.port, ended))
        appending = stack.enter_context(apart(append_a_month, dsn, RATE, MONTH, seconds, ended))
        operating = operator.submit(operate, services, dsn, ended)
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds and not operating.done():
            for what, value in watched(services.processes, dsn).items():
                samples.setdefault(what, []).append(Sample(passed, value))
            ended.wait(seconds / SAMPLES)
        ended.set()
        done, appended = operating.result(), appending.result()
        patreon.result()
        guild.result()
    text = services.output.read_text(errors="replace")
    assert "Traceback" not in text, text
    return samples, done, appended


def operate(services: Stand, dsn: str, ended: Event) -> Mapping[str, int]:
    """One act after the other, until *ended*; how often each was done."""
    dice, done = random.Random(3), dict.fromkeys(ACTS, 0)
    for name in cycle(ACTS):
        if ended.wait(PAUSE_SECONDS):
            break
        ACTS[name](services, dsn, dice)
        done[name] += 1
    return done


def verify_all(services: Stand, dsn: str, dice: random.Random) -> None:
    _typed(services, "verify", "--full")


def rebuild(services: Stand, dsn: str, dice: random.Random) -> None:
    _typed(services, "replay", "members", *APPLY)


def park_and_skip(services: Stand, dsn: str, dice: random.Random) -> None:
    """An event that cannot be folded comes in; it is tried again, and skipped then."""
    position = unfoldable(Database(dsn), _somebody(dsn, dice), "2026-03-01T00:00:00Z")
    deadline = time.monotonic() + PARKED_SECONDS
    while rows(dsn, "select from projection_failure where position = %s", [position]) == []:
        assert time.monotonic() < deadline, f"the member of the event at position {position} is not parked"
        time.sleep(0.2)
    _typed(services, "failures", "retry", "--all", codes=(0, 1, 3))
    _typed(services, "failures", "skip", str(position), "--reason", "soak")


def erase(services: Stand, dsn: str, dice: random.Random) -> None:
    person = f"77{dice.randrange(10**16):016}"
    with Database(dsn).connect(DatabaseRole.APPEND) as connection:
        for number in range(3):
            connection.execute(JOINED, (number, person))
    _typed(services, "member", "erase", person, *APPLY)


def drift_and_repair(services: Stand, dsn: str, dice: random.Random) -> None:
    altered(
        Database(dsn),
        f"update temple_member_status set total_roles_count = 99 where user_id = '{_somebody(dsn, dice)}'",
    )
    _typed(services, "repair", *APPLY, codes=(0, 3))


ACTS: Final[Mapping[str, Callable[[Stand, str, random.Random], None]]] = {
    "full verifies": verify_all,
    "rebuilds": rebuild,
    "parked members tried again and skipped": park_and_skip,
    "erasures": erase,
    "repairs of rows edited by hand": drift_and_repair,
}


def _typed(services: Stand, *arguments: str, codes: Sequence[int] = (0,)) -> None:
    code, printed = services.temple(*arguments)
    assert code in codes, f"temple {' '.join(arguments)} ended with {code}: {printed}"


def _somebody(dsn: str, dice: random.Random) -> str:
    place = f"{dice.randrange(10**18):018}"
    found = rows(dsn, "select user_id from temple_member_status where user_id >= %s order by user_id limit 1", [place])
    return str((found or rows(dsn, "select min(user_id) from temple_member_status"))[0][0])


def _findings(
    minutes: float, members: int, appended: int, samples: Samples, done: Mapping[str, int], vacuumed: str
) -> Findings:
    judged = {what: rise(found) for what, found in samples.items() if what.judged}
    acts = ", ".join(f"{name} ({number})" for name, number in done.items())
    load = [os.getloadavg()[0]]
    return Findings(
        bench="soak",
        title="A month in a short time",
        how=(
            f"One run of {minutes:g} minutes. A ledger of {members:,} members and {EVENTS_A_MEMBER * members:,} "
            f"events takes in a month: {RATE} events a second and {STORM_TIMES} times as many in storms, 2 % of them "
            "late, with the real `temple run`, `receive`, `discord listen` and `seal run` at work, a fake Discord "
            "whose people get roles, and signed deliveries. Meanwhile an operator types one command after the other: "
            f"{acts} (how often in brackets). Afterwards each of the {appended:,} acknowledged events is there, and "
            "everything is verified in full. "
            f"Everything below is sampled {len(next(iter(samples.values())))} times. A figure is flat when the "
            f"straight line through the second half of the run rises by at most {MOST_RISE:g} %. Bytes a row are the "
            "file's bytes by the rows that are in it, so bloat shows as growth. Median and spread are "
            "those of the samples in the second half."
        ),
        series=list(_shown(samples)),
        goals=[
            Goal("minutes", Series("length of the run", "minutes", (minutes,)), target=MINUTES),
            *(
                Goal(
                    what.name.replace(" ", "_"),
                    Series(f"{what.name}: rise", "%", (grown,)),
                    target=MOST_RISE,
                    at_least=False,
                )
                for what, grown in judged.items()
            ),
        ],
        notes=[f"Autovacuum has cleaned up the log {vacuumed}."],
        load=load,
        rounds=1,
    )


def _shown(samples: Samples) -> Iterator[Series]:
    """From the middle of the run to its end."""
    for what, found in samples.items():
        half = [each.value for each in found[len(found) // 2 :]]
        yield Series(what.name, what.unit, tuple(half))


def _catch_up(dsn: str) -> None:
    alone(catch_up, dsn)
