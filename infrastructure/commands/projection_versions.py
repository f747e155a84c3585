"""`temple projection compare, switch, drop`: versions of a projection side by side."""

from dataclasses import asdict
from typing import Any, Final

import click

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import DatabaseRole, database_errors
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.in_people import ImpactSummary
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.read_models.versions.compare import VersionDifference, compare_versions
from temple_ledger.infrastructure.read_models.versions.drop import drop as drop_version
from temple_ledger.infrastructure.read_models.versions.drop import plan_drop
from temple_ledger.infrastructure.read_models.versions.stored import StoredVersions, stored_versions
from temple_ledger.infrastructure.read_models.versions.switch import (
    Switched,
    SwitchPlan,
    plan_switch,
    require_all_goes_over,
    version_before,
)
from temple_ledger.infrastructure.read_models.versions.switch import switch as switch_version
from temple_ledger.infrastructure.terminal.applying import (
    apply_options,
    confirmed,
    optional_reason,
    require_apply,
)
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.endless_folds import ends_endless_folds
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.registry import installed, named

SENTENCES: Final = 20
name_argument = click.argument("name", metavar="NAME")


@click.command("compare")
@name_argument
@click.option("--to", type=click.IntRange(min=1), help="This version. Default: the highest that readers do not see.")
@as_json
@click.pass_obj
@ends_endless_folds
def compare(session: Session, name: str, to: int | None, as_json: bool) -> int:
    """What readers would see otherwise after a switch, in people.

    Both versions are compared at one moment, in the columns that both have.

    \b
    Example:
      temple projection compare members --to 2
    \b
    Exit codes: 0 nobody differs; 3 somebody does.
    """
    found, impact, differences = _compared(session, name, to, every_row=as_json)
    if as_json:
        print_json(_difference_data(found, impact, differences))
    else:
        _print_difference(found, impact)
        if found.new.position != found.old.position:
            session.note(f"{found.new.key} stands at position {found.new.position}, the other at {found.old.position}")
        session.note(
            f"to give version {found.new.key.version} the names of the tables: "
            f"temple projection switch {name} --to {found.new.key.version}"
        )
    return ExitCode.FOUND if found.changes else ExitCode.OK


@click.command("switch")
@name_argument
@click.option("--to", type=click.IntRange(min=1), help="The version that readers are to see.")
@click.option("--back", is_flag=True, help="The version that they saw before the last switch.")
@click.option("--behind", is_flag=True, help="Also where it has folded less than the other; needs --reason.")
@apply_options
@optional_reason
@as_json
@click.pass_obj
def switch(
    session: Session,
    name: str,
    to: int | None,
    back: bool,
    behind: bool,
    apply: bool,
    yes: bool,
    reason: str | None,
    as_json: bool,
) -> int:
    """Give the names of the tables to another version, in one short transaction.

    Readers see the rows of one version or the other, and never an empty table. Views, grants, comments, policies and
    publications go over with the names; what cannot is named, and refuses the switch. The version before is kept, and
    a switch back is as quick.

    \b
    Examples:
      temple projection switch members --to 2
      temple projection switch members --back --apply
    \b
    Exit codes: 0 done; 1 you answered no; 5 something stands in the way.
    """
    require_apply(apply=apply, yes=yes)
    if (to is None) is not back:
        raise click.UsageError("name the version with --to N, or give --back")
    if behind and reason is None:
        raise click.UsageError("--behind needs --reason TEXT: readers go back to rows of an earlier moment")
    with (
        session.database.connect(DatabaseRole.OWNER, application="temple switch") as connection,
        database_errors("looking at the tables"),
        connection.transaction(),
    ):
        plan = plan_switch(connection, name, version_before(connection, name) if to is None else to)
    _note_behind(session, plan, behind)
    if not apply:
        if as_json:
            print_json(_plan_data(plan))
        else:
            _print_plan(plan)
            if not plan.hanging.refusals:
                again = f"temple projection switch {name} --to {plan.new.key.version} --apply"
                session.note(f"nothing was changed; to do it: {again}")
        return ExitCode.REFUSED if plan.hanging.refusals else ExitCode.OK
    require_all_goes_over(plan.hanging)
    if not as_json:
        _print_plan(plan)
    if not confirmed("Give it the names of the tables?", yes=yes):
        session.note("nothing was changed")
        return ExitCode.FAILED
    with database_errors("switching"):
        done = switch_version(
            session.database, name, plan.new.key.version, by=session.operator, reason=reason, behind=behind
        )
    _print_switched(session, name, done, as_json=as_json)
    return ExitCode.OK


