"""A replay in two steps: folded beside the tables and shown, and put in place by somebody who has seen it.

Nothing is claimed meanwhile: a replay from elsewhere takes over, and the preview is void then.
"""

from collections.abc import Callable
from typing import NamedTuple

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.operating.digest import digest_of
from temple_ledger.infrastructure.operating.preview import Preview
from temple_ledger.infrastructure.operating.repairing import unit_of
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.in_people import ImpactSummary
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.queries.versions import projection_named
from temple_ledger.infrastructure.read_models.member_log.fold_members import members_touched
from temple_ledger.infrastructure.read_models.rebuild.compare import ShownDifference
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import catalogue

REPLAY = "replay"


class SeenReplay(NamedTuple):
    """`rows` has a mark of each member's difference; of a tally, of each count's."""

    projection: Projection
    position: Position
    shown: ShownDifference
    rows: dict[str, str]


def preview_replay(database: Database, label: str) -> Preview | None:
    """None where nothing differs; then nothing is left of it. Raises Refused."""
    with snapshot(database) as connection:
        projection = projection_named(connection, label)
        impact = ImpactSummary(read_directory(connection))
    with Rebuild(database, projection, catalogue=catalogue()) as rebuild:
        rebuild.fold()
        shown, rows = _compared(rebuild, impact.count)
        if not shown.changes:
            rebuild.clear()
            return None
        seen = SeenReplay(projection, rebuild.position, shown, rows)
        number = len(rows) or shown.changes
        return Preview(
            REPLAY,
            rebuild.label,
            number,
            unit_of(projection),
            impact.sentences() or [f"{plural(shown.new_members, 'member')} get rows, where nobody has any yet"],
            sorted(shown.members),
            digest_of(seen.position, rows, shown.new_members),
            seen,
        )


def apply_replay(database: Database, preview: Preview, *, by: str, reason: str) -> list[str]:
    """Raises Refused where it is not what was shown any more; what is new since counts for the limit of changes."""
    seen: SeenReplay = preview.seen
    with Rebuild(database, seen.projection, catalogue=catalogue()) as rebuild:
        if not rebuild.resumed or rebuild.position != seen.position:
            if not rebuild.resumed:
                rebuild.clear()
            raise Refused(f"another replay of {preview.label} has taken over since; look again")
        rebuild.fold()
        now, rows = _compared(rebuild, lambda _: None)
        other = _other_without_newer_events(database, seen, now, rows)
        if other:
            rebuild.clear()
            raise Refused(
                f"{plural(other, preview.unit)} of {preview.label} would not be changed as it was shown; look again"
            )
        applied = rebuild.apply(now, by=by, reason=reason)
    return [f"{preview.label}: in place, at position {applied.position}"]


def forget_replay(database: Database, preview: Preview) -> None:
    """Clears up what nobody applied, unless somebody else is at it."""
    seen: SeenReplay = preview.seen
    try:
        with Rebuild(database, seen.projection, catalogue=catalogue()) as rebuild:
            if not rebuild.resumed or rebuild.position == seen.position:
                rebuild.clear()
    except Refused:
        return


def _compared(rebuild: Rebuild, each: Callable[[Drift], None]) -> tuple[ShownDifference, dict[str, str]]:
    parts: dict[str, list[object]] = {}

    def mark(drift: Drift) -> None:
        each(drift)
        whose = digest_of(drift.key) if drift.user_id is None else drift.user_id
        parts.setdefault(whose, []).append(_mark(drift))

    shown = rebuild.compare(mark)
    return shown, {whose: digest_of(found) for whose, found in parts.items()}


def _mark(drift: Drift) -> object:
    """Of a count only by how much it is wrong: what happens meanwhile moves both sides."""
    if drift.user_id is None:
        return (drift.folded or 0) - (drift.stored or 0)
    return [drift.table, drift.kind, drift.key, drift.column, drift.stored, drift.folded]


def _other_without_newer_events(
    database: Database, seen: SeenReplay, now: ShownDifference, rows: dict[str, str]
) -> int:
    """How many are other than they were shown, though nothing has happened to them since."""
    other = {whose for whose in seen.rows.keys() | rows.keys() if seen.rows.get(whose) != rows.get(whose)}
    with snapshot(database) as connection:
        newer = set(members_touched(connection, seen.shown.position, now.position))
    return len(other - newer)
