"""`temple up`: everything in the foreground, from nothing to a ledger that follows its log."""

import os
import shlex
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import Final

import click
import psycopg

from temple_ledger.domain.errors import CannotListen, LedgerError
from temple_ledger.infrastructure.commands.demo import SEED, sized
from temple_ledger.infrastructure.database.connection import DatabaseRole, in_words, passes
from temple_ledger.infrastructure.database.leaving import stays
from temple_ledger.infrastructure.database.patience import Patience
from temple_ledger.infrastructure.database.schema import Changed, bring_up_to_date
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.demo import Community
from temple_ledger.infrastructure.processes.foreground import Folded, fold
from temple_ledger.infrastructure.processes.metrics_server import OFF, Measured, measuring, metrics_port
from temple_ledger.infrastructure.processes.sealing import sealing
from temple_ledger.infrastructure.processes.sinks import delivering
from temple_ledger.infrastructure.processes.webhook_receiver import configured_endpoints, receiving, translated
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.queries.projection_status import parked_events, projection_statuses
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.sources.token_keys import make_token_key
from temple_ledger.infrastructure.terminal.after_migrating import (
    ask_for_grants,
    ask_for_replays,
    print_refused,
)
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.not_loaded import print_not_loaded
from temple_ledger.infrastructure.terminal.printing import is_terminal, print_line, print_whole, stdout
from temple_ledger.infrastructure.terminal.running import announce_running, running_processes
from temple_ledger.infrastructure.terminal.service_manager import notify_service_manager
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import Stop, stopped_by_signals
from temple_ledger.infrastructure.terminal.text import listed, plural
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import carried, catalogue

DEMO_MEMBERS: Final = 500
LOOK_AGAIN_SECONDS: Final = 0.5


@click.command("up")
@click.option("--demo", is_flag=True, help="Import a demo community, if the log is empty.")
@click.option("--members", type=click.IntRange(min=1), help=f"Of the demo community.  [default: {DEMO_MEMBERS}]")
@click.option("--events", type=click.IntRange(min=1), help="Of its history.  [default: 20 for each member]")
@click.option("--seed", type=int, help=f"Another seed, another community.  [default: {SEED}]")
@click.option("--allow-actions", is_flag=True, help="Of the console: see temple web --help.")
@click.option("--exit-when-ready", is_flag=True, help="End once everything is folded, and follow no further.")
@metrics_port
@click.pass_obj
def command(
    session: Session,
    demo: bool,
    members: int | None,
    events: int | None,
    seed: int | None,
    allow_actions: bool,
    exit_when_ready: bool,
    metrics_port: int | None,
) -> int:
    """Start everything in the foreground: database, migrations, runner, sealer, metrics, the receiver where a
    source has a secret for it (TEMPLE_PATREON_SECRETS), the listener where TEMPLE_DISCORD_TOKEN is set, the
    deliverer of effects where there are sinks. Ctrl-C or SIGTERM ends it.

    Says what it does, and what to try next; a line that begins with `ready` on stdout says that all that was
    in the log is folded. From then on it folds new events as they come. It ends with the batch at hand, and
    stops the embedded database if it started it and nobody else uses it; every command that needs the
    database starts it again.

    \b
    Examples:
      temple up --demo
      temple up --demo --members 5000 --events 200000
    \b
    Exit codes: 0 ended by Ctrl-C or SIGTERM after it was ready; 4 no database; 5 the database is
    newer than this version, or reading it would not be safe; 130 interrupted before it was ready.
    """
    if not demo and (members, events, seed) != (None, None, None):
        raise click.UsageError("--members, --events and --seed are about --demo")
    if members is None and events is None:
        members = DEMO_MEMBERS
    community = sized(members, events, SEED if seed is None else seed) if demo else None
    if exit_when_ready and metrics_port is None:
        metrics_port = OFF
    if not exit_when_ready:
        session.is_service()
    print_not_loaded(session)
    wanted = carried()
    with (
        stopped_by_signals() as stop,
        announce_running(session.settings.home, "up"),
        _database(session),
        measuring(session, wanted, metrics_port) as measured,
    ):
        if measured is not None:
            print_line(f"metrics     {measured.url}")
        if not stop.asked:
            _migrate(session, stop, Patience(has_end=exit_when_ready))
            make_token_key(session.settings)
        if exit_when_ready or stop.asked:
            ready = _made_ready(session, community, stop, measured)
            if ready:
                _suggest(session)
                print_line("ready: everything is folded")
            return ExitCode.OK if ready else ExitCode.INTERRUPTED
        with _console(session, community, ["--allow-actions"] if allow_actions else []):
            if not _made_ready(session, community, stop, measured):
                return ExitCode.INTERRUPTED
            _suggest(session)
            return _follow(session, wanted, stop, measured)


