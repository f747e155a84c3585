"""`temple status`: how the ledger is, on one screen."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any

import click

from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.words import plural, span
from temple_ledger.infrastructure.commands.db import database_status
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.ingestion.inbox.health import SourceHealth
from temple_ledger.infrastructure.observability.doctor.server import check_encoding, check_writes
from temple_ledger.infrastructure.processes.source_health import health_of_sources
from temple_ledger.infrastructure.processes.sources import installed_sources
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.outgoing import Outgoing
from temple_ledger.infrastructure.queries.overview import LedgerStatus, age_of, read_overview, troubles
from temple_ledger.infrastructure.read_models.verification.stored_results import StoredVerification
from temple_ledger.infrastructure.seals.status import SealStatus
from temple_ledger.infrastructure.sources.source import Trouble
from temple_ledger.infrastructure.terminal.printing import Styled, nobody_reads, print_line, print_whole
from temple_ledger.infrastructure.terminal.running import running_processes
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json, print_rows
from temple_ledger.projections.key import ProjectionKey


@dataclass(frozen=True)
class Screen:
    """What is shown of one moment; `ledger` is None where there is none, or none that can be read."""

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
    Exit codes: 0 whatever it shows; 4 no database, or a stopped one; 5 the database is newer than this, or
    the login may not read it.
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
    ledger_database = session.running_reading
    database = database_status(session, reading=True)
    running = _running(session.settings.home)
    of_server = list(_of_server(ledger_database, is_replica=session.settings.read_url is not None))
    waiting = database["migrations_waiting"]
    if waiting:
        behind = Trouble(f"{plural(len(waiting), 'migration')} to apply", "temple db migrate")
        return Screen(database, None, running, [*of_server, behind])
    known = installed_sources()
    with snapshot(ledger_database) as connection:
        ledger = read_overview(connection, lambda _: health_of_sources(connection, known, session.settings))
    of_ledger = troubles(ledger, {each.name: each.runs_as for each in known.sources}, start=session.runs_as)
    return Screen(database, ledger, running, [*_standby_troubles(database), *of_server, *of_ledger])


def _of_server(database: Database, *, is_replica: bool) -> Iterator[Trouble]:
    """What makes every change fail, or some names: of the checks of the doctor, those that cost next to nothing. Of a
    replica nobody expects that it takes changes."""
    with database.look(application="temple status") as connection:
        for check in (check_encoding(connection), *(() if is_replica else (check_writes(connection),))):
            if check.advice is not None:
                yield Trouble(f"{check.check}: {check.found}", check.advice)


def _standby_troubles(database: dict[str, Any]) -> Iterator[Trouble]:
    if not database.get("standby", {"connected": True})["connected"]:
        yield Trouble("the standby receives nothing from its primary: what is shown here is old", "temple doctor")


def _running(home: Path) -> list[str]:
    """What is of another account hides its processes, which are not none."""
    try:
        return [str(each) for each in running_processes(home)]
    except OSError as error:
        return [f"not known, since {home} cannot be read: {error.strerror}"]


def _look_whatever_comes(session: Session) -> Screen:
    """A database that is away is a trouble like others: it may come back while somebody watches."""
    try:
        return _look(session)
    except LedgerError as error:
        running = _running(session.settings.home)
        where = session.database_url_from if session.embedded is None else str(session.embedded.data_dir)
        away = {"state": "cannot be read", "where": where}
        return Screen(away, None, running, [Trouble(str(error), "temple doctor")])


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
            "projections": [each.data for each in ledger.projections],
            "members": ledger.members,
            "patrons_without_discord": ledger.patrons,
            "parked": ledger.parked,
            "in_future": len(ledger.future),
            "sources": [each._asdict() for each in ledger.sources],
            "verified": [asdict(each) for each in ledger.verified],
            "seals": asdict(ledger.seals),
            "effects": asdict(ledger.outgoing.outbox),
            "feeds": [asdict(each) for each in ledger.outgoing.readers],
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
        read = {each.key for each in ledger.projections if each.active}
        print_line(f"verified  {'; '.join(_verified(each, read) for each in ledger.verified) or 'never'}")
        print_line(f"seals     {_seals(ledger.seals)}")
        for line in _outgoing(ledger.outgoing):
            print_line(f"to        {line}")
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
                "projection": each.label,
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
        print_whole(f"    {trouble.next}")
    if not screen.troubles:
        print_line(Styled("nothing to do", fg="green"))


def _verified(verified: StoredVerification, read: Container[ProjectionKey]) -> str:
    """*read* are the versions that readers see: of another one, which it is stands beside its name."""
    key = ProjectionKey(verified.projection, verified.version)
    name = key.name if key in read else str(key)
    found = f"{plural(verified.drifts, 'difference')}" if verified.drifts else "agrees"
    return f"{name} {found}, {age_of(verified)} ago"


def _database(database: dict[str, Any]) -> str:
    if "version" not in database:
        return f"{database['state']}: {database['where']}"
    server = f"PostgreSQL {database['version']}, {_size(database['size_bytes'])}"
    standby = f"{database['state']}; " if "standby" in database else ""
    return f"{server}, {standby}{database['kind']}: {database['where']}"


def _seals(seals: SealStatus) -> str:
    if seals.proven_at is None or not seals.was_compared:
        return f"{seals.sentence}; never compared with the log"
    found = plural(seals.findings, "finding") if seals.findings else "as sealed"
    return f"{seals.sentence}; compared up to {seals.proven_position} at {seals.proven_at:%Y-%m-%d %H:%M} UTC, {found}"


def _log(ledger: LedgerStatus) -> str:
    if ledger.age_seconds is None:
        return "empty"
    last = f"the last at position {ledger.head}, recorded {span(ledger.age_seconds)} ago"
    return f"{plural(ledger.events, 'event')}, {last}"


def _source(source: SourceHealth) -> str:
    line = f"{source.source}: {plural(source.received - source.repeats, 'delivery', 'deliveries')}"
    if source.silent_seconds is not None:
        line += f", the last {span(max(0.0, source.silent_seconds))} ago"
    waiting = f"{source.waiting:,} waiting, " if source.waiting else ""
    unparseable = f", {source.unparseable:,} unparseable" if source.unparseable else ""
    return f"{line}; {waiting}{source.failed:,} failed{unparseable}"


def _size(size: int) -> str:
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if size >= length:
            return f"{size / length:,.1f} {unit}"
    return f"{size / 1e3:,.0f} kB"


def _outgoing(found: Outgoing) -> Iterator[str]:
    """Nothing where there is neither an effect nor a reader."""
    outbox = found.outbox
    if outbox.effects or outbox.waiting or outbox.failed:
        waiting = f"{plural(outbox.waiting, 'message')} of effects wait" if outbox.waiting else "no message waits"
        if outbox.oldest_seconds is not None:
            waiting += f", the oldest for {span(outbox.oldest_seconds)}"
        failed = f"; {outbox.failed:,} failed or parked" if outbox.failed else ""
        yield f"{waiting}{failed}{'' if outbox.delivering else '; nobody delivers'}"
    for reader in found.readers:
        how = "has to begin anew" if reader.behind else "has read everything"
        if not reader.behind and reader.waits_seconds is not None:
            how = f"has not read what waits for {span(reader.waits_seconds)}"
        yield f"{reader.consumer}, a consumer of {reader.projection}: {how}"
