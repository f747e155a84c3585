"""`temple projection lanes`: where the lanes of a projection stand; and a projection split into them, or joined."""

from dataclasses import asdict
from typing import Any

import click

from temple_ledger.infrastructure.database.connection import DatabaseRole, database_errors
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.versions import projection_named
from temple_ledger.infrastructure.read_models.lanes import (
    join,
    require_split,
    require_splittable,
    split,
    stored_lanes,
)
from temple_ledger.infrastructure.read_models.runner.transaction import missing_checkpoint, read_checkpoints
from temple_ledger.infrastructure.terminal.applying import apply_options, confirmed, optional_reason, require_apply
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.lane_range import as_typed
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_rows
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import catalogue


@click.command("lanes")
@click.argument("name", metavar="NAME")
@click.option("--split", "verb", flag_value="split", help="Let runners lead shares of its members, one by one.")
@click.option("--join", "verb", flag_value="join", help="Let one runner lead all of it again.")
@apply_options
@optional_reason
@as_json
@click.pass_obj
def lanes(
    session: Session, name: str, verb: str | None, apply: bool, yes: bool, reason: str | None, as_json: bool
) -> int:
    """Where the lanes of a projection stand and who leads them; or split it into lanes, or join them.

    A lane is a sixteenth of the members. Split a projection only where one runner at its best is too slow for what is
    appended: then two, with temple run --lanes 0-7 and --lanes 8-15, fold it together. An ordinary ledger needs none.

    A tally has no lanes; a projection with effects or consumers of its feed is not split yet.

    \b
    Examples:
      temple projection lanes members
      temple projection lanes members --split
    \b
    Exit codes: 0 shown, or done; 1 you answered no; 5 it cannot be split or joined; the sentence says why.
    """
    require_apply(apply=apply, yes=yes)
    if verb is None:
        if apply or reason is not None:
            raise click.UsageError("--apply and --reason go with --split or --join")
        _show(session, name, as_json=as_json)
        return ExitCode.OK
    if as_json:
        raise click.UsageError("--json shows where the lanes stand; leave out --split and --join")
    projection, checkpoint = _planned(session, name, verb)
    if not apply:
        if verb == "split":
            print_line(f"{checkpoint.label} would be led in 16 lanes, from position {checkpoint.position}")
        else:
            print_line(f"{checkpoint.label} would be led as one again, from position {checkpoint.furthest}")
        session.note(f"nothing was changed; to do it: temple projection lanes {name} --{verb} --apply")
        return ExitCode.OK
    if not confirmed(f"{verb.capitalize()} it?", yes=yes):
        session.note("nothing was changed")
        return ExitCode.FAILED
    with database_errors(f"{verb} {name}"):
        does = split if verb == "split" else join
        done = does(session.database, projection, by=session.operator, catalogue=catalogue(), reason=reason)
    if verb == "split":
        print_line(f"{done.label} is split into 16 lanes, at position {done.position}")
        session.note("a runner takes the lanes that are free, or those that it is given: temple run --lanes 0-7")
    else:
        print_line(f"{done.label} is one again, at position {done.position}")
    return ExitCode.OK


def _planned(session: Session, name: str, verb: str) -> tuple[Projection, Checkpoint]:
    """Raises Refused."""
    with session.database.connect(DatabaseRole.PROJECT, application="temple lanes") as connection:
        projection = projection_named(connection, name)
        checkpoint = read_checkpoints(connection).get(projection.key)
        if checkpoint is None:
            raise missing_checkpoint(connection, projection.key)
        if verb == "split":
            require_splittable(connection, projection, checkpoint)
        else:
            require_split(checkpoint)
    return projection, checkpoint


def _show(session: Session, name: str, *, as_json: bool) -> None:
    with snapshot(session.reading) as connection:
        key = projection_named(connection, name).key
        found = stored_lanes(connection, key)
    rows: list[dict[str, Any]] = [
        asdict(each) if as_json else {**asdict(each), "position": str(each.position), "behind": f"{each.behind:,}"}
        for each in found
    ]
    print_rows(rows, ("lane", "position", "behind", "leader", "updated_at"), as_json=as_json)
    if not found:
        session.note(f"{name} is not split: one runner leads all of it")
    unled = as_typed([each.lane for each in found if each.leader is None])
    if unled:
        session.note(f"nobody leads lanes {unled}; run: temple run --lanes {unled}")