@click.command("drop")
@click.argument("version", metavar="NAME@VERSION")
@apply_options
@optional_reason
@click.pass_obj
def drop(session: Session, version: str, apply: bool, yes: bool, reason: str | None) -> int:
    """Drop a version that readers do not see: its tables, and what is stored of it.

    Stop what still carries its code first. When an event was folded first is remembered all the same. The only version
    of a projection whose package is not installed any more is dropped too: then the ledger has nothing of it.

    \b
    Example:
      temple projection drop members@1
    \b
    Exit codes: 0 done; 1 you answered no; 5 readers see it, or something hangs on its tables.
    """
    require_apply(apply=apply, yes=yes)
    key = _key(version)
    with snapshot(session.database) as connection:
        plan = plan_drop(stored_versions(connection, key.name), key, installed())
    print_line(f"{key}: {', '.join(plan.tables) or 'no tables'}, at position {plan.position}")
    if not apply:
        session.note(f"nothing was changed; to drop it: temple projection drop {key} --apply")
        return ExitCode.OK
    if not confirmed("Drop it?", yes=yes):
        session.note("nothing was changed")
        return ExitCode.FAILED
    with database_errors("dropping"):
        drop_version(session.database, key, by=session.operator, reason=reason, installed=installed())
    print_line(f"{key} is dropped")
    return ExitCode.OK


def _compared(
    session: Session, name: str, to: int | None, *, every_row: bool
) -> tuple[VersionDifference, ImpactSummary, list[Drift]]:
    differences: list[Drift] = []
    with snapshot(session.database) as connection:
        versions = stored_versions(connection, name)
        new = versions.of(_highest_beside(versions) if to is None else to)
        if new.active:
            raise Refused(f"readers see version {new.key.version} of {name}; compare another one with it")
        projection = named(str(new.key))
        impact = ImpactSummary(read_directory(connection))

        def each(drift: Drift) -> None:
            impact.count(drift)
            if every_row:
                differences.append(drift)

        return compare_versions(connection, projection, versions.active, new, each), impact, differences


def _highest_beside(versions: StoredVersions) -> int:
    beside = [each.key.version for each in versions.versions if not each.active]
    if not beside:
        raise Refused(
            f"there is only version {versions.active.key.version} of {versions.name}; "
            "a process with the code of another one makes its tables: temple db migrate"
        )
    return max(beside)


def _key(text: str) -> ProjectionKey:
    name, _, version = text.partition("@")
    if not name or not version.isdigit():
        raise click.UsageError(f"write NAME@VERSION, as in members@1, not {text!r}")
    return ProjectionKey(name, int(version))


def _print_difference(found: VersionDifference, impact: ImpactSummary) -> None:
    versions = f"{found.old.key.name}: version {found.old.key.version} against {found.new.key.version}"
    compared = f"{plural(found.members, 'member')} compared" if found.members or found.changed else "compared"
    who = plural(len(found.changed), "member") if found.changed else plural(found.changes, "count")
    verb = "differs" if who.startswith("1 ") else "differ"
    outcome = f"{who} {verb} ({plural(found.changes, 'difference')})" if found.changes else "nobody differs"
    print_line(f"{versions}: {compared}, {outcome}")
    for note in found.notes:
        print_line(f"  {note}")
    sentences = impact.sentences()
    for sentence in sentences[:SENTENCES]:
        print_line(f"  {sentence}")
    if len(sentences) > SENTENCES:
        print_line(f"  and {plural(len(sentences) - SENTENCES, 'kind')} of change more")
    if found.moving:
        print_line(f"  {plural(found.moving, 'member')} not compared: one version has not folded their last events yet")


def _difference_data(found: VersionDifference, impact: ImpactSummary, differences: list[Drift]) -> dict[str, Any]:
    return {
        "projection": found.old.key.name,
        "from": found.old.key.version,
        "to": found.new.key.version,
        "positions": {"from": found.old.position, "to": found.new.position},
        "members": found.members,
        "changed_members": len(found.changed),
        "changes": found.changes,
        "not_compared": found.moving,
        "tables": found.notes,
        "told": impact.sentences(),
        "differences": [asdict(drift) for drift in differences],
    }


def _note_behind(session: Session, plan: SwitchPlan, behind: bool) -> None:
    if not plan.behind:
        return
    stands = f"{plan.new.key} stands {plural(plan.behind, 'position')} behind the version that readers see"
    if behind:
        session.note(stands)
    else:
        session.note(f"{stands}; the switch waits for it, or goes on with --behind --reason TEXT")


def _print_plan(plan: SwitchPlan) -> None:
    print_line(
        f"{plan.name}: from version {plan.old.key.version} at position {plan.old.position} "
        f"to version {plan.new.key.version} at position {plan.new.position}"
    )
    for each in plan.hanging.goes_over:
        print_line(f"  goes over: {each}")
    for each in plan.hanging.refusals:
        print_line(f"  in the way: {each}")


def _plan_data(plan: SwitchPlan) -> dict[str, Any]:
    return {
        "projection": plan.name,
        "from": plan.old.key.version,
        "to": plan.new.key.version,
        "positions": {"from": plan.old.position, "to": plan.new.position},
        "goes_over": plan.hanging.goes_over,
        "in_the_way": plan.hanging.refusals,
        "switched": None,
    }


def _print_switched(session: Session, name: str, done: Switched, *, as_json: bool) -> None:
    if as_json:
        print_json({"projection": name, "from": done.old, "to": done.new, "switched": asdict(done)})
        return
    print_line(f"{name}: readers see version {done.new}, at position {done.position}")
    session.note(
        f"version {done.old} is kept; back to it: temple projection switch {name} --back; "
        f"when nobody needs it any more: temple projection drop {name}@{done.old}"
    )
