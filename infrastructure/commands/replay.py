"""`temple replay`: fold everything again beside the live tables, and put the result in place."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import click

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.commands.changed_log import from_changed_log, require_sealed_log
from temple_ledger.infrastructure.commands.engine_options import Chosen, chosen_engine, engine_options
from temple_ledger.infrastructure.commands.replay_abort import abort_replays
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.in_people import ImpactSummary
from temple_ledger.infrastructure.queries.projection_status import projection_status
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, read_directory
from temple_ledger.infrastructure.read_models.rebuild import progress as notes
from temple_ledger.infrastructure.read_models.rebuild.apply import AppliedRebuild, Limit
from temple_ledger.infrastructure.read_models.rebuild.compare import ShownDifference
from temple_ledger.infrastructure.read_models.rebuild.ended_early import ended_early
from temple_ledger.infrastructure.read_models.rebuild.fold_ranges import Progress
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Folding, Rebuild
from temple_ledger.infrastructure.read_models.rebuild.rebuild_left import rebuild_left
from temple_ledger.infrastructure.terminal.applying import apply_options, asks, confirmed, optional_reason
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.member_rows import what_folds
from temple_ledger.infrastructure.terminal.not_loaded import print_not_loaded
from temple_ledger.infrastructure.terminal.percent import PERCENT
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.lanes import LANES
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import carried, catalogue, installed, named
from temple_ledger.projections.tally import Tally

SENTENCES = 20
"""How many kinds of change are listed; the rest is a number."""


@dataclass
class _Replay:
    """What a replay of one projection found; `applied` is None when nothing was changed."""

    projection: Projection
    label: str
    position: Position
    resumed: bool
    folding: Folding
    shown: ShownDifference
    impact: ImpactSummary
    differences: list[Drift] = field(default_factory=list)
    applied: AppliedRebuild | None = None

    @property
    def unit(self) -> str:
        return "count" if isinstance(self.projection, Tally) else "member"


@click.command("replay")
@click.argument("projections", nargs=-1, metavar="[PROJECTION]...")
@apply_options
@click.option("--dry-run", is_flag=True, hidden=True)
@optional_reason
@from_changed_log
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Fold in so many processes.")
@click.option(
    "--max-change",
    type=PERCENT,
    default="5%",
    show_default=True,
    help="Refuse when more of the members would change.",
)
@engine_options
@click.option("--go-on", is_flag=True, hidden=True)
@click.option("--abort", is_flag=True, help="Only clear up what a killed replay has left.")
@as_json
@click.pass_obj
def command(
    session: Session,
    projections: tuple[str, ...],
    apply: bool,
    yes: bool,
    dry_run: bool,
    reason: str | None,
    from_changed_log: bool,
    workers: int,
    max_change: float,
    archive: str | None,
    engine: str | None,
    go_on: bool,
    abort: bool,
    as_json: bool,
) -> int:
    """Fold everything in the log again, and show what differs from the tables; with --apply, put it in place.

    All projections, or those named, up to where each stands: what is not folded yet is left to the runner.
    It works beside the live tables: readers and the runner need not wait, and one that was killed goes on
    from where it was. On a terminal, --apply shows the difference and asks.
    Where nothing is stored yet and nobody is asked, tables of our own projections are filled straight.

    \b
    Examples:
      temple replay members
      temple replay --apply --reason "after the hand-made repair of 3 March"
      temple replay members --archive /srv/temple/archive --workers 8
    \b
    Exit codes: 0 done; 1 you answered no; 3 the log is not what was sealed (runbook LedgerTampered);
    5 more would change than --max-change allows, or another replay is going on.
    """
    wanted = [named(name) for name in dict.fromkeys(projections)] or list(installed().values())
    print_not_loaded(session)
    if abort:
        return abort_replays(session, wanted)
    if go_on:
        return _go_on(session, wanted)
    apply, yes = _as_before(session, apply=apply, yes=yes, dry_run=dry_run)
    if apply:
        reason = require_sealed_log(session, from_changed_log=from_changed_log, reason=reason)
    limit = Limit(None if max_change >= 1 else max_change)
    done: list[_Replay] = []
    chosen = chosen_engine(session, archive=archive, engine=engine, workers=workers, one_writer=True)
    # a cluster may have its workers wait for long: nothing is held meanwhile
    straight = apply and not asks(yes=yes) and (chosen is None or chosen.here)
    for projection in wanted:
        most = None if chosen is None else chosen.upto
        with Rebuild(
            session.database, projection, catalogue=catalogue(), cut=_cut(chosen), most=most, to_be_applied=straight
        ) as rebuild:
            replay = _compared(session, rebuild, projection, chosen, workers=workers, every_row=as_json)
            done.append(replay)
            put_in_place = partial(
                rebuild.apply,
                replay.shown,
                by=session.operator,
                limit=limit,
                reason=reason,
                in_place=partial(_note_lanes, session, rebuild.label),
            )
            if rebuild.is_open:
                # before anything is printed: whoever reads it may take his time
                replay.applied = put_in_place()
            if not as_json or (apply and asks(yes=yes)):
                _print_found(replay, to_stderr=as_json)
            if not apply:
                rebuild.clear()
                _note_left(session, projection, rebuild.position)
                continue
            if replay.applied is None:
                limit.require(len(replay.shown.members), replay.shown.stored_members)
                if replay.shown.changes and not confirmed("Put this in place?", yes=yes):
                    rebuild.clear()
                    session.note(f"nothing of {rebuild.label} was changed")
                    continue
                replay.applied = put_in_place()
        if not as_json:
            print_line(f"{rebuild.label}: in place, at position {replay.applied.position}")
            if rebuild.beside:
                session.note(_note_beside(projection))
        _note_left(session, projection, rebuild.position)
    if as_json:
        print_json([_data(replay) for replay in done])
    if not apply:
        _note_next(session, done)
        return ExitCode.OK
    return ExitCode.OK if all(replay.applied for replay in done) else ExitCode.FAILED


def _as_before(session: Session, *, apply: bool, yes: bool, dry_run: bool) -> tuple[bool, bool]:
    """`apply` and `yes`, also for who writes what replay wanted before there was --apply: for one release."""
    if dry_run:
        if apply:
            raise click.UsageError("--apply or --dry-run, not both")
        session.note("--dry-run is not needed any more, and the next release drops it: without --apply nothing changes")
        return False, False
    if yes and not apply:
        session.note("--yes alone still applies; in the next release it does not: write --apply --yes")
        return True, True
    return apply, yes


def _note_lanes(session: Session, label: str, lanes: int) -> None:
    session.note(f"{label}: {lanes} of {LANES} lanes of members are in place")


def _note_beside(projection: Projection) -> str:
    name, version = projection.key
    return (
        f"readers see the version before still; to compare: temple projection compare {name} --to {version}; "
        f"to give it the names of the tables: temple projection switch {name} --to {version}"
    )


def _note_next(session: Session, done: Sequence[_Replay]) -> None:
    differing = [replay.label for replay in done if replay.shown.changes]
    if differing:
        session.note(f"nothing was changed; to put it in place: temple replay {' '.join(differing)} --apply")


def _go_on(session: Session, wanted: Sequence[Projection]) -> int:
    """What a runner starts: replays that were ended between two lanes, within what was allowed of them."""
    with session.database.connect(DatabaseRole.READ, application="temple operation") as connection:
        left = {each.key: each for each in ended_early(connection)}
    for projection in wanted:
        begun = left.get(projection.key)
        if begun is None:
            print_line(f"{projection.name}: no replay of it was ended between two lanes")
            continue
        reason = require_sealed_log(session, from_changed_log=False, reason=begun.reason)
        with rebuild_left(session.database, projection, catalogue(), begun) as rebuild:
            replay = _compared(session, rebuild, projection, None, workers=1, every_row=False)
            _print_found(replay, to_stderr=False)
            in_place = partial(_note_lanes, session, rebuild.label)
            applied = rebuild.apply(replay.shown, by=begun.by, limit=begun.limit, reason=reason, in_place=in_place)
        print_line(f"{rebuild.label}: in place, at position {applied.position}")
        _note_left(session, projection, applied.position)
    return ExitCode.OK


def _cut(chosen: Chosen | None) -> notes.Cut:
    return notes.Cut.MEMBERS if chosen is None else notes.Cut.BUCKETS


def _folded(rebuild: Rebuild, chosen: Chosen | None, workers: int, progress: Progress) -> Folding:
    if chosen is None:
        return rebuild.fold(workers=workers, progress=progress)
    from temple_ledger.infrastructure.read_models.rebuild.fold_buckets import FoldBuckets

    return rebuild.fold_buckets(
        lambda claimed: FoldBuckets(chosen.archive, *claimed),
        chosen.engine,
        workers=workers,
        one_writer=chosen.upto is not None,
        progress=progress,
    )


def _compared(
    session: Session,
    rebuild: Rebuild,
    projection: Projection,
    chosen: Chosen | None,
    *,
    workers: int,
    every_row: bool,
) -> _Replay:
    goes_on = rebuild.goes_on
    if goes_on:
        session.note(f"{rebuild.label}: going on with a replay that had been ended early")
    with bar(session.progress, f"folding {rebuild.label}", int(rebuild.position), "events") as shown:
        folding = _folded(rebuild, chosen, workers, lambda members, events: shown.advance(events))
    impact, differences = ImpactSummary(_directory(session)), list[Drift]()

    def each(drift: Drift) -> None:
        impact.count(drift)
        if every_row:
            differences.append(drift)

    found = rebuild.compare(each)
    return _Replay(projection, rebuild.label, rebuild.position, goes_on, folding, found, impact, differences)


def _directory(session: Session) -> RoleDirectory:
    with snapshot(session.database) as connection:
        return read_directory(connection)


def _print_found(replay: _Replay, *, to_stderr: bool) -> None:
    folding, shown = replay.folding, replay.shown
    rate = f", {folding.events / folding.seconds:,.0f} events/s" if folding.seconds and folding.events else ""
    name, events = replay.label, plural(folding.events, "more event" if replay.resumed else "event")
    head = f"{name}: {events} folded up to position {replay.position} in {folding.seconds:.1f} s{rate}"
    if not shown.changes:
        print_line(f"{head}; nothing differs", err=to_stderr)
        return
    who = plural(len(shown.members), "member") if shown.members else plural(shown.changes, replay.unit)
    verb = "differs" if who.startswith("1 ") else "differ"
    print_line(f"{head}; {who} {verb} ({plural(shown.changes, 'difference')})", err=to_stderr)
    sentences = replay.impact.sentences()
    for sentence in sentences[:SENTENCES]:
        print_line(f"  {sentence}", err=to_stderr)
    if len(sentences) > SENTENCES:
        print_line(f"  and {plural(len(sentences) - SENTENCES, 'kind')} of change more", err=to_stderr)


def _note_left(session: Session, projection: Projection, position: Position) -> None:
    """What the rows at *position* do not have: where a runner goes on from it, what is not folded yet."""
    with snapshot(session.database) as connection:
        status = projection_status(connection, carried(), str(projection.key), catalogue=catalogue())
    if status.lag_events and status.position >= position:
        session.note(f"{status.label}: {status.waiting()} not folded yet; {what_folds(status)}")
    if status.parked:
        session.note(f"{status.label}: {plural(status.parked, 'event')} cannot be folded; see: temple failures list")


def _data(replay: _Replay) -> dict[str, Any]:
    return {
        "projection": replay.projection.name,
        "version": replay.projection.version,
        "position": replay.position,
        "resumed": replay.resumed,
        **asdict(replay.folding),
        "changed_members": len(replay.shown.members),
        "changes": replay.shown.changes,
        "stored_members": replay.shown.stored_members,
        "applied": None if replay.applied is None else asdict(replay.applied),
        "told": replay.impact.sentences(),
        "differences": [asdict(drift) for drift in replay.differences],
    }
