"""Faults of the machine, of the server, and of those who serve beside the runners."""

import json
import random
import resource
import time
from contextlib import ExitStack, suppress
from typing import Final

import psycopg

from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from tests.chaos.processes import pause
from tests.chaos.server import CONNECTIONS
from tests.chaos.services import LISTENER, RECEIVER, SEALER
from tests.chaos.site import NAME, OPERATOR
from tests.chaos.storm import Storm

UP_SECONDS: Final = 30.0
ROUNDS: Final = 10
CLOCK_SECONDS: Final = 1.5
STEPS: Final = (60, 7_200)
MEGABYTES: Final = 64
DEAF_SECONDS: Final = 2.0
NO_MORE: Final = 3
"""Descriptors: stdin, stdout and stderr are open."""


def receiver_killed(storm: Storm, dice: random.Random) -> bool:
    seen = storm.services.now(RECEIVER).kill()
    _until_answered(storm)
    return seen


def sealer_killed(storm: Storm, dice: random.Random) -> bool:
    storm.services.next_dies(SEALER, dice)
    return storm.services.now(SEALER).kill()


def listener_killed(storm: Storm, dice: random.Random) -> bool:
    return storm.services.now(LISTENER).kill()


def server_crashed(storm: Storm, dice: random.Random) -> bool:
    server = storm.site.server
    server.stop("immediate")
    seen = not server.running()
    pause(dice.uniform(0, 0.5))
    bring_up(storm)
    return seen


def disk_full(storm: Storm, dice: random.Random) -> bool:
    """Seen when PostgreSQL says so, or goes down over it."""
    server = storm.site.server
    with storm.site.admin() as admin:
        admin.execute("create unlogged table if not exists ballast (filled text)")
        server.disk.fill()
        try:
            seen = _no_room(admin)
            pause(dice.uniform(0.2, 1.0))
        finally:
            server.disk.empty()
    bring_up(storm)
    with storm.site.admin() as admin:
        admin.execute("drop table if exists ballast")
    return seen


def no_connections_left(storm: Storm, dice: random.Random) -> bool:
    with ExitStack() as stack:
        for _ in range(2 * CONNECTIONS):
            try:
                held = psycopg.connect(storm.site.server.dsn(OPERATOR, NAME), connect_timeout=5)
            except psycopg.OperationalError as error:
                pause(dice.uniform(0.2, 1.0))
                return "connection slots" in str(error) or "too many clients" in str(error)
            stack.callback(held.close)
    return False


def no_descriptors_left(storm: Storm, dice: random.Random) -> bool:
    """In the receiver. Seen when it does not answer."""
    _until_answered(storm)
    pid = storm.services.now(RECEIVER).pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (NO_MORE, before[1]))
    try:
        return storm.probe.post(storm.probe.body(), seconds=DEAF_SECONDS) != 200
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def clock_stepped(storm: Storm, dice: random.Random) -> bool:
    """There and back: one of the two is a step into the past."""
    server, seconds = storm.site.server, dice.randint(*STEPS) * dice.choice([-1, 1])
    server.step_clock(seconds)
    try:
        with storm.site.admin() as admin:
            row = admin.execute("select extract(epoch from clock_timestamp())::float").fetchone()
            away = row[0] - time.time() if row else 0.0
        pause(CLOCK_SECONDS)
        return bool(abs(away - seconds) < STEPS[0] / 2)
    finally:
        server.step_clock(0)
        accept_the_clock(storm)


def accept_the_clock(storm: Storm) -> None:
    """As the runbook has it: events that were recorded "before the seal before them" are no work of anybody's."""
    for _ in range(ROUNDS):
        storm.site.temple("seal", "run", "--until-sealed").wait(UP_SECONDS)
        code, printed = outcome_of(storm, "seal", "verify", "--json")
        if code == ExitCode.OK:
            return
        if code == ExitCode.FOUND:
            named = json.JSONDecoder().raw_decode(printed[printed.index("{") :])[0]["data"]["findings"]
            others = [each for each in named if each["kind"] != "backdated"]
            if others:
                storm.odd.append(f"the log was changed: {others}")
                return
            if named:
                where = f"{min(each['first'] for each in named)}-{max(each['last'] for each in named)}"
                outcome_of(storm, "seal", "accept", where, "--apply", "--yes", "--reason", "the clock")
        pause(0.2)


def outcome_of(storm: Storm, *arguments: str) -> tuple[int | None, str]:
    child = storm.site.temple(*arguments)
    code = child.wait(UP_SECONDS)
    child.kill()
    return code, child.output.read_text(errors="replace")


def bring_up(storm: Storm) -> None:
    """The server, if it went down; returns when it answers. Raises RuntimeError with its last words."""
    over, failure = time.monotonic() + UP_SECONDS, ""
    while time.monotonic() < over:
        with suppress(psycopg.OperationalError), storm.site.admin():
            return
        try:
            if not storm.site.server.running():
                storm.site.server.start()
        except RuntimeError as error:
            failure = str(error)
        pause(0.1)
    raise RuntimeError(f"the server did not come back: {failure}")


def _no_room(admin: psycopg.Connection) -> bool:
    for _ in range(MEGABYTES):
        try:
            admin.execute("insert into ballast select repeat(md5(random()::text), 100) from generate_series(1, 400)")
        except (psycopg.errors.DiskFull, psycopg.OperationalError):
            return True
    return False


def _until_answered(storm: Storm) -> None:
    over = time.monotonic() + UP_SECONDS
    while storm.probe.post(storm.probe.body()) != 200 and time.monotonic() < over:
        pause(0.05)
