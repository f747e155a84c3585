"""`temple seal accept`: what stands now counts from now on."""

import re
from typing import Any, Final

import click

from temple_ledger.infrastructure.commands.seal_verify import print_proof, proven
from temple_ledger.infrastructure.seals.accept import accept_range
from temple_ledger.infrastructure.seals.finding import Finding
from temple_ledger.infrastructure.seals.proof import Proof
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

_RANGE: Final = re.compile(r"([1-9]\d{0,17})(?:-([1-9]\d{0,17}))?")


class _Range(click.ParamType[tuple[int, int]]):
    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        found = _RANGE.fullmatch(str(value))
        if found is None or int(found[2] or found[1]) < int(found[1]):
            self.fail(f"{value!r} is no range of positions; write 4711, or 4711-4800", param, ctx)
        return int(found[1]), int(found[2] or found[1])


@click.command("accept")
@click.argument("positions", metavar="RANGE", type=_Range())
@reason_to_apply
@apply_options
@as_json
@click.pass_obj
def accept(
    session: Session, positions: tuple[int, int], reason: str | None, apply: bool, yes: bool, as_json: bool
) -> int:
    """Accept a log that was changed, in a range of positions: what stands there now counts from now on.

    It is an entry of the chain, and every proof says so from then on: proven, but for so many events accepted
    on that day. Restore the log from a backup instead, where there is one. Without --apply it shows what would
    be accepted.

    \b
    Example:
      temple seal accept 4711-4800 --reason "restored by hand from the export of 3 March" --apply
    \b
    Exit codes: 0 shown or done; 1 you answered no; 3 there is nothing to accept in that range.
    """
    require_apply(apply=apply, yes=yes)
    because = require_reason(reason) if apply else ""
    first, last = positions
    before = proven(session)
    if not apply or not before.findings:
        return _shown(session, before, positions, None, as_json=as_json)
    print_proof(session, before)
    if not confirmed(f"Accept what stands now at positions {first} to {last}?", yes=yes):
        session.note("nothing was changed")
        return ExitCode.FAILED
    number = accept_range(session.database, first, last, by=session.operator, reason=because)
    after = proven(session)
    return _shown(session, after, positions, number, as_json=as_json)


def _shown(session: Session, proof: Proof, positions: tuple[int, int], accepted: int | None, *, as_json: bool) -> int:
    first, last = positions
    inside = [each for each in proof.findings if _touches(each, first, last)]
    if as_json:
        print_json({"first": first, "last": last, "accepted_events": accepted, "findings": list(map(str, inside))})
        return ExitCode.OK if inside or accepted is not None else ExitCode.FOUND
    if accepted is not None:
        print_line(f"accepted; {plural(accepted, 'event')} stand otherwise than they were sealed")
        print_line(proof.sentence)
        return ExitCode.OK
    for each in inside:
        print_line(f"  {each}")
    if not inside:
        print_line("nothing to accept: what is sealed there holds")
        return ExitCode.FOUND
    session.note("nothing was changed; add --apply to do it")
    return ExitCode.OK


def _touches(finding: Finding, first: int, last: int) -> bool:
    """What is about no position is shown too."""
    if finding.first is None or finding.last is None:
        return True
    return first <= finding.last and finding.first <= last