def _follow(session: Session, wanted: Iterable[Projection], stop: Stop, measured: Measured | None) -> int:
    """Until a signal comes."""
    with sealing(session), _receiver(session, measured), delivering(session) as sinks:
        for name in sinks:
            print_line(f"effects     messages to {name} are delivered")
        print_line("ready: new events are folded as they come; Ctrl-C ends this")
        notify_service_manager("READY=1")
        folded = fold(session, wanted, stop, measured=measured)
    notify_service_manager("STOPPING=1")
    print_line(f"ended; {_events(folded)} since it was ready")
    return ExitCode.OK


@contextmanager
def _console(session: Session, community: Community | None, flags: Sequence[str]) -> Iterator[None]:
    """In a process of its own; where it cannot be, the reason is printed, and everything else goes on."""
    from temple_ledger.infrastructure.commands.web import console_url, open_door, save_link, sign_in_link
    from temple_ledger.infrastructure.processes.console_child import console_beside
    from temple_ledger.infrastructure.web.serving import console_databases

    try:
        _, signer = console_databases(session)
        door = _free_door(session, open_door)
    except LedgerError as error:
        print_line(f"console     not started: {error}")
        yield
        return
    url = console_url(session, door.getsockname()[1])
    tiers = {} if community is None else _tiers_of(community)
    with console_beside(session, door, tiers, flags) as is_ready:
        if not is_ready():
            print_line("console     not started; its reason is above, or in the log")
        elif is_terminal(stdout()):
            print_line(f"console     {sign_in_link(session, signer, url)}")
        else:
            file = save_link(session, sign_in_link(session, signer, url))
            print_line(f"console     {url} (a link that signs you in is in {file})")
        yield


def _tiers_of(community: Community) -> Mapping[str, str]:
    """Which role a tier of the demo has: there is no Patreon to say it."""
    from temple_ledger.infrastructure.demo.names import demo_guild

    if os.environ.get("TEMPLE_TIER_ROLES"):
        return {}
    return {"TEMPLE_TIER_ROLES": ",".join(f"{tier.name}={tier.role.name}" for tier in demo_guild(community).tiers)}


def _free_door(session: Session, open_door: Callable[[Session, int | None], socket.socket]) -> socket.socket:
    """The default port may well be another ledger's; one that somebody set has to be free."""
    try:
        return open_door(session, None)
    except CannotListen:
        if "web_port" in session.settings.model_fields_set:
            raise
        return open_door(session, 0)


def _made_ready(session: Session, community: Community | None, stop: Stop, measured: Measured | None) -> bool:
    """False when it was asked to stop on the way."""
    imported = community is not None and not stop.asked and _import_demo(session, community, stop)
    if not stop.asked:
        _catch_up(session, stop, measured)
    if community is not None and imported and not stop.asked:
        _name_demo(session, community)
    return not stop.asked


@contextmanager
def _database(session: Session) -> Iterator[None]:
    """The embedded server is stopped in the end, if this command started it and nobody else is there."""
    server = session.embedded
    if server is None:
        session.reach()
        print_line(f"database    the one of {session.database_url_from}")
        yield
        return
    there, ran = server.data_dir.exists(), server.running()
    if not there:
        session.note("making the embedded database; the first time takes some seconds")
        session.make_database()
    session.reach()
    how = "running already" if ran else "started" if there else "made and started"
    print_line(f"database    embedded, {how}: {server.data_dir}")
    try:
        yield
    finally:
        if not ran:
            _stop_if_unused(session)


@contextmanager
def _receiver(session: Session, measured: Measured | None) -> Iterator[None]:
    """Where the settings have a secret to verify deliveries with; what waits in the inbox is translated anyway."""
    doors = configured_endpoints(session)
    if not doors:
        with translated(session, own_processes=True):
            yield
        return
    registry = None if measured is None else measured.registry
    with receiving(session, doors, registry=registry, own_processes=True) as server:
        for door in doors:
            print_line(f"receiver    {server.url}{door.path}")
        yield


def _stop_if_unused(session: Session) -> None:
    server = session.embedded
    if server is None or not server.running():
        return
    others = [str(each) for each in running_processes(session.settings.home)]
    if not others and stays(lambda: bool(_clients(session))):
        others = _clients(session)
    if others:
        print_line(f"the embedded database goes on: others use it ({listed(others)}); temple down stops it")
        return
    server.stop()
    print_line("stopped the embedded database")


def _clients(session: Session) -> list[str]:
    """What is connected calls itself so."""
    with session.database.connect(DatabaseRole.LOGIN, application="temple up") as connection:
        return [name for (name,) in connection.execute(statement("up_clients"))]


def _migrate(session: Session, stop: Stop, patience: Patience) -> None:
    changed = _patiently(session, stop, patience, lambda: bring_up_to_date(session.database, goes_on=True))
    if changed is None:
        return
    done = [
        *([plural(len(changed.migrations), "migration") + " applied"] if changed.migrations else ()),
        *([f"made {listed(changed.made)}"] if changed.made else ()),
    ]
    print_line(f"migrations  {'; '.join(done) or 'up to date'}")
    ask_for_replays(session, changed)
    ask_for_grants(session, changed.grants)
    print_refused(session, changed.refused)


