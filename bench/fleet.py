"""Many ledgers in one process: from appended to visible, and whether others notice that one's server is stopped."""

import signal
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import cycle
from math import ceil
from pathlib import Path
from types import FrameType
from typing import Final
from uuid import uuid4

import psycopg

from bench.apart import alone, apart, peak_mebibytes
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.rounds import take_turns
from bench.site import EMPTY, MAINTENANCE, rows
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.log_entry import entry_of_event
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.embedded_postgres.scratch import scratch_server
from temple_ledger.infrastructure.log.append import append_within
from temple_ledger.infrastructure.processes.fleet.carry import CarriedLedger
from temple_ledger.infrastructure.processes.fleet.file import read_fleet
from temple_ledger.infrastructure.processes.fleet.ledger_thread import end_all
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession
from temple_ledger.infrastructure.processes.fleet.metrics import metrics_of
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.projections.testing.histories import joined

LEDGERS: Final = 50
RATE: Final = 2
CONNECTIONS: Final = 300
FOLDED_SECONDS: Final = 60.0
MEMBERS: Final = 500
ALL: Final = "recorded to committed, p95"
MEDIAN: Final = "recorded to committed, median"
OTHERS: Final = "the same, of 49 ledgers while the server of one is stopped"
MEMORY: Final = "memory of the process"
PROCESSOR: Final = "one processor's time that the process takes"


def carry(file: Path) -> tuple[float, float]:
    """Until SIGTERM; the most memory that it held, and the processor's time that it took for each second."""
    ended = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, stop)
    process = Session({"home": file.parent, "metrics_port": 0}, load_settings)
    sessions = [LedgerSession(process, each) for each in read_fleet(file).ledger]
    metrics = metrics_of(sessions)
    ledgers = [CarriedLedger(each, metrics[each.name]) for each in sessions]
    for each in ledgers:
        each.begin()
    started, used = time.monotonic(), time.process_time()
    ended.wait()
    share = (time.process_time() - used) / (time.monotonic() - started)
    end_all(ledgers)
    return peak_mebibytes(), share


def append_to_all(dsns: Sequence[str], rate: int, seconds: float) -> None:
    """*rate* events a second to each, one ledger after the other, on schedule; readers are notified of each."""
    with ExitStack() as stack:
        connections = [
            stack.enter_context(Database(dsn).connect(DatabaseRole.APPEND, application="bench")) for dsn in dsns
        ]
        total = rate * len(connections)
        started = time.perf_counter()
        for number, connection in zip(range(int(total * seconds)), cycle(connections), strict=False):
            early = started + number / total - time.perf_counter()
            if early > 0:
                time.sleep(early)
            event = joined(f"member {number % MEMBERS}")
            append_within(connection, [entry_of_event(event, event_id=uuid4(), catalogue=CATALOGUE)])
            connection.execute(statement("log_notify"))


def measure(bench: Bench) -> Findings:
    seconds = bench.sizes.steady_seconds
    _allow_connections(bench)

    def fleet(*, stops: bool) -> Mapping[str, float]:
        with ExitStack() as stack:
            dsns = [stack.enter_context(bench.site.copy(EMPTY)) for _ in range(LEDGERS - stops)]
            every = list(dsns)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            elsewhere = stack.enter_context(scratch_server()) if stops else None
            if elsewhere is not None:
                bring_up_to_date(Database(elsewhere.dsn()))
                every.append(elsewhere.dsn())
            process = stack.enter_context(apart(carry, _file(folder, every)))
            alone(append_to_all, every, RATE, 1.0)
            _await_folded(every)
            if elsewhere is not None:
                elsewhere.stop()
            heads = [_head(dsn) for dsn in dsns]
            alone(append_to_all, dsns, RATE, seconds)
            _await_folded(dsns)
            taken = [each for dsn, head in zip(dsns, heads, strict=True) for each in _by_journal(dsn, head)]
            memory, share = process.ask_to_end()
            if stops:
                return {OTHERS: _percentile(taken, 95)}
            return {
                ALL: _percentile(taken, 95),
                MEDIAN: _percentile(taken, 50),
                MEMORY: memory,
                PROCESSOR: 100 * share,
            }

    done = take_turns(
        {"all": lambda: fleet(stops=False), "one is stopped": lambda: fleet(stops=True)}, bench.sizes.rounds, bench.say
    )
    p95, others, memory = done.series(ALL, "ms"), done.series(OTHERS, "ms"), done.series(MEMORY, "MiB")
    return Findings(
        bench="fleet",
        title="Many ledgers in one process",
        how=(
            f"{LEDGERS} ledgers in databases of one server, carried by the threads of one process, as by `temple fleet "
            f"run`; another process appends {RATE} events/s to each for {seconds:g} s, on schedule, and notifies. From "
            "`recorded_at` to the time that the journal of batches gives, over all ledgers. Then again with one of "
            "them on a server of its own, which is stopped before the appends begin."
        ),
        series=(p95, done.series(MEDIAN, "ms"), others, memory, done.series(PROCESSOR, "%")),
        goals=(
            Goal("fleet_visible_p95", p95, target=200, at_least=False),
            Goal("fleet_others_p95", others, target=200, at_least=False),
            Goal("fleet_memory", memory, target=400, at_least=False),
        ),
        load=done.load,
    )


def _allow_connections(bench: Bench) -> None:
    """Two for each ledger, and one to append with."""
    with psycopg.connect(bench.site.dsn(MAINTENANCE), autocommit=True) as connection:
        connection.execute(f"alter system set max_connections = {CONNECTIONS}".encode())
    bench.site.server.stop()
    bench.site.server.start()


def _file(folder: Path, dsns: Sequence[str]) -> Path:
    file = folder / "fleet.toml"
    ledgers = [f"[[ledger]]\nname = \"ledger-{number}\"\ndsn = '{dsn}'\n" for number, dsn in enumerate(dsns)]
    file.touch(mode=0o600)
    file.write_text("".join(ledgers))
    return file


def _await_folded(dsns: Sequence[str]) -> None:
    deadline = time.monotonic() + FOLDED_SECONDS
    for dsn in dsns:
        while rows(dsn, "select min(position) from projection_checkpoint where projection = 'members'") != rows(
            dsn, "select coalesce(max(id), 0) from webhook_audit_log"
        ):
            assert time.monotonic() < deadline, "a ledger is not folded"
            time.sleep(0.05)


def _head(dsn: str) -> int:
    return int(rows(dsn, "select coalesce(max(id), 0) from webhook_audit_log")[0][0])


def _by_journal(dsn: str, after: int) -> list[float]:
    found = rows(
        dsn,
        "select extract(epoch from processed_at - recorded_at)::float8 from webhook_audit_trail where id > %s",
        (after,),
    )
    return [1_000 * seconds for (seconds,) in found]


def _percentile(values: Sequence[float], percentile: int) -> float:
    ordered = sorted(values)
    return ordered[ceil(len(ordered) * percentile / 100) - 1]
