"""`temple replay`: fold everything again beside the live tables, and put the result in place."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import click

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.database.shadow_tables import have_older_columns, make_shadow_tables
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.in_people import ImpactSummary
from temple_ledger.infrastructure.queries.projection_status import projection_status
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, read_directory
from temple_ledger.infrastructure.read_models.rebuild import progress as notes
from temple_ledger.infrastructure.read_models.rebuild.apply import AppliedRebuild, Limit
from temple_ledger.infrastructure.read_models.rebuild.compare import ShownDifference
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Folding, Rebuild
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.percent import PERCENT
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import catalogue, installed, named
from temple_ledger.projections.tally import Tally

SENTENCES = 20
"""How many kinds of change are told; the rest is a number."""


@dataclass
class _Replay:
    """What a replay of one projection found; `applied` is None when nothing was changed."""

    projection: Projection
    position: Position
    resumed: bool
    folding: Folding
    shown: ShownDifference
    told: ImpactSummary
    differences: list[Drift] = field(default_factory=list)
    applied: AppliedRebuild | None = None

    @property
    def unit(self) -> str:
        return "count" if isinstance(self.projection, Tally) else "member"


@click.command("replay")
@click.argument("projections", nargs=-1, metavar="[PROJECTION]...")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Put the result in place without asking.")
@click.option("--reason", metavar="TEXT", help="Why, for the operations journal.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Fold in so many processes.")
@click.option(
    "--max-change",
    type=PERCENT,
    default="5%",
    show_default=True,
    help="Refuse when more of the members would change.",
)
@click.option("--abort", is_flag=True, help="Only clear up what a killed replay has left.")
@as_json
@click.pass_obj
def command(
    session: Session,
    projections: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    reason: str | None,
    workers: int,
    max_change: float,
    abort: bool,
    as_json: bool,
) -> int:
    """Fold everything in the log again, show what differs from the tables, and put the result in place.

    All projections, or those named. It works beside the live tables: readers and the runner need not
    wait, and one that was killed goes on from where it was. Without --yes it shows the difference and asks.

    \b
    Examples:
      temple replay members --dry-run
      temple replay --yes --reason "after the hand-made repair of 3 March"
    \b
    Exit codes: 0 done; 1 you said no; 5 nobody there to ask (add --yes or --dry-run), more would change
    than --max-change allows, or another replay is going on.
    """
    wanted = [named(name) for name in dict.fromkeys(projections)] or list(installed().values())
    if abort:
        return _abort(session, wanted)
    asks = not (dry_run or yes)
    if asks and not sys.stdin.isatty():
        raise Refused("replay changes rows and nobody is there to ask; add --yes to do it, or --dry-run to look")
    limit = Limit(None if max_change >= 1 else max_change)
    done: list[_Replay] = []
    for projection in wanted:
        with Rebuild(session.database, projection, catalogue=catalogue()) as rebuild:
            replay = _compared(session, rebuild, projection, workers=workers, every_row=as_json)
            done.append(replay)
            if not as_json or asks:
                _tell(replay, to_stderr=as_json)
            if dry_run:
                rebuild.clear()
                continue
            limit.require(len(replay.shown.members), replay.shown.stored_members)
            if asks and replay.shown.changes and not click.confirm("Put this in place?", err=True):
                rebuild.clear()
                session.say(f"nothing of {projection.name} was changed")
                continue
            replay.applied = rebuild.apply(replay.shown, by=session.operator, limit=limit, reason=reason)
        if not as_json:
            click.echo(f"{projection.name}: in place, at position {replay.applied.position}")
        _tell_parked(session, projection)
    if as_json:
        print_json([_data(replay) for replay in done])
    return ExitCode.OK if dry_run or all(replay.applied for replay in done) else ExitCode.FAILED


def _abort(session: Session, wanted: Sequence[Projection]) -> int:
    with session.database.connect(DatabaseRole.PROJECT, application="temple replay") as connection:
        for projection in wanted:
            if have_older_columns(connection, projection):
                with session.database.connect(DatabaseRole.OWNER, application="temple replay") as owner:
                    make_shadow_tables(owner, projection)
            was_there = notes.abort(connection, projection)
            click.echo(f"{projection.name}: {'cleared up' if was_there else 'nothing to clear up'}")
    return ExitCode.OK


def _compared(session: Session, rebuild: Rebuild, projection: Projection, *, workers: int, every_row: bool) -> _Replay:
    if rebuild.resumed:
        session.say(f"{projection.name}: going on with a replay that had been ended early")
    with bar(session.progress, f"folding {projection.name}", int(rebuild.position), "events") as shown:
        folding = rebuild.fold(workers=workers, progress=lambda members, events: shown.advance(events))
    told, differences = ImpactSummary(_directory(session)), list[Drift]()

    def each(drift: Drift) -> None:
        told.count(drift)
        if every_row:
            differences.append(drift)

    found = rebuild.compare(each)
    return _Replay(projection, rebuild.position, rebuild.resumed, folding, found, told, differences)


def _directory(session: Session) -> RoleDirectory:
    with snapshot(session.database) as connection:
        return read_directory(connection)


def _tell(replay: _Replay, *, to_stderr: bool) -> None:
    folding, shown = replay.folding, replay.shown
    rate = f", {folding.events / folding.seconds:,.0f} events/s" if folding.seconds and folding.events else ""
    name, events = replay.projection.name, plural(folding.events, "event")
    head = f"{name}: {events} folded up to position {replay.position} in {folding.seconds:.1f} s{rate}"
    if not shown.changes:
        click.echo(f"{head}; nothing differs", err=to_stderr)
        return
    who = plural(len(shown.members), "member") if shown.members else plural(shown.changes, replay.unit)
    verb = "differs" if who.startswith("1 ") else "differ"
    click.echo(f"{head}; {who} {verb} ({plural(shown.changes, 'difference')})", err=to_stderr)
    sentences = replay.told.sentences()
    for sentence in sentences[:SENTENCES]:
        click.echo(f"  {sentence}", err=to_stderr)
    if len(sentences) > SENTENCES:
        click.echo(f"  and {plural(len(sentences) - SENTENCES, 'kind')} of change more", err=to_stderr)


def _tell_parked(session: Session, projection: Projection) -> None:
    with snapshot(session.database) as connection:
        parked = projection_status(connection, installed(), projection.name).parked
    if parked:
        session.say(f"{projection.name}: {plural(parked, 'event')} cannot be folded; see: temple failures list")


def _data(replay: _Replay) -> dict[str, Any]:
    return {
        "projection": replay.projection.name,
        "position": replay.position,
        "resumed": replay.resumed,
        **asdict(replay.folding),
        "changed_members": len(replay.shown.members),
        "changes": replay.shown.changes,
        "stored_members": replay.shown.stored_members,
        "applied": None if replay.applied is None else asdict(replay.applied),
        "told": replay.told.sentences(),
        "differences": [asdict(drift) for drift in replay.differences],
    }
