"""Sealing a log, and comparing all of it with its seals."""

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import Final

from bench.apart import alone
from bench.bench import Bench
from bench.findings import Findings, Goal, Series
from bench.history import history, loaded
from bench.rounds import take_turns
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.seals.proof import prove
from temple_ledger.infrastructure.seals.sealer import seal_rest

COPY: Final = b"copy webhook_audit_log to program 'cat > /dev/null'"
COPYING: Final = "copy … to a sink"
PROVING: Final = "compare it with its seals"
SEALING: Final = "seal it"
STEADY: Final = 1_000


def measure(bench: Bench) -> Findings:
    events = bench.sizes.lengths[-1]
    of = history(bench.site, events, bench.sizes.members)
    imported = loaded(bench.site, of)

    def contender() -> Mapping[str, float]:
        with bench.site.copy(imported) as dsn:
            return {
                SEALING: alone(timed_sealing, dsn),
                COPYING: alone(timed_copy, dsn),
                PROVING: alone(timed_proof, dsn),
            }

    done = take_turns({f"{events:,} events": contender}, bench.sizes.rounds, bench.say)
    rates = [events / seconds for seconds in done.values[SEALING]]
    shares = [100 * STEADY / rate for rate in rates]
    sealing, copying, proving = (done.series(name, "s") for name in (SEALING, COPYING, PROVING))
    return Findings(
        bench="seals",
        title="Seals",
        how=(
            f"{events:,} events are sealed in ranges of a thousand, each a transaction of its own; then the log "
            "is copied out, and compared with its seals over two connections. What sealing costs at a thousand "
            "events a second is the share of each second in which the database is at it."
        ),
        series=[sealing, copying, proving],
        goals=[
            Goal("sealing", Series("sealing", "events/s", tuple(rates)), target=20_000),
            Goal(
                "sealing_share",
                Series("sealing 1,000 events/s", "% of the time", tuple(shares)),
                target=3,
                at_least=False,
            ),
            Goal("proving_over_copying", proving.over(copying, "comparing over copying"), target=2, at_least=False),
        ],
        load=done.load,
    )


def timed_sealing(dsn: str) -> float:
    return _timed(partial(seal_rest, Database(dsn)))


def timed_copy(dsn: str) -> float:
    with Database(dsn).connect(DatabaseRole.LOGIN) as connection:
        return _timed(lambda: connection.execute(COPY))


def timed_proof(dsn: str) -> float:
    def whole() -> None:
        assert prove(Database(dsn), anew=True).holds

    return _timed(whole)


def _timed(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started
