"""A projection in the short form against the same one in the long form: what a fold of it costs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from time import process_time
from typing import Any, Final, NamedTuple

from bench.apart import alone
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.rounds import take_turns
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import Event
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.row import Row, projection
from temple_ledger.projections.tables import Column, Rows, Table
from temple_ledger.projections.values import ColumnType

MOST: Final = 1.3
EVENTS_OF_A_MEMBER: Final = 20
FORMS: Final = ("short", "long")


class MemberWarned(Event, type="bench/warned"):
    by: str
    points: int = 1


class Record(Row, table="bench_record"):
    warnings: int = 0
    points: int = 0
    last_by: str | None = None


class State(NamedTuple):
    warnings: int = 0
    points: int = 0
    last_by: str | None = None


TABLE: Final = Table(
    "bench_record",
    columns=(
        Column("warnings", ColumnType.BIGINT),
        Column("points", ColumnType.BIGINT),
        Column("last_by", ColumnType.TEXT, null=True),
    ),
)


def short_form() -> MemberProjection[Record]:
    made = projection("bench_short", version=1, state=Record)

    @made.on
    def _(record: Record, event: MemberWarned) -> Record:
        return record.replace(warnings=record.warnings + 1, points=record.points + event.points, last_by=event.by)

    return made


def long_form() -> MemberProjection[State]:
    def rows(state: State) -> Rows:
        return {TABLE.name: [tuple(state)]}

    def state(rows: Rows) -> State:
        return State(*rows[TABLE.name][0])

    made = MemberProjection("bench_long", version=1, tables=(TABLE,), initial=State, rows=rows, state=state)

    @made.on
    def _(state: State, event: MemberWarned) -> State:
        return state._replace(warnings=state.warnings + 1, points=state.points + event.points, last_by=event.by)

    return made


def measure(bench: Bench) -> Findings:
    events = bench.sizes.events
    contenders = {form: partial(_folded, form, events) for form in FORMS}
    done = take_turns(contenders, bench.sizes.rounds, bench.say)
    short, long = (done.series(form, "us") for form in FORMS)
    return Findings(
        bench="short_form",
        title="A projection in the short form",
        how=(
            f"{events:,} warnings, {EVENTS_OF_A_MEMBER} of each member, decoded and folded into rows, which are then "
            "turned back into states: the short form of docs/writing-a-projection.md, and the same rule in the long "
            "form with a NamedTuple as its state. Processor time an event."
        ),
        series=[short, long],
        goals=[Goal("short_form", short.over(long, "the short form over the long one"), target=MOST, at_least=False)],
        load=done.load,
    )


def _folded(form: str, events: int) -> Mapping[str, float]:
    return {form: alone(microseconds, form, events)}


def microseconds(form: str, events: int) -> float:
    """An event."""
    made: MemberProjection[Any] = short_form() if form == "short" else long_form()
    fold = Fold(made, CATALOGUE.with_models(made.steps))
    histories = [_history(number) for number in range(events // EVENTS_OF_A_MEMBER)]
    started = process_time()
    for history in histories:
        made.state_of(fold.whole_of_known(history).rows)
    return (process_time() - started) / events * 1_000_000


def _history(member: int) -> Sequence[Recorded]:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Recorded(
            Position(member * EVENTS_OF_A_MEMBER + number + 1),
            begin + timedelta(hours=number),
            "bench",
            f"member {member}",
            "warned",
            None,
            '{"by": "eve", "points": 2}',
            "bench",
            None,
            None,
        )
        for number in range(EVENTS_OF_A_MEMBER)
    ]
