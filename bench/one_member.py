"""What one member can do to everybody else: an event that raises, a very long history, large payloads."""

from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic, perf_counter, process_time, sleep
from typing import Final, NamedTuple

import psycopg

from bench.apart import alone, apart, peak_mebibytes
from bench.bench import Bench
from bench.findings import Findings, Goal, Series
from bench.rounds import take_turns
from bench.runner import catch_up, daemon
from bench.site import Site, rows, tidy
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import Event
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.log.export import Selection, exported_lines
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import members
from temple_ledger.projections.row import Row, projection

UNLUCKY: Final = 13
PARK_SECONDS: Final = 5.0
MOST_MEBIBYTES: Final = 300.0
WAIT_SECONDS: Final = 600.0
OTHERS: Final = 1_000

SCORES = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, metadata, source)
    select gen_random_uuid(), '2026-01-01'::timestamptz + number * interval '1 second', 'bench', 'ada', 'scored',
        jsonb_build_object('points', case when number = %(unlucky)s then 13 else 1 end), 'bench'
    from (select number from generate_series(1, %(events)s) as number order by {order}) as arriving
"""
ORDERS: Final[Mapping[str, str]] = {
    "in order": "number",
    "newest first": "number desc",
    "shuffled": "hashint4(number::integer)",
}
OTHER_SCORES = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, metadata, source)
    select gen_random_uuid(), '2026-02-01'::timestamptz, 'bench', 'member ' || number, 'scored', '{{"points": 1}}',
        'bench'
    from generate_series(1, %(others)s) as number
"""
LONG = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, source)
    select gen_random_uuid(), '2024-01-01'::timestamptz + number * interval '10 seconds', 'patreon_membership',
        'ada', 'changed', 'tier ' || number % 3, 'bench'
    from generate_series(1, {events}) as number
"""
LATE = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source)
    values (gen_random_uuid(), '2023-01-01', 'discord_join', 'ada', 'joined', 'bench')
"""
ANOTHER = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source)
    values (gen_random_uuid(), now(), 'discord_join', 'bob', 'joined', 'bench')
"""
PAYLOADS = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
    select gen_random_uuid(), '2026-02-01'::timestamptz + number * interval '1 second', 'discord_role_change',
        case when number % 2 = 0 then 'ada' else 'member ' || number end, 'added', 'r' || number % 5,
        jsonb_build_object('why', repeat('x', 1000000)), 'bench'
    from generate_series(1, {payloads}) as number
"""


class Scored(Event, type="bench/scored"):
    points: int


class Score(Row, table="bench_score"):
    points: int = 0


def scores() -> MemberProjection[Score]:
    made = projection("bench_scores", version=1, state=Score)

    @made.on
    def _(score: Score, event: Scored) -> Score:
        if event.points == UNLUCKY:
            raise ValueError("unlucky")
        return score.replace(points=score.points + event.points)

    return made


class Spent(NamedTuple):
    seconds: float
    cpu_seconds: float
    mebibytes: float


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    contenders = {
        **{f"an event that raises, {order}": partial(_poison, bench.site, sizes.poisoned, order) for order in ORDERS},
        "a very long history": partial(_long, bench.site, sizes.long_history),
        "large payloads": partial(_payloads, bench.site, sizes.payloads),
    }
    done = take_turns(contenders, 1, bench.say)
    parking = [done.series(_cpu(order), "s") for order in ORDERS]
    held = [done.series(name, "MiB") for name in done.values if name.startswith("memory")]
    others = done.series("others, while it is folded", "s")
    return Findings(
        bench="one_member",
        title="What one member can do to the others",
        how=(
            f"**An event that raises** in the middle of one member's {sizes.poisoned:,} events, which arrive in order, "
            f"newest first, or shuffled, with {OTHERS:,} members behind them; an author's projection under `Runner`, "
            "alone in its process, until that member is parked and everybody else is folded: its processor time, the "
            "reading of the log and the writing of rows included. **A very long history**: "
            f"{sizes.long_history:,} events of one member, folded; then one that comes late, and one of somebody else: "
            "how long each takes to be in the tables of all built-in projections, with the daemon running. **Large "
            f"payloads**: {sizes.payloads:,} events with 1 MB each, half of them one member's. Measured once."
        ),
        series=[*parking, done.series("the late event of the long history", "s"), others, *held],
        goals=[
            *(Goal(_key(each), each, target=PARK_SECONDS, at_least=False) for each in parking),
            *(Goal(_key(each), each, target=MOST_MEBIBYTES, at_least=False) for each in held),
            Goal("others_meanwhile", others, target=1.0, at_least=False),
        ],
        load=done.load,
    )


