"""How long the embedded PostgreSQL takes to start again."""

from collections.abc import Mapping
from time import perf_counter
from typing import Final

from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.rounds import take_turns
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer

START: Final = "a start of a server that was stopped"
STOP: Final = "a stop"


def measure(bench: Bench) -> Findings:
    server = EmbeddedServer(bench.site.folder / "started")
    server.start()
    server.stop()

    def again() -> Mapping[str, float]:
        began = perf_counter()
        server.start()
        started = perf_counter()
        server.stop()
        return {START: started - began, STOP: perf_counter() - started}

    done = take_turns({"start": again}, bench.sizes.rounds, bench.say)
    started, stopped = (done.series(name, "s") for name in (START, STOP))
    return Findings(
        bench="start",
        title="Starting the embedded PostgreSQL",
        how="A server that was made before, durable as `temple up` makes it, until it answers.",
        series=[started, stopped],
        goals=[Goal("seconds", started, target=1.0, at_least=False)],
        load=done.load,
    )
