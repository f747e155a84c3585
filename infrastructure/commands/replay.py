"""`temple replay`: fold everything again, and put the result in place."""

import sys
from dataclasses import asdict
from typing import Any

import click

from domain.errors import Refused
from infrastructure.commands.exit_codes import ExitCode
from infrastructure.commands.progress import bar
from infrastructure.commands.session import Session, as_json, print_json
from infrastructure.commands.wording import listed, plural
from infrastructure.projecting.replay import Replayed, replay
from infrastructure.reading.people import told_in_people
from infrastructure.reading.role_directory import RoleDirectory, read_directory
from infrastructure.reading.snapshot import snapshot
from projections.processor import Projection
from projections.registry import catalogue, installed, named
from projections.tally import Tally

SENTENCES = 20
"""How many kinds of change are told; the rest is a number."""


@click.command("replay")
@click.argument("projections", nargs=-1, metavar="[PROJECTION]...")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Put the result in place without asking.")
@click.option("--reason", metavar="TEXT", help="Why, for the operations journal.")
@as_json
@click.pass_obj
def command(
    session: Session, projections: tuple[str, ...], dry_run: bool, yes: bool, reason: str | None, as_json: bool
) -> int:
    """Fold everything in the log again, show what differs, and put the result in place: rows, parked members, version.

    All projections, or those named. Readers keep the old rows until the end, and the runner waits. Without --yes it
    shows the difference and asks.

    \b
    Examples:
      temple replay members --dry-run
      temple replay --yes --reason "after the hand-made repair of 3 March"
    \b
    Exit codes: 0 done, or nothing to ask for; 1 you said no; 5 nobody there to ask (add --yes or --dry-run).
    """
    wanted = [named(name) for name in dict.fromkeys(projections)] or list(installed().values())
    asks = not (dry_run or yes)
    if asks and not sys.stdin.isatty():
        raise Refused("replay changes rows and nobody is there to ask; add --yes to do it, or --dry-run to look")
    done = [_replay(session, each, apply=yes and not dry_run, reason=reason) for each in wanted]
    with snapshot(session.database) as connection:
        directory = read_directory(connection)
    if not as_json or asks:
        for replayed in done:
            _tell(session, replayed, directory, to_stderr=as_json)
    if asks:
        changed = [each.projection for each in done if each.changes]
        question = f"Put this in place for {listed([each.projection for each in done])}?"
        if changed and not click.confirm(question, err=True):
            session.say("nothing was changed")
            return ExitCode.FAILED
        done = [_replay(session, each, apply=True, reason=reason) for each in wanted]
    if as_json:
        print_json([_data(replayed, directory) for replayed in done])
    elif asks:
        click.echo(f"in place: {listed([each.projection for each in done])}")
    return ExitCode.OK


def _replay(session: Session, projection: Projection, *, apply: bool, reason: str | None) -> Replayed:
    database = session.database
    with bar(session.progress, f"folding {projection.name}", None, "members") as shown:
        return replay(database, projection, apply=apply, reason=reason, catalogue=catalogue(), progress=shown.at)


def _tell(session: Session, replayed: Replayed, directory: RoleDirectory, *, to_stderr: bool) -> None:
    what = "count" if isinstance(named(replayed.projection), Tally) else "member"
    head = f"{replayed.projection}: {plural(replayed.members, what)} folded up to position {replayed.position}"
    if replayed.changes:
        verb = "changed" if replayed.applied else "would change"
        head += f"; {plural(replayed.changed_members, what)} {verb} ({plural(replayed.changes, 'difference')})"
    else:
        head += "; nothing differs"
    click.echo(head, err=to_stderr)
    sentences = told_in_people(replayed.listed, directory)
    for sentence in sentences[:SENTENCES]:
        click.echo(f"  {sentence}", err=to_stderr)
    if len(sentences) > SENTENCES:
        click.echo(f"  and {plural(len(sentences) - SENTENCES, 'kind')} of change more", err=to_stderr)
    if len(replayed.listed) < replayed.changes:
        session.say(f"  told are the first {len(replayed.listed):,} of {plural(replayed.changes, 'difference')}")
    if replayed.parked:
        parked = "is parked" if replayed.applied else "would be parked"
        session.say(f"  {plural(replayed.parked, 'event')} can not be folded: its member {parked}")


def _data(replayed: Replayed, directory: RoleDirectory) -> dict[str, Any]:
    data = asdict(replayed)
    data["differences"] = data.pop("listed")
    return {**data, "told": told_in_people(replayed.listed, directory)}