def _key(series: Series) -> str:
    return series.name.replace(",", "").replace(" ", "_")


def _cpu(order: str) -> str:
    return f"parked, {order}, processor time"


def _poison(site: Site, events: int, order: str) -> Mapping[str, float]:
    with site.copy() as dsn:
        bring_up_to_date(Database(dsn), [*BUILT_IN, scores()])
        query = SCORES.format(order=ORDERS[order])
        _append(dsn, query, {"unlucky": events // 2, "events": events})
        _append(dsn, OTHER_SCORES.format(), {"others": OTHERS})
        tidy(dsn)
        spent = alone(fold_scores, dsn)
        assert rows(dsn, "select user_id, kind from projection_failure") == [("ada", "event")]
        assert rows(dsn, "select count(*) from bench_score where user_id <> 'ada'") == [(OTHERS,)]
    return {_cpu(order): spent.cpu_seconds, f"memory, parked, {order}": spent.mebibytes}


def _append(dsn: str, statement: str, values: Mapping[str, int] | None = None) -> None:
    """As superuser, outside of what is measured."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode(), values)


def fold_scores(dsn: str) -> Spent:
    database, made = Database(dsn), scores()
    with Wakeup(database) as wakeup:
        runner = Runner(database, [made], wakeup, catalogue=CATALOGUE.with_models(made.steps))
        started, cpu = perf_counter(), process_time()
        runner.run(until_caught_up=True)
        return Spent(perf_counter() - started, process_time() - cpu, peak_mebibytes())


def _long(site: Site, events: int) -> Mapping[str, float]:
    with site.copy() as dsn:
        _append(dsn, LONG.format(events=events))
        tidy(dsn)
        folding = alone(catch_up, dsn)
        with apart(daemon, dsn) as process:
            _wait_for(dsn, "select exists (select from projection_lease where projection = 'members')")
            started = monotonic()
            _append(dsn, LATE)
            _append(dsn, ANOTHER)
            _wait_for(dsn, "select exists (select from temple_member_status where user_id = 'bob')")
            others = monotonic() - started
            joined = "select discord_joined_at is not null from temple_member_status where user_id = 'ada'"
            _wait_for(dsn, joined)
            late = monotonic() - started
            process.ask_to_end()
        verifying = alone(verified, dsn)
    return {
        "the late event of the long history": late,
        "others, while it is folded": others,
        "memory, the long history is folded": folding.peak_mebibytes,
        "memory, the long history is verified": verifying.mebibytes,
    }


def _wait_for(dsn: str, query: str) -> None:
    deadline = monotonic() + WAIT_SECONDS
    while rows(dsn, query) != [(True,)]:
        assert monotonic() < deadline, query
        sleep(0.02)


def _payloads(site: Site, payloads: int) -> Mapping[str, float]:
    work: Mapping[str, Callable[[str], float]] = {
        "run": lambda dsn: alone(catch_up, dsn).peak_mebibytes,
        "verify": lambda dsn: alone(verified, dsn).mebibytes,
        "replay": lambda dsn: alone(replayed, dsn).mebibytes,
        "export": lambda dsn: alone(exported, dsn).mebibytes,
    }
    with site.copy() as dsn:
        _append(dsn, PAYLOADS.format(payloads=payloads))
        tidy(dsn)
        return {f"memory, large payloads, {name}": each(dsn) for name, each in work.items()}


def verified(dsn: str) -> Spent:
    def work() -> None:
        for each in BUILT_IN:
            assert verify(Database(dsn), each, catalogue=CATALOGUE).ok

    return _spent(work)


def replayed(dsn: str) -> Spent:
    return _spent(lambda: rebuild(Database(dsn), members, by="bench", catalogue=CATALOGUE))


def exported(dsn: str) -> Spent:
    def work() -> None:
        with Database(dsn).connect(DatabaseRole.READ) as connection:
            for _ in exported_lines(connection, Selection()):
                pass

    return _spent(work)


def _spent(work: Callable[[], object]) -> Spent:
    started, cpu = perf_counter(), process_time()
    work()
    return Spent(perf_counter() - started, process_time() - cpu, peak_mebibytes())
