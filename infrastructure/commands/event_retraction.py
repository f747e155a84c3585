"""`temple events retract`, `reinstate` and `imports`."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.imports import ListedImport, owners
from temple_ledger.infrastructure.queries.imports import imports as read_imports
from temple_ledger.infrastructure.queries.in_people import ImpactSummary
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.read_models.retraction import (
    RetractionImpact,
    Selection,
    preview_retraction,
    reinstate,
    retract,
)
from temple_ledger.infrastructure.terminal.applying import (
    apply_options,
    asks,
    confirmed,
    optional_reason,
    reason_to_apply,
    require_apply,
    require_reason,
)
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json, print_rows
from temple_ledger.infrastructure.terminal.text import listed, plural
from temple_ledger.projections.endless_folds import ends_endless_folds
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import carried, catalogue

SENTENCES: Final = 20
_WHAT: Final = re.compile(r"(?P<import>import:)?(?P<number>[1-9]\d{0,17})")


class _What(click.ParamType[tuple[bool, int]]):
    """Whether it names an import, and the number."""

    name = "import or position"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[bool, int]:
        found = _WHAT.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is neither import:NUMBER (see: temple events imports) nor a position", param, ctx)
        return found["import"] is not None, int(found["number"])


what = click.argument("what", nargs=-1, required=True, metavar="import:NUMBER|POSITION...", type=_What())


@click.command("retract")
@what
@reason_to_apply
@apply_options
@as_json
@click.pass_obj
@ends_endless_folds
def retract_(
    session: Session, what: Sequence[tuple[bool, int]], reason: str | None, apply: bool, yes: bool, as_json: bool
) -> int:
    """Leave events out of everything that is computed: all that an import added, or single positions.

    The log keeps them, and shows them as retracted; `temple events reinstate` lets them count again.
    Without --apply it shows what would change, in people, and changes nothing; with it, it asks on a terminal.

    \b
    Examples:
      temple events imports
      temple events retract import:3
      temple events retract import:3 --reason "the roles of another server" --apply
      temple events retract 4711 4712 --reason "dated 2062" --apply
    \b
    Exit codes: 0 shown or done; 1 you answered no.
    """
    because = require_reason(reason) if apply else ""

    def change(selection: Selection, projections: Sequence[Projection]) -> RetractionImpact:
        by = session.operator
        return retract(session.database, selection, projections, catalogue(), reason=because, by=by)

    return _shown_or_done(session, "retract", what, change, apply=apply, yes=yes, as_json=as_json)


@click.command("reinstate")
@what
@optional_reason
@apply_options
@as_json
@click.pass_obj
@ends_endless_folds
def reinstate_(
    session: Session, what: Sequence[tuple[bool, int]], reason: str | None, apply: bool, yes: bool, as_json: bool
) -> int:
    """Let events count again that were retracted: all of an import, or single positions.

    Without --apply it shows what would change, in people, and changes nothing; with it, it asks on a terminal.

    \b
    Example:
      temple events reinstate import:3 --apply
    \b
    Exit codes: 0 shown or done; 1 you answered no.
    """

    def change(selection: Selection, projections: Sequence[Projection]) -> RetractionImpact:
        by = session.operator
        return reinstate(session.database, selection, projections, catalogue(), reason=reason, by=by)

    return _shown_or_done(session, "reinstate", what, change, apply=apply, yes=yes, as_json=as_json)


def _shown_or_done(
    session: Session,
    verb: str,
    what: Sequence[tuple[bool, int]],
    change: Callable[[Selection, Sequence[Projection]], RetractionImpact],
    *,
    apply: bool,
    yes: bool,
    as_json: bool,
) -> int:
    require_apply(apply=apply, yes=yes)
    selection = _selection(what)
    summary, shown = _preview(session, selection, reinstating=verb == "reinstate")
    if shown.of_other_imports:
        session.note(_whose(session, shown.of_other_imports))
    if apply and not _agreed(session, verb, shown, summary, yes=yes, as_json=as_json):
        return ExitCode.FAILED
    if apply and shown.positions:
        shown = change(selection, carried())
    _print(session, verb, shown, summary, applied=apply, as_json=as_json)
    return ExitCode.OK


@click.command("imports")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many, newest first."
)
@as_json
@click.pass_obj
def imports(session: Session, limit: int, as_json: bool) -> None:
    """Which files were imported, when and by whom, and how many events each added.

    \b
    Example:
      temple events imports
    """
    with snapshot(session.reading) as connection:
        found = read_imports(connection, limit=limit)
    if as_json:
        print_json([each._asdict() for each in found])
    elif found:
        print_rows([_row(each) for each in found], _COLUMNS, as_json=False)
    else:
        session.note("no import is written down here")


_COLUMNS: Final = ("import", "began", "by", "events", "retracted", "file")


def _row(each: ListedImport) -> dict[str, Any]:
    return {
        "import": f"import:{each.number}",
        "began": each.began_at,
        "by": each.imported_by,
        "events": each.events,
        "retracted": each.retracted,
        "file": each.file if each.finished_at else f"{each.file} (not finished)",
    }


def _selection(what: Sequence[tuple[bool, int]]) -> Selection:
    numbers = tuple(dict.fromkeys(number for is_import, number in what if is_import))
    return Selection(numbers, PositionSet.of(number for is_import, number in what if not is_import))


def _preview(session: Session, selection: Selection, *, reinstating: bool) -> tuple[ImpactSummary, RetractionImpact]:
    with snapshot(session.database) as connection:
        summary = ImpactSummary(read_directory(connection))
    shown = preview_retraction(
        session.database,
        selection,
        carried(),
        catalogue(),
        reinstating=reinstating,
        each=summary.count,
    )
    return summary, shown


def _whose(session: Session, positions: PositionSet) -> str:
    with snapshot(session.database) as connection:
        found = owners(connection, positions)
    whose = listed([f"import:{number}" for number in found])
    events = plural(len(positions), "event")
    return (
        f"{events} that the file has too were there before and stay: they are of {whose}; name that as well to retract "
        "them"
    )


def _print(
    session: Session, verb: str, impact: RetractionImpact, summary: ImpactSummary, *, applied: bool, as_json: bool
) -> None:
    if as_json:
        print_json(
            {
                "events": len(impact.positions),
                "positions": str(impact.positions),
                "changed_members": len(impact.members),
                "changes": impact.changes,
                "in_people": summary.sentences(),
                "not_folded_here": impact.untouched,
                "applied": applied and bool(impact.positions),
            }
        )
        return
    if not impact.positions:
        print_line("nothing to do: " + ("they are retracted already" if verb == "retract" else "none is retracted"))
        return
    _print_impact(verb, impact, summary, applied=applied)
    if impact.untouched:
        session.note(
            f"not folded here: {listed(impact.untouched)}; it needs a replay, or its code is not installed in this "
            "process"
        )
    if not applied:
        session.note("nothing was changed; add --apply to do it")


def _agreed(
    session: Session, verb: str, impact: RetractionImpact, summary: ImpactSummary, *, yes: bool, as_json: bool
) -> bool:
    """Whether to go on, after the preview, where there is somebody to ask and something to do."""
    if not impact.positions or not asks(yes=yes):
        return True
    _print_impact(verb, impact, summary, applied=False, err=as_json)
    if confirmed(f"{verb.capitalize()} this?", yes=yes):
        return True
    session.note("nothing was changed")
    return False


def _print_impact(
    verb: str, impact: RetractionImpact, summary: ImpactSummary, *, applied: bool, err: bool = False
) -> None:
    past = "retracted" if verb == "retract" else "reinstated"
    events, people = plural(len(impact.positions), "event"), plural(len(impact.members), "member")
    print_line(
        f"{events} {past}; {people} changed" if applied else f"{events} to {verb}; {people} would change", err=err
    )
    sentences = summary.sentences()
    for sentence in sentences[:SENTENCES]:
        print_line(f"  {sentence}", err=err)
    if len(sentences) > SENTENCES:
        print_line(f"  and {plural(len(sentences) - SENTENCES, 'kind')} of change more", err=err)
