"""When the faults are over: everything is put back, the ledger catches up, and then it is asked."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, Final

import psycopg

from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.log.append import append_within
from temple_ledger.infrastructure.read_models.runner.lease import somebody_leads
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.projections.key import ProjectionKey
from tests.chaos.checks import (
    backlog,
    came_back,
    failed_deliveries,
    lost_deliveries,
    lost_events,
    slower_than_undisturbed,
    wrong_rows,
)
from tests.chaos.fault_commands import APPLY
from tests.chaos.fault_machine import accept_the_clock, bring_up
from tests.chaos.processes import pause
from tests.chaos.senders import PEOPLE
from tests.chaos.site import MIGRATE, OPERATOR
from tests.chaos.storm import Storm

CLOCK: Final = "clock stepped"
CAUGHT_UP_SECONDS: Final = 240.0
COMMAND_SECONDS: Final = 300.0
SHOWN: Final = 20
SAY_SECONDS: Final = 10.0
PIECE: Final = 20
OWN_ENDS: Final = frozenset({0, 4})
"""A service may end because the database is not there; whoever started it starts it again."""


@dataclass
class Found:
    """`lost` was acknowledged and is not there; `wrong` is there and should not be so."""

    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    events: int = 0
    deliveries: int = 0
    acknowledged: int = 0
    planted: int = 0
    backlog: int = 0
    caught_up_seconds: float | None = None
    undisturbed_seconds: float | None = None


def calm(storm: Storm) -> None:
    """No fault is left behind."""
    site = storm.site
    site.server.step_clock(0)
    site.wire.mend()
    bring_up(storm)
    with site.admin() as admin:
        for (gid,) in admin.execute("select gid from pg_prepared_xacts").fetchall():
            admin.execute(f"rollback prepared '{gid}'".encode())
    if storm.seen[CLOCK] + storm.missed[CLOCK]:
        # what others did meanwhile may have been in the way of the acceptance that goes with each step
        accept_the_clock(storm)
    code, printed = _done(storm, "trigger", "disable", login=MIGRATE)
    if code not in (ExitCode.OK, ExitCode.REFUSED):
        storm.odd.append(f"temple trigger disable ended with {code}: {printed[-1_000:]}")


def aftermath(storm: Storm, found: Found, *, long_form: bool) -> None:
    """The services are at work until the ledger has caught up, and gone afterwards.

    In the *long form* a backlog as large is folded a second time, by the same services, which nobody disturbs. Both
    clocks start when each projection is led and the whole backlog is there, and stop at the same question.
    """
    if not _until(storm, _is_led):
        found.wrong.append(f"not led within {CAUGHT_UP_SECONDS:.0f} s: {_standing(storm)}")
    with storm.site.admin() as admin:
        found.backlog = backlog(admin)
    found.caught_up_seconds = _seconds_to_catch_up(storm, found)
    found.wrong += _other_than_in_the_guild(storm)
    if long_form:
        _lay_up(storm, found.backlog)
        found.undisturbed_seconds = _seconds_to_catch_up(storm, found)
        found.wrong += slower_than_undisturbed(found.caught_up_seconds, found.undisturbed_seconds)
    storm.services.close()
    with storm.site.admin() as admin:
        _ask(admin, storm, found)
        found.wrong += _first(wrong_rows(admin, storm.record.planted))
    _put_right(storm, found)
    with storm.site.admin() as admin:
        found.wrong += _first(wrong_rows(admin))
    found.wrong += [*storm.odd, *_unexplained(storm)]


def _seconds_to_catch_up(storm: Storm, found: Found) -> float | None:
    started = time.monotonic()
    if _until(storm, _is_caught_up):
        return time.monotonic() - started
    found.wrong.append(f"not caught up within {CAUGHT_UP_SECONDS:.0f} s: {_standing(storm)}")
    return None


def _lay_up(storm: Storm, number: int) -> None:
    """A backlog behind a gap, which nothing passes: all of it is there when the gap is gone. The runners lead.

    By those who appended in the storm, in turns, so that as many of its events are late as were there.
    """
    with storm.site.database().connect(DatabaseRole.APPEND, application="storm gap") as connection:
        connection.execute("begin")
        append_within(connection, storm.operator.entries(1))
        for start, appender in zip(range(0, number, PIECE), cycle(storm.appenders), strict=False):
            appender.append_some(min(PIECE, number - start))
        connection.execute("rollback")


def _ask(admin: psycopg.Connection[Any], storm: Storm, found: Found) -> None:
    record = storm.record
    found.lost += _first(lost_events(admin, record))
    found.lost += _first(lost_deliveries(admin, record))
    found.lost += _first(failed_deliveries(admin))
    found.wrong += _first(came_back(admin, record))
    found.events, found.deliveries = admin.execute(
        "select (select count(*) from webhook_audit_log), (select count(*) from inbox)"
    ).fetchall()[0]
    found.acknowledged, found.planted = len(record.events) + len(record.deliveries), len(record.planted)


def _other_than_in_the_guild(storm: Storm) -> Iterator[str]:
    """Frames that nobody stored are made good by a snapshot: then everybody has the roles that they have."""
    yield from _failed(storm, "discord", "snapshot", "--apply", "--yes", "--confirm")
    if not _until(storm, _is_caught_up):
        yield f"not caught up with the snapshot: {_standing(storm)}"
    truth = {who: sorted(member.roles) for who, member in storm.guild.fake.guild.members.items() if member.roles}
    with storm.site.admin() as admin:
        stored = admin.execute(
            "select user_id, array_agg(role order by role) from discord_user_current_roles"
            " where user_id = any(%s) group by user_id",
            (list(PEOPLE),),
        )
        held: dict[str, list[str]] = dict(stored.fetchall())
    for who in PEOPLE:
        if truth.get(who) != held.get(who) and who not in storm.record.planted:
            yield f"{who} has the roles {held.get(who)}, and in the guild {truth.get(who)}"


def _put_right(storm: Storm, found: Found) -> None:
    """What was planted, and nothing else; then nothing is left to find."""
    if not storm.record.planted:
        found.wrong += _failed(storm, "verify", "--full")
    found.wrong += _failed(storm, "failures", "retry", "--all")
    found.wrong += _failed(storm, "seal", "run", "--until-sealed")
    found.wrong += _failed(storm, "seal", "verify")
    found.wrong += _failed(storm, "repair", *APPLY)
    found.wrong += _failed(storm, "verify", "--full")


def _failed(storm: Storm, *arguments: str, login: str = OPERATOR) -> Iterator[str]:
    code, printed = _done(storm, *arguments, login=login)
    if code != 0:
        yield f"temple {' '.join(arguments)} ended with {code}: {printed[-1_000:]}"


def _done(storm: Storm, *arguments: str, login: str = OPERATOR) -> tuple[int | None, str]:
    child = storm.site.temple(*arguments, login=login, packages=True)
    code = child.wait(COMMAND_SECONDS)
    if code is None:
        child.kill()
    printed = child.output.read_text(errors="replace")
    return code, printed


def _until(storm: Storm, holds: Callable[[psycopg.Connection[Any]], bool]) -> bool:
    over, said = time.monotonic() + CAUGHT_UP_SECONDS, time.monotonic()
    while time.monotonic() < over:
        if time.monotonic() > said + SAY_SECONDS:
            said = time.monotonic()
            storm.say(f"not caught up yet: {_standing(storm)}")
        with storm.site.admin() as admin:
            if holds(admin):
                return True
        pause(0.1)
    return False


def _is_caught_up(admin: psycopg.Connection[Any]) -> bool:
    row = admin.execute(
        "select not exists (select from projection_checkpoint where state <> 'running'"
        " or position < (select coalesce(max(id), 0) from webhook_audit_log))"
        " and not exists (select from inbox where state = 'waiting')"
    ).fetchone()
    return bool(row and row[0])


def _is_led(admin: psycopg.Connection[Any]) -> bool:
    """Each projection that goes on, by a runner that lives."""
    going = admin.execute("select projection, version from projection_checkpoint where state = 'running'").fetchall()
    return all(somebody_leads(admin, ProjectionKey(*each)) for each in going)


def _standing(storm: Storm) -> str:
    with storm.site.admin() as admin:
        head = admin.execute("select max(id) from webhook_audit_log").fetchone()
        states = admin.execute("select projection, version, state, position from projection_checkpoint").fetchall()
        waiting = admin.execute("select source, count(*) from inbox where state = 'waiting' group by 1").fetchall()
        open_ones = admin.execute(
            "select pid, application_name, state, xact_start, wait_event, left(query, 60) from pg_stat_activity"
            " where xact_start is not null and pid <> pg_backend_pid() and backend_type = 'client backend'"
        ).fetchall()
    return f"head {head}, checkpoints {states}, waiting {waiting}, transactions {open_ones}"


def _unexplained(storm: Storm) -> Iterator[str]:
    for (name, code), times in sorted(storm.services.ends.items()):
        if code not in OWN_ENDS:
            yield f"{name} ended by itself with {code}, {times} times"
    for output in sorted((storm.site.folder / "output").glob("*.txt")):
        text = output.read_text(errors="replace")
        for sign in ("Traceback (most recent call last)", "this should not happen"):
            if sign in text:
                yield f"{output.name}: {text[text.index(sign) :][:1_500]}"


def _first(sentences: Iterator[str]) -> list[str]:
    """Of many, so many that they can be read."""
    shown = list(islice(sentences, SHOWN))
    more = sum(1 for _ in sentences)
    return [*shown, f"… and {more} more like the last"] if more else shown