def _patiently(session: Session, stop: Stop, patience: Patience, work: Callable[[], Changed]) -> Changed | None:
    """Errors of the database that pass are waited for, as in everything that follows; None when asked to stop."""
    asked, noted = Event(), ""
    stop.calls(asked.set)
    while not stop.asked:
        try:
            return work()
        except psycopg.Error as error:
            if not passes(error) or patience.is_lost():
                raise
            if in_words(error) != noted:
                noted = in_words(error)
                session.note(f"cannot migrate yet: {noted}; waiting")
        asked.wait(LOOK_AGAIN_SECONDS)
    return None


def _import_demo(session: Session, community: Community, stop: Stop) -> bool:
    """Whether it did; it adds nothing to a log that has events."""
    from temple_ledger.infrastructure.processes.demo_import import import_community

    with snapshot(session.database) as connection:
        row = connection.execute(statement("log_any")).fetchone()
    if row is None or row[0]:
        print_line("demo        the log has events already: they are kept, and nothing is added")
        return False
    # the same history, moved so that it ends with yesterday: a demo that is alive
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    started = time.monotonic()
    imported = import_community(session, community, today, stop)
    seconds = time.monotonic() - started
    print_line(
        f"demo        {plural(imported.read, 'line')} of {plural(community.members, 'member')} imported in "
        f"{seconds:.1f} s: {plural(imported.added, 'event')}, {plural(imported.duplicates, 'duplicate')}"
    )
    if stop.asked:
        size = f"--members {community.members} --events {community.events}"
        same = f"{size} --seed {community.seed} --end {today:%Y-%m-%d}"
        print_line(f"            the rest comes with: temple demo {same} | temple events import -")
    return True


def _name_demo(session: Session, community: Community) -> None:
    from temple_ledger.infrastructure.processes.demo_import import name_community

    try:
        named = name_community(session, community)
    except OSError as error:
        session.note(f"no names for the demo: {error.filename}: {error.strerror}")
        return
    if named:
        print_line(f"names       {plural(named, 'person', 'people')}, in nicknames.csv of the state directory")


def _catch_up(session: Session, stop: Stop, measured: Measured | None) -> None:
    folded = fold(session, carried(), stop, until_caught_up=True, measured=measured)
    if stop.asked:
        return
    with snapshot(session.database) as connection:
        statuses = projection_statuses(connection, carried(), catalogue=catalogue())
        parked = parked_events(connection, [each.name for each in statuses])
        people = sum(number for _, number in connection.execute(statement("status_members")))
        roles = connection.execute(statement("up_roles")).fetchall()
    rate = f" in {folded.seconds:.1f} s, {folded.rate:,.0f} events/s" if folded.total else ""
    print_line(f"folded      {_events(folded)}{rate}")
    holding = sum(number for _, number in roles)
    print_line(f"ledger      {plural(people, 'member')}, {plural(len(roles), 'role')} held {holding:,} times")
    for each in statuses:
        if each.next_command is not None:
            reason = f": {each.reason}" if each.reason else ""
            print_line(f"            {each.label} stands still ({each.state}){reason}; run: {each.next_command}")
    if parked:
        print_line(f"            {plural(parked, 'event')} could not be folded; see: temple failures list")


def _events(folded: Folded) -> str:
    return plural(max(folded.events.values(), default=0), "event")


def _suggest(session: Session) -> None:
    """With ids and names of this database, so that each line can be typed as it is."""
    with snapshot(session.database) as connection:
        lines = list(_suggestions(connection))
    temple = "./temple" if shutil.which("temple") is None and os.access("temple", os.X_OK) else "temple"
    print_line()
    print_line("try, in another terminal:")
    for line in lines:
        print_whole(f"  {line.replace('temple', temple, 1) if line.startswith('temple') else line}")
    shell = f'psql "$({temple} db url)"' if shutil.which("psql") else f"{temple} db shell"
    print_whole(f"  {shell}")
    print_line()


def _suggestions(connection: Connection) -> Iterator[str]:
    yield "temple status"
    member = connection.execute(statement("up_example_member")).fetchone()
    if member is not None:
        yield f"temple member show {shlex.quote(member[0])}"
        yield f"temple member explain {shlex.quote(member[0])}"
    roles = connection.execute(statement("up_roles")).fetchall()
    if roles:
        directory = read_directory(connection)
        # not the role that everybody has
        role = roles[min(len(roles) - 1, len(roles) // 2)][0]
        name = directory.get(role).name
        called = name if name and len(directory.called(name)) == 1 else role
        yield f"temple role members {shlex.quote(called)}"
    yield "temple verify --full"
