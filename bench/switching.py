"""What readers notice when the names of a large table go to another version, back and forth."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from math import ceil
from multiprocessing.synchronize import Event
from typing import Final, NamedTuple

import psycopg

from bench.apart import SPAWN, apart
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.rounds import take_turns
from bench.site import EMPTY, rows, tidy
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.read_models.versions.switch import switch
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.tables import Column, Rows, Table
from temple_ledger.projections.values import ColumnType

SWITCHES: Final = 10
READERS: Final = 2
"""Of the table, and as many of a view on it."""
PAUSE_SECONDS: Final = 0.3

LONGEST: Final = "the longest read beside a switch"
P99: Final = "reads beside switches, p99"
CALM: Final = "the longest read without a switch"
HELD: Final = "the tables were held, at most"
WRONG: Final = "reads that failed, or found no row"


def _projection(version: int, columns: tuple[Column, ...]) -> MemberProjection[int]:
    def rows_of(state: int) -> Rows:
        return {}

    return MemberProjection(
        "switched",
        version=version,
        tables=(Table("bench_switched", columns=columns),),
        initial=int,
        rows=rows_of,
        state=lambda found: 0,
    )


POINTS: Final = Column("points", ColumnType.INTEGER)
VERSIONS: Final = (
    _projection(1, (POINTS,)),
    _projection(2, (Column("by", ColumnType.TEXT), POINTS)),
)


class Reads(NamedTuple):
    milliseconds: list[float]
    wrong: int


def read_all_the_time(dsn: str, members: int, relation: str, ready: Event, enough: Event) -> Reads:
    """A member by its key, from the table or from a view on it."""
    took: list[float] = []
    wrong, number = 0, 0
    query = f"select points from {relation} where user_id = %s".encode()
    with Database(dsn).connect(DatabaseRole.READ, application="bench reader") as connection:
        while not enough.is_set():
            number = (number + 7919) % members
            started = time.perf_counter()
            try:
                found = connection.execute(query, (f"m{number}",), prepare=True).fetchall()
            except psycopg.Error:
                found = []
            took.append(1_000 * (time.perf_counter() - started))
            wrong += len(found) != 1
            ready.set()
    return Reads(took, wrong)


def fill(dsn: str, members: int) -> None:
    database = Database(dsn)
    for several in (VERSIONS[:1], VERSIONS):
        bring_up_to_date(database, several)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "insert into bench_switched select 'm' || number, number from generate_series(0, %s) as number",
            (members - 1,),
        )
        connection.execute(
            'insert into "bench_switched@2" '
            "select 'm' || number, 'mod', number from generate_series(0, %s) as number",
            (members - 1,),
        )
        connection.execute("update projection_checkpoint set state = 'running' where projection = 'switched'")
        connection.execute("create view bench_switched_shown as select user_id, points from bench_switched")
        connection.execute("alter view bench_switched_shown owner to temple_owner")
        connection.execute("grant select on bench_switched_shown to temple_read")
    tidy(dsn)


def measure(bench: Bench) -> Findings:
    members = bench.sizes.switched_members
    template = bench.site.template(f"bench_switched_{members}", EMPTY, lambda dsn: fill(dsn, members))

    def reading(switches: int) -> tuple[list[float], int, float]:
        held = 0.0
        with ExitStack() as stack:
            dsn = stack.enter_context(bench.site.copy(template))
            enough = SPAWN.Event()
            began = [SPAWN.Event() for _ in range(2 * READERS)]
            relations = ("bench_switched", "bench_switched_shown") * READERS
            readers = [
                stack.enter_context(apart(read_all_the_time, dsn, members, relation, event, enough))
                for relation, event in zip(relations, began, strict=True)
            ]
            for event in began:
                assert event.wait(60)
            time.sleep(PAUSE_SECONDS)
            for number in range(switches):
                held = max(held, switch(Database(dsn), "switched", 2 - number % 2, by="bench").seconds)
                time.sleep(PAUSE_SECONDS)
            if not switches:
                time.sleep(PAUSE_SECONDS * SWITCHES)
            enough.set()
            results = [each.result() for each in readers]
            assert rows(dsn, "select count(*) from bench_switched") == [(members,)]
        reads = sorted(one for each in results for one in each.milliseconds)
        return reads, sum(each.wrong for each in results), held

    def switching() -> Mapping[str, float]:
        reads, wrong, held = reading(SWITCHES)
        return {
            LONGEST: reads[-1],
            P99: reads[ceil(len(reads) * 0.99) - 1],
            WRONG: float(wrong),
            HELD: 1_000 * held,
        }

    def calm() -> Mapping[str, float]:
        return {CALM: reading(0)[0][-1]}

    done = take_turns({"switching": switching, "calm": calm}, bench.sizes.rounds, bench.say)
    longest, wrong = done.series(LONGEST, "ms"), done.series(WRONG, "reads")
    return Findings(
        bench="switching",
        title="Readers during a switch between versions",
        how=(
            f"A table of {members:,} rows in two versions with other columns, and a view on it. "
            f"{2 * READERS} processes read single members from table and view, one read after the other without a "
            f"pause, while the names go back and forth {SWITCHES} times; against the same readers without a switch."
        ),
        series=(longest, done.series(P99, "ms"), done.series(CALM, "ms"), done.series(HELD, "ms"), wrong),
        goals=(
            Goal("longest", longest, target=100, at_least=False),
            Goal("wrong", wrong, target=0, at_least=False),
        ),
        load=done.load,
    )
