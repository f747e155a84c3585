"""`temple repair`: put right just what drifted."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.commands.changed_log import from_changed_log, require_sealed_log
from temple_ledger.infrastructure.commands.verification_report import (
    chosen,
    compare_everybody,
    print_report,
    report_data,
    unit_of,
    verifier_of,
)
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.read_models.shortened_log import raise_sequence
from temple_ledger.infrastructure.read_models.verification.repair import MOST_MEMBERS, Repaired, repair
from temple_ledger.infrastructure.read_models.verification.report import VerificationReport, Verifier
from temple_ledger.infrastructure.read_models.verification.result import MOST_LISTED
from temple_ledger.infrastructure.terminal.applying import (
    apply_options,
    confirmed,
    reason_to_apply,
    require_apply,
    require_reason,
)
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.endless_folds import ends_endless_folds
from temple_ledger.projections.registry import catalogue


@dataclass
class _Repair:
    """`repaired` and `after` are None where nothing was tried: in a plan, or because of `before`."""

    before: VerificationReport
    repaired: Repaired | None = None
    after: VerificationReport | None = None

    @property
    def unit(self) -> str:
        return unit_of(self.before.projection)

    @property
    def agrees(self) -> bool:
        return (self.after or self.before).agrees


@click.command("repair")
@click.argument("projections", nargs=-1, metavar="[PROJECTION]...")
@apply_options
@reason_to_apply
@from_changed_log
@click.option(
    "--max-members",
    type=click.IntRange(min=1),
    default=MOST_MEMBERS,
    show_default=True,
    help="Refuse when more members of a projection drifted.",
)
@as_json
@click.pass_obj
@ends_endless_folds
def command(
    session: Session,
    projections: tuple[str, ...],
    apply: bool,
    yes: bool,
    reason: str | None,
    from_changed_log: bool,
    max_members: int,
    as_json: bool,
) -> int:
    """Find the members whose rows are not what the log says, and put just them right.

    It verifies everything first, and shows what it would do. With --apply, which asks on a terminal, the drifted
    members are folded again and written in one transaction, which enters the journal with the rows before and after; a
    wrong checkpoint is put right with them. What the log itself lost cannot be mended: it is reported.

    \b
    Examples:
      temple repair
      temple repair members --apply --reason "rows edited by hand on 3 March"
    \b
    Exit codes: 0 nothing to repair, or nothing left; 1 you answered no; 3 something to repair, or
    something left, or a projection that cannot be loaded or has no tables, or the log is not what was
    sealed; 5 more members drifted than --max-members allows.
    """
    require_apply(apply=apply, yes=yes)
    because = require_reason(reason) if apply else ""
    explained = MOST_LISTED if as_json else 0
    wanted, incomplete = chosen(session, projections)
    with verifier_of(session) as verifier:
        repairs = [_Repair(compare_everybody(session, verifier, each, explained=explained)) for each in wanted]
        if not as_json:
            directory = verifier.ask(read_directory)
            for each in repairs:
                print_report(each.before, directory)
        if apply:
            _require_few(repairs, max_members)
            if any(map(_has_something_to_repair, repairs)) and not confirmed("Put this right?", yes=yes):
                session.note("nothing was changed")
                return ExitCode.FAILED
            because = require_sealed_log(session, from_changed_log=from_changed_log, reason=because) or because
            raised = raise_sequence(session.database)
            if raised is not None:
                session.note(f"positions up to {raised} were given before: the next event gets {raised + 1}")
            for each in repairs:
                _apply(session, verifier, each, because, max_members, explained)
                if not as_json:
                    _print_repair(each)
    if as_json:
        print_json([_data(each) for each in repairs])
    if all(each.agrees for each in repairs):
        return ExitCode.FOUND if incomplete else ExitCode.OK
    if not apply and any(not each.before.verified.ok for each in repairs):
        session.note("this is the plan, and nothing was changed; to do it: add --apply --reason TEXT")
    return ExitCode.FOUND


def _require_few(repairs: Sequence[_Repair], max_members: int) -> None:
    """Before anything is changed. Raises Refused."""
    for each in repairs:
        number, name = each.before.verified.drifted_members, each.before.projection.name
        if number > max_members:
            raise Refused(
                f"{plural(number, each.unit)} of {name} drifted, more than --max-members {max_members}; look at "
                f"them (temple verify show {each.before.number}), then allow more, or run: temple replay {name}"
            )


def _has_something_to_repair(each: _Repair) -> bool:
    return not each.before.verified.ok and each.before.verified.unverified is None


def _apply(session: Session, verifier: Verifier, each: _Repair, reason: str, max_members: int, explained: int) -> None:
    if not _has_something_to_repair(each):
        return
    projection = each.before.projection
    each.repaired = repair(
        session.database,
        projection,
        each.before.verified,
        by=session.operator,
        reason=reason,
        most_members=max_members,
        catalogue=catalogue(),
    )
    each.after = compare_everybody(session, verifier, projection, explained=explained)


def _print_repair(each: _Repair) -> None:
    name, repaired = each.before.projection.name, each.repaired
    if repaired is None:
        return
    for sentence in repaired.altered:
        print_line(f"{name}: cannot be repaired: {sentence}")
    done = []
    if repaired.members:
        done.append(f"{plural(repaired.members, each.unit)} put right ({plural(repaired.changes, 'row')})")
    if repaired.rollups:
        done.append(f"{', '.join(repaired.rollups)} filled anew from the rows")
    if repaired.set_back is not None:
        done.append(
            f"its checkpoint set back from {repaired.set_back[0]} to {repaired.set_back[1]}, the end of the log"
        )
    for what, positions in (("failure", repaired.voided_failures), ("skip", repaired.voided_skips)):
        if positions:
            done.append(f"{plural(len(positions), what)} of events that the log lost voided")
    if repaired.count is not None and repaired.count[0] != repaired.count[1]:
        done.append(f"its count of passed events set from {repaired.count[0]:,} to {repaired.count[1]:,}")
    if repaired.operation is not None:
        done.append(f"operation {repaired.operation} in the journal")
    print_line(f"{name}: {', '.join(done) or 'nothing was changed'}")
    if not each.agrees:
        print_line(f"{name}: something is left; see: temple verify show {each.after.number if each.after else ''}")


def _data(each: _Repair) -> dict[str, Any]:
    return {
        "projection": each.before.projection.name,
        "ok": each.agrees,
        "found": report_data(each.before),
        "repaired": None if each.repaired is None else asdict(each.repaired),
        "left": None if each.after is None else report_data(each.after),
    }
