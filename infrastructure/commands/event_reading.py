"""`temple events list`, `show` and `tail`."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import click

from temple_ledger.domain.position import NO_POSITIONS, START, Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import GapReader
from temple_ledger.infrastructure.log.retracted import retracted_positions
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.observability.escaping import printable
from temple_ledger.infrastructure.processes.sources import actors
from temple_ledger.infrastructure.queries.attribution import (
    AttributedEvent,
    actor_of,
    attributed_positions,
    merge_attributions,
)
from temple_ledger.infrastructure.queries.causes import causes_of
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.queries.events import LAST, EventFilter, following, newest, shown
from temple_ledger.infrastructure.queries.member import require_member
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, read_directory
from temple_ledger.infrastructure.queries.sentence import Narrator
from temple_ledger.infrastructure.read_models.operations import parked
from temple_ledger.infrastructure.terminal.event_filters import picked_of, picking
from temple_ledger.infrastructure.terminal.event_rows import (
    attribution_note,
    event_data,
    event_json,
    event_name,
    print_events,
    target_label,
)
from temple_ledger.infrastructure.terminal.layout import READABLE, Column, column_of, place, row_lines
from temple_ledger.infrastructure.terminal.printing import (
    Styled,
    print_document,
    print_line,
    require_reader,
    stdout,
    terminal_width,
)
from temple_ledger.infrastructure.terminal.session import (
    Session,
    as_json,
    names_of,
    print_fields,
    print_json,
)

PAGE: Final = 1_000
LOOK_BACK: Final = 1_000
"""Positions before the head, among which an open transaction may still have one to fill."""
POLL_SECONDS: Final = 1.0
BLOCKED_POLL_SECONDS: Final = 0.05


TAIL: Final = (Column(8, 8, right=True), Column(23, 23), Column(27, 27), Column(19, 19), Column(READABLE, READABLE))
"""Position, time, event, member, target: as wide as most of them are; what is longer pushes the rest to the right."""


class _Which(click.ParamType[Position | UUID]):
    name = "event"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Position | UUID:
        if value.isascii() and value.isdigit() and START < int(value[:20]) <= LAST:
            return Position(int(value))
        try:
            return UUID(value)
        except ValueError:
            self.fail(f"{value!r} is neither a position, a number, nor an event_id, a UUID", param, ctx)


@click.command("list")
@picking
@click.option("--after", type=click.IntRange(min=0), metavar="POSITION", help="The first ones behind this position.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")
@as_json
@click.pass_obj
def list_(session: Session, /, after: int | None, limit: int, as_json: bool, **picks: Any) -> None:
    """The newest events, by position; with --after, the first ones behind a position.

    \b
    Examples:
      temple events list --member 500000000000000001 --type discord_role_change
      temple events list --target Oracle --since 2026-03-01 --until 2026-03-31
      temple events list --after 4000 --json
    """
    with snapshot(session.reading) as connection:
        directory, retracted = read_directory(connection), retracted_positions(connection)
        picked = picked_of(directory, **picks)
        if after is None:
            found = newest(connection, picked, limit=limit)
        else:
            found = following(connection, picked, after=Position(after), limit=limit)
        if not found and picked.user_id is not None:
            require_member(connection, picked.user_id)
        attributed = attributed_positions(connection, found)
    if found or as_json:
        print_events(found, directory, attributed, retracted, as_json=as_json)
    else:
        session.note("no such event")
    if len(found) == limit and after is not None:
        session.note(f"there may be more: --after {found[-1].position}")


@click.command("show")
@click.argument("which", metavar="POSITION|EVENT_ID", type=_Which())
@as_json
@click.pass_obj
def show(session: Session, which: Position | UUID, as_json: bool) -> None:
    """Everything about one event: when it happened, was recorded and folded, if it is parked, skipped or retracted.

    \b
    Example:
      temple events show 4711
    """
    with snapshot(session.reading) as connection:
        directory = read_directory(connection)
        found = shown(connection, which)
        failures = parked(connection, position=found.event.position)
        what = _in_words(connection, found.event, directory)
    data = {
        **event_data(found.event),
        "processed_at": found.processed_at,
        "retracted": found.retraction is not None,
        "import": found.imported_as,
    }
    if as_json:
        skips = [skip._asdict() for skip in found.skips]
        errors = [{"projection": failure.projection, "error": failure.error} for failure in failures]
        retraction = None if found.retraction is None else found.retraction._asdict()
        print_json({**data, "parked": errors, "skipped": skips, "retraction": retraction})
        return
    text = {"id": str(found.event.position), "metadata": found.event.metadata_text}
    print_line(Styled(what, bold=True))
    print_fields({**data, **text, "target": target_label(found.event, directory)}, as_json=False)
    for failure in failures:
        print_line(f"parked by {failure.projection}: {failure.error}")
    for skip in found.skips:
        print_line(f"skipped in {skip.projection} by {skip.skipped_by}: {skip.reason}")
    if found.retraction is not None:
        print_line(f"retracted by {found.retraction.retracted_by}: {found.retraction.reason}")


def _in_words(connection: Connection, event: Recorded, directory: RoleDirectory) -> str:
    """What happened, and why, as far as that is known."""
    known = actors()
    facts = merge_attributions(connection, [event]) or [AttributedEvent(event)]
    narrator = Narrator(directory, known)
    sentence = narrator.sentence(facts[0])
    named = names_of(set(sentence.people()))
    what = sentence.text(lambda user_id: named.get(user_id, user_id))
    cause = causes_of(connection, facts, known).get(event.position)
    return what if cause is None else f"{what} (position {cause.position}: {narrator.because(cause).text()})"


@click.command("tail")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is appended, until Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), default=10, show_default=True, help="How many to begin with."
)
@picking
@as_json
@click.pass_obj
def tail(session: Session, /, follow: bool, lines: int, as_json: bool, **picks: Any) -> None:
    """The end of the log, a line for each event; with -f, new ones as they come.

    It shows each event once and by position: one behind a transaction that is still open waits for it. An event that
    only says later who did something names the position of the first: "who did 4711".
    With --json, each line is an object of its own.

    \b
    Examples:
      temple events tail -f --type discord_role_change
      temple events tail -n 100 --json | jq .user_id
    """
    # what is decided is seen on the primary alone
    database = session.database if follow else session.reading
    with database.connect(DatabaseRole.READ, application="temple tail") as connection:
        directory, retracted = read_directory(connection), retracted_positions(connection)
        picked = picked_of(directory, **picks)
        if not follow:
            if picked.user_id is not None:
                require_member(connection, picked.user_id)
            for event in newest(connection, picked, limit=lines):
                _print(connection, event, directory, retracted, as_json)
            return
        reader = GapReader(connection)
        start = _decided(connection, reader)
        for event in newest(connection, picked, upto=start, limit=lines):
            _print(connection, event, directory, retracted, as_json)
        with Wakeup(session.database) as wakeup:
            for event in _followed(connection, reader, wakeup, picked, start):
                if event.event_type == "discord_role":
                    directory = read_directory(connection)
                _print(connection, event, directory, NO_POSITIONS, as_json)


def _decided(connection: Connection, reader: GapReader) -> Position:
    """Up to where the log is decided as it is now."""
    row = connection.execute(statement("log_head")).fetchone()
    settled = Position(max(START, (row[0] if row else START) - LOOK_BACK))
    while (look := reader.look(settled)).settled > settled:
        settled = look.settled
    return settled


def _followed(
    connection: Connection, reader: GapReader, wakeup: Wakeup, picked: EventFilter, after: Position
) -> Iterator[Recorded]:
    while True:
        look = reader.look(after)
        while page := following(connection, picked, after=after, upto=look.settled, limit=PAGE):
            yield from page
            after = page[-1].position
        after = max(after, look.settled)
        require_reader()
        wakeup.wait(BLOCKED_POLL_SECONDS if look.blocked_by else POLL_SECONDS)


def _print(
    connection: Connection, event: Recorded, directory: RoleDirectory, retracted: PositionSet, as_json: bool
) -> None:
    """A line; on a narrow terminal, more of them. Raises OSError where nobody reads any more."""
    if as_json:
        print_document(event_json(event, retracted=event.position in retracted))
    else:
        cells = _cells(connection, event, directory, retracted)
        # a person with a name takes more than an id does; it stays whole
        who = column_of([cells[3], " " * TAIL[3].natural])
        for line in row_lines(cells, place((*TAIL[:3], who, TAIL[4]), terminal_width(stdout()))):
            print_line(line)
    require_reader()


def _cells(connection: Connection, event: Recorded, directory: RoleDirectory, retracted: PositionSet) -> Sequence[str]:
    when = "–" if event.occurred_at is None else f"{event.occurred_at:%Y-%m-%d %H:%M:%S} UTC"
    target = target_label(event, directory) or ""
    note = attribution_note(event, attributed_positions(connection, [event]))
    by = "" if note is None else f"  ({note}: {actor_of(event) or 'nobody named'})"
    gone = "  (retracted)" if event.position in retracted else ""
    who = names_of([event.user_id]).get(event.user_id, event.user_id)
    cells = (str(event.position), when, event_name(event), who, f"{target}{by}{gone}".strip())
    return [printable(cell) for cell in cells]
