"""Taking deliveries in: how many a second, how long each waits for its answer, whom a flush of old ones disturbs."""

import json
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from math import ceil
from types import FrameType
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import psycopg
from pydantic import SecretStr

from bench.apart import alone, apart
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.history import history
from bench.latency import append_steadily
from bench.replaying import replay
from bench.rounds import Contender, take_turns
from bench.runner import daemon, folded
from bench.senders import SECRET, Sent, send_at_full_speed, send_steadily
from bench.site import rows
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.ingestion.inbox.delivery import InboxDelivery
from temple_ledger.infrastructure.ingestion.inbox.worker import Translation, TranslationWorker
from temple_ledger.infrastructure.ingestion.webhooks.app import Receiving, receiver_app
from temple_ledger.infrastructure.ingestion.webhooks.inbox_writer import InboxWriter
from temple_ledger.infrastructure.ingestion.webhooks.listening import listening
from temple_ledger.infrastructure.ingestion.webhooks.server import Server
from temple_ledger.infrastructure.sources.patreon.webhook import patreon_endpoint
from temple_ledger.infrastructure.sources.patreon.webhook_secrets import CampaignSecret

CONNECTIONS: Final = 32
MOST_RATE: Final = 6_000
STEADY_RATE: Final = 200
RETRIES: Final = 5_000
FLUSH_SECONDS: Final = 60.0
READY_SECONDS: Final = 20
APPENDED_RATE: Final = 50

KEPT: Final = "kept, at full speed"
TRANSLATED: Final = "kept and translated beside it, at full speed"
CALM: Final = f"answers at {STEADY_RATE}/s"
BUSY: Final = f"answers at {STEADY_RATE}/s, beside a runner and a rebuild"
FLUSH: Final = f"answers at {STEADY_RATE}/s, beside {RETRIES:,} retries a minute"


class Stand:
    """A translator's work without its rules: each body is parsed, and gives one event."""

    source = "patreon"

    def translate(self, connection: psycopg.Connection[Any], delivery: InboxDelivery) -> Translation:
        member = json.loads(delivery.body)["data"]["id"]
        event_id = uuid5(NAMESPACE_URL, delivery.digest.hex())
        return Translation(
            [
                LogEntry(
                    event_id,
                    delivery.received_at,
                    "patreon_membership",
                    f"patreon:{member}",
                    "changed",
                    "Seeker",
                    None,
                    "patreon",
                )
            ]
        )

    def due(self, connection: psycopg.Connection[Any], now: datetime) -> Sequence[LogEntry]:
        return []


