"""`temple status`: how the ledger is, on one screen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any, Final

import click

from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.commands.db import database_status
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.health import SourceHealth, sources
from temple_ledger.infrastructure.log.in_future import future_positions, retraction_of
from temple_ledger.infrastructure.processes.source_health import health_of_sources
from temple_ledger.infrastructure.processes.sources import Installed, installed_sources
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.queries.projection_status import ProjectionStatus, projection_statuses
from temple_ledger.infrastructure.read_models.verification.stored_results import StoredVerification, latest
from temple_ledger.infrastructure.sources.source import Health, Trouble
from temple_ledger.infrastructure.terminal.not_loaded import ADVICE
from temple_ledger.infrastructure.terminal.printing import Styled, nobody_reads, print_line
from temple_ledger.infrastructure.terminal.running import running_processes
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json, print_rows
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.registry import installed, not_loaded, reasons_not_loaded

STATUSES: Final = ("active", "inactive", "departed")
PATRONS: Final = "patrons"
TRANSLATED_SECONDS: Final = 60.0
"""A delivery that waits for longer than this waits for nobody."""


@dataclass(frozen=True)
class LedgerStatus:
    """What the tables say. `events` stand in the log up to `head`, the last recorded `age_seconds` ago."""

    events: int
    head: int
    recorded_at: Any
    age_seconds: float | None
    members: dict[str, int]
    patrons: int
    parked: int
    future: PositionSet
    projections: Sequence[ProjectionStatus]
    prepared: Sequence[tuple[str, float]]
    sources: Sequence[SourceHealth]
    health: Mapping[str, Health]
    verified: Sequence[StoredVerification]


@dataclass(frozen=True)
class Screen:
    """All that there is to say at one moment; `ledger` is None where there is none, or none that can be read."""

    database: dict[str, Any]
    ledger: LedgerStatus | None
    running: Sequence[str]
    troubles: Sequence[Trouble]


@click.command("status")
@click.option("--watch", is_flag=True, help="Look again every so many seconds, until Ctrl-C.")
@click.option(
    "--every", type=click.FloatRange(min=0.1), default=2.0, show_default=True, metavar="SECONDS", help="With --watch."
)
@as_json
@click.pass_obj
def command(session: Session, watch: bool, every: float, as_json: bool) -> None:
    """How the ledger is, on one screen, and what to type where something is not as it should be.

    Asks only what costs the same however long the log is. It neither makes nor starts a database. With
    --watch it goes on, also while the database is away; with --json as well, a line each time.

    \b
    Examples:
      temple status
      temple status --watch --every 5
    \b
    Exit codes: 0 whatever it has to say; 4 no database, or a stopped one; 5 the database is newer than this.
    For an exit code that says whether all is well: temple doctor.
    """
    show = _print_json if as_json else _print
    if not watch:
        show(_look(session))
        return
    from temple_ledger.infrastructure.terminal.stopping import stopped_by_signals

    ended = Event()
    with stopped_by_signals() as stop:
        stop.calls(ended.set)
        while not ended.is_set() and not nobody_reads():
            screen = _look_whatever_comes(session)
            if not as_json:
                click.clear()
            show(screen)
            ended.wait(every)


def _look(session: Session) -> Screen:
    ledger_database = session.running_database()
    database = database_status(session)
    running = [str(each) for each in running_processes(session.settings.home)]
    waiting = database["migrations_waiting"]
    if waiting:
        behind = Trouble(f"{plural(len(waiting), 'migration')} to apply", "temple db migrate")
        return Screen(database, None, running, [behind])
    known = installed_sources()
    with snapshot(ledger_database) as connection:
        ledger = read_ledger(connection, known)
    return Screen(database, ledger, running, list(_troubles(ledger, known)))


def _look_whatever_comes(session: Session) -> Screen:
    """A database that is away is a trouble like others: it may come back while somebody watches."""
    try:
        return _look(session)
    except LedgerError as error:
        running = [str(each) for each in running_processes(session.settings.home)]
        where = "TEMPLE_DATABASE_URL" if session.embedded is None else str(session.embedded.data_dir)
        away = {"state": "cannot be read", "where": where}
        return Screen(away, None, running, [Trouble(str(error), "temple doctor")])


def read_ledger(connection: Connection, known: Installed) -> LedgerStatus:
    projections = projection_statuses(connection, installed(), reasons_not_loaded())
    last = connection.execute(statement("status_log")).fetchone()
    head, recorded_at, age = last if last is not None else (0, None, None)
    members = dict(connection.execute(statement("status_members")).fetchall())
    prepared = connection.execute(statement("status_prepared")).fetchall()
    return LedgerStatus(
        # each projection has counted what it passed, so only what lies beyond is counted here
        events=max((each.passed + each.lag_events for each in projections), default=0),
        head=head,
        recorded_at=recorded_at,
        age_seconds=None if age is None else round(max(0.0, age), 1),
        patrons=members.pop(PATRONS, 0),
        members={name: members.pop(name, 0) for name in STATUSES} | members,
        parked=sum(each.parked for each in projections),
        future=future_positions(connection),
        projections=projections,
        prepared=prepared,
        sources=sources(connection),
        health=health_of_sources(connection, known),
        verified=latest(connection, [each.key for each in projections]),
    )


def _troubles(ledger: LedgerStatus, known: Installed) -> Iterator[Trouble]:
    for failed in not_loaded():
        yield Trouble(str(failed), ADVICE)
    for each in ledger.projections:
        if each.position > ledger.head:
            yield Trouble(
                f"{each.name} stands at position {each.position}, beyond the end of the log at {ledger.head}: "
                "the log was restored to an earlier point",
                "temple repair --apply --reason TEXT",
            )
    led = [each for each in ledger.projections if each.leader is not None]
    for each in ledger.projections:
        if each.next_command is not None:
            reason = f": {each.reason}" if each.reason else ""
            yield Trouble(f"{each.name} stands still ({each.state}){reason}", each.next_command)
    if not led:
        behind = max((each.lag_events for each in ledger.projections), default=0)
        waiting = f"; {plural(behind, 'event')} to fold" if behind else ""
        yield Trouble(f"no runner is at work{waiting}", "temple up" if not behind else "temple run --until-caught-up")
    if ledger.parked:
        yield Trouble(f"{plural(ledger.parked, 'event')} could not be folded and parked", "temple failures list")
    if ledger.future:
        what = plural(len(ledger.future), "event")
        yield Trouble(f"{what} dated more than a day ahead", retraction_of(ledger.future))
    for verified in ledger.verified:
        if verified.drifts or (verified.in_log is not None and verified.in_log != verified.passed):
            what = f"{plural(verified.drifts, 'difference')} found" if verified.drifts else "events were miscounted"
            yield Trouble(
                f"{verified.projection}: {what} {_age_of(verified)} ago", f"temple repair {verified.projection}"
            )
    runs_as = {each.name: each.runs_as for each in known.sources}
    for source in ledger.sources:
        yield from _source_troubles(source, runs_as.get(source.source, "temple inbox sources"))
    for health in ledger.health.values():
        yield from health.troubles
    for gid, age in ledger.prepared:
        yield Trouble(
            f"prepared transaction {gid} has been open for {_age(age)}; while it is, readers may wait",
            f"temple db shell -- -c \"rollback prepared '{gid}'\"",
        )


def _source_troubles(source: SourceHealth, runs_as: str) -> Iterator[Trouble]:
    if source.failed:
        what = plural(source.failed, "delivery", "deliveries")
        yield Trouble(f"{what} of {source.source} could not be translated", "temple inbox list --state failed")
    if source.oldest_waiting_seconds is not None and source.oldest_waiting_seconds > TRANSLATED_SECONDS:
        what = plural(source.waiting, "delivery", "deliveries")
        yield Trouble(
            f"{what} of {source.source} not translated yet, the oldest for {_age(source.oldest_waiting_seconds)}",
            runs_as,
        )


def _print_json(screen: Screen) -> None:
    ledger = screen.ledger
    data: dict[str, Any] = {"database": screen.database, "running": screen.running}
    if ledger is not None:
        data |= {name: each.data for name, each in ledger.health.items() if each.data is not None}
        data |= {
            "log": {
                "events": ledger.events,
                "head": ledger.head,
                "last_recorded_at": ledger.recorded_at,
                "last_recorded_seconds_ago": ledger.age_seconds,
            },
            "projections": [asdict(each) for each in ledger.projections],
            "members": ledger.members,
            "patrons_without_discord": ledger.patrons,
            "parked": ledger.parked,
            "in_future": len(ledger.future),
            "sources": [each._asdict() for each in ledger.sources],
            "verified": [asdict(each) for each in ledger.verified],
        }
    print_json(data | {"troubles": [asdict(each) for each in screen.troubles]})


def _print(screen: Screen) -> None:
    ledger = screen.ledger
    print_line(f"database  {_database(screen.database)}")
    if ledger is not None:
        print_line(f"log       {_log(ledger)}")
        counts = ", ".join(f"{number:,} {status}" for status, number in ledger.members.items())
        print_line(f"members   {counts}; {plural(ledger.patrons, 'patron')} without a Discord account")
        parked = f"{plural(ledger.parked, 'event')}" if ledger.parked else "none"
        print_line(f"parked    {parked}")
        print_line(f"verified  {'; '.join(map(_verified, ledger.verified)) or 'never'}")
        for source in ledger.sources:
            print_line(f"from      {_source(source)}")
        for name, health in ledger.health.items():
            for line in health.lines:
                print_line(f"{name:<9} {line}")
    print_line(f"running   {', '.join(screen.running) or 'nothing of this state directory'}")
    if ledger is not None:
        print_line()
        rows = [
            {
                "projection": each.name,
                "state": each.activity,
                "position": str(each.position),
                "lag": each.lag,
                "led by": each.leader,
            }
            for each in ledger.projections
        ]
        print_rows(rows, ("projection", "state", "position", "lag", "led by"), as_json=False)
    print_line()
    for trouble in screen.troubles:
        print_line(Styled(trouble.what, fg="red"))
        print_line(f"    {trouble.next}")
    if not screen.troubles:
        print_line(Styled("nothing to do", fg="green"))


def _verified(verified: StoredVerification) -> str:
    found = f"{plural(verified.drifts, 'difference')}" if verified.drifts else "agrees"
    return f"{verified.projection} {found}, {_age_of(verified)} ago"


def _age_of(verified: StoredVerification) -> str:
    return _age(max(0.0, (datetime.now(UTC) - verified.finished_at).total_seconds()))


def _database(database: dict[str, Any]) -> str:
    if "version" not in database:
        return f"{database['state']}: {database['where']}"
    server = f"PostgreSQL {database['version']}, {_size(database['size_bytes'])}"
    return f"{server}, {database['kind']}: {database['where']}"


def _log(ledger: LedgerStatus) -> str:
    if ledger.age_seconds is None:
        return "empty"
    last = f"the last at position {ledger.head}, recorded {_age(ledger.age_seconds)} ago"
    return f"{plural(ledger.events, 'event')}, {last}"


def _source(source: SourceHealth) -> str:
    line = f"{source.source}: {plural(source.received - source.repeats, 'delivery', 'deliveries')}"
    if source.silent_seconds is not None:
        line += f", the last {_age(max(0.0, source.silent_seconds))} ago"
    waiting = f"{source.waiting:,} waiting, " if source.waiting else ""
    unparseable = f", {source.unparseable:,} unparseable" if source.unparseable else ""
    return f"{line}; {waiting}{source.failed:,} failed{unparseable}"


def _age(seconds: float) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return plural(int(seconds // length), unit)
    return plural(int(seconds), "second")


def _size(size: int) -> str:
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if size >= length:
            return f"{size / length:,.1f} {unit}"
    return f"{size / 1e3:,.0f} kB"
