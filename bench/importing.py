"""Bulk import of JSON lines, against psql's \\copy of the same rows."""

import re
from collections.abc import Mapping

from bench.apart import alone
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.history import COLUMNS, as_csv, history, import_file, require_loaded
from bench.rounds import take_turns

OURS = "temple: import of JSON lines"
PEER = "psql: \\copy of CSV"


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    of = history(bench.site, sizes.events, sizes.members)
    table = as_csv(bench.site, of)

    def ours() -> Mapping[str, float]:
        with bench.site.copy() as dsn:
            done = alone(import_file, dsn, of.path)
            require_loaded(dsn, of)
        return {OURS: of.events / done.seconds}

    def peer() -> Mapping[str, float]:
        with bench.site.copy() as dsn:
            said = bench.site.psql(
                dsn, "\\timing on", f"\\copy webhook_audit_log ({COLUMNS}) from '{table}' (format csv)"
            )
            require_loaded(dsn, of)
        return {PEER: of.events / _seconds(said)}

    done = take_turns({OURS: ours, PEER: peer}, sizes.rounds, bench.say)
    here, there = done.series(OURS, "rows/s"), done.series(PEER, "rows/s")
    return Findings(
        bench="import",
        title="Bulk import",
        how=(
            f"{of.lines:,} JSON lines, of which {of.lines - of.events:,} repeat an earlier one, into the empty log "
            "with all its indexes, as `temple events import` does it: parsing, checking, duplicates counted, "
            "transactions under a second. Against psql's `\\copy` in one transaction of the rows that come of it, in "
            "the same order, from CSV that psql itself wrote beforehand, without the duplicates; its time is psql's "
            "own `\\timing`, without its start. Both rates count rows that were added."
        ),
        series=(here, there),
        goals=(Goal("over_copy", here.over(there, "bulk import, over psql \\copy"), target=0.75, aim=0.85),),
        load=done.load,
    )


def _seconds(said: str) -> float:
    """Of psql's `Time: 1234.567 ms`."""
    found = re.search(r"Time: ([0-9.]+) ms", said)
    assert found is not None, said
    return float(found[1]) / 1_000