def receive(dsn: str, port: int, translates: bool) -> None:
    """As `temple receive` does, until SIGTERM."""
    stop = threading.Event()

    def end(_: int, __: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    database = Database(dsn)
    door = patreon_endpoint("main", [CampaignSecret(secret=SecretStr(SECRET))])
    with ExitStack() as stack:
        kept: Callable[[], None] = _nothing_to_tell
        if translates:
            worker = stack.enter_context(TranslationWorker(database, Stand()))
            thread = threading.Thread(target=worker.run, args=(stop,))
            thread.start()
            stack.callback(thread.join)
            kept = worker.wake
            stack.callback(worker.wake)
        writer = InboxWriter(database, kept=kept)
        stack.callback(writer.close)
        writer.start()
        stack.enter_context(Server(receiver_app([door], Receiving(writer)), listening("127.0.0.1", port)))
        stop.wait()


def _nothing_to_tell() -> None:
    pass


def rebuild_again_and_again(dsn: str) -> int:
    """Until SIGTERM; how many were done."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _, __: stop.set())
    done = 0
    while not stop.is_set():
        replay(dsn, 1)
        done += 1
    return done


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    seconds = sizes.append_seconds

    def full_speed(translates: bool) -> Mapping[str, float]:
        with bench.site.copy() as dsn, _receiver(dsn, translates) as port:
            sent = alone(send_at_full_speed, port, CONNECTIONS, seconds, 0, int(MOST_RATE * seconds))
            _require_kept(dsn, sent, len(sent.seconds))
            return {(TRANSLATED if translates else KEPT): len(sent.seconds) / sent.took}

    def calm() -> Mapping[str, float]:
        with bench.site.copy() as dsn, _receiver(dsn, True) as port:
            sent = alone(send_steadily, port, CONNECTIONS, STEADY_RATE, sizes.steady_seconds, 0)
            _require_kept(dsn, sent, len(sent.seconds))
            return _percentiles(CALM, sent)

    def busy() -> Mapping[str, float]:
        of = history(bench.site, sizes.events, sizes.members)
        template = folded(bench.site, of)
        with ExitStack() as stack:
            dsn = stack.enter_context(bench.site.copy(template))
            port = stack.enter_context(_receiver(dsn, True))
            runner = stack.enter_context(apart(daemon, dsn))
            rebuilds = stack.enter_context(apart(rebuild_again_and_again, dsn))
            appending = stack.enter_context(apart(append_steadily, dsn, of.path, APPENDED_RATE, sizes.steady_seconds))
            sent = alone(send_steadily, port, CONNECTIONS, STEADY_RATE, sizes.steady_seconds, 0)
            _require_kept(dsn, sent, len(sent.seconds))
            appending.result()
            runner.ask_to_end()
            assert rebuilds.ask_to_end() > 0
            return _percentiles(BUSY, sent)

    def flush() -> Mapping[str, float]:
        length = FLUSH_SECONDS if sizes.full else sizes.steady_seconds
        with ExitStack() as stack:
            dsn = stack.enter_context(bench.site.copy())
            port = stack.enter_context(_receiver(dsn, True))
            # 500 bodies that Patreon has piled up, each sent again and again: as retries of several webhooks are
            rate = RETRIES / FLUSH_SECONDS
            old = stack.enter_context(apart(send_steadily, port, 8, rate, length, 10**6, 500))
            sent = alone(send_steadily, port, CONNECTIONS, STEADY_RATE, length, 0)
            again = old.result()
            assert again.refused == 0
            _require_kept(dsn, sent, len(sent.seconds) + min(500, len(again.seconds)))
            return _percentiles(FLUSH, sent) | {f"{FLUSH}: the retries themselves, p99": _percentile(again, 99)}

    contenders: dict[str, Contender] = {
        KEPT: lambda: full_speed(False),
        TRANSLATED: lambda: full_speed(True),
        CALM: calm,
        BUSY: busy,
        FLUSH: flush,
    }
    done = take_turns(contenders, sizes.rounds, bench.say)
    kept = done.series(KEPT, "deliveries/s")
    latencies = {
        (what, percentile): done.series(f"{what}, p{percentile}", "ms")
        for what in (CALM, BUSY, FLUSH)
        for percentile in (50, 99)
    }
    return Findings(
        bench="receiver",
        title="Taking webhooks in",
        how=(
            "Bodies of 6 kB, each signed, over connections that stay open, from a process of its own on the same "
            "machine; every delivery is verified, committed (fsync on) and answered with 200, and counted in the inbox "
            f"afterwards. At full speed, {CONNECTIONS} connections for {seconds:g} s, each waiting for its answer "
            "before the next; beside it, where said, a translator that parses each body and appends one event, in the "
            f"receiver's process as in `temple receive`. At {STEADY_RATE}/s, on schedule whatever the last one "
            "took, from the time that a delivery was due; always with that translator; once also beside a runner that "
            f"folds {APPENDED_RATE} more events/s and a rebuild of `members` that begins again as soon as it is done, "
            f"over a log of {sizes.events:,} events; and once while {RETRIES:,} stale retries a minute come in, of 500 "
            "bodies."
        ),
        series=(
            kept,
            done.series(TRANSLATED, "deliveries/s"),
            *latencies.values(),
            done.series(f"{FLUSH}: the retries themselves, p99", "ms"),
        ),
        goals=(
            Goal("kept", kept, target=1_000),
            Goal("busy_p99", latencies[BUSY, 99], target=100, at_least=False),
            Goal("retries_p99", latencies[FLUSH, 99], target=100, at_least=False),
        ),
        load=done.load,
    )


@contextmanager
def _receiver(dsn: str, translates: bool) -> Iterator[int]:
    """The port of one that is ready."""
    with listening("127.0.0.1", 0) as free:
        port = int(free.getsockname()[1])
    with apart(receive, dsn, port, translates) as process:
        deadline = time.monotonic() + READY_SECONDS
        while not _is_ready(port):
            assert time.monotonic() < deadline, "the receiver does not get ready"
            time.sleep(0.05)
        yield port
        process.ask_to_end()


def _is_ready(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def _require_kept(dsn: str, sent: Sent, number: int) -> None:
    assert sent.refused == 0, f"{sent.refused} were not answered with 200"
    assert rows(dsn, "select count(*) from inbox") == [(number,)]


def _percentiles(what: str, sent: Sent) -> dict[str, float]:
    return {f"{what}, p{percentile}": _percentile(sent, percentile) for percentile in (50, 99)}


def _percentile(sent: Sent, percentile: int) -> float:
    ordered = sorted(sent.seconds)
    return 1_000 * ordered[ceil(len(ordered) * percentile / 100) - 1]
