"""What rollups cost the step that keeps their source."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from time import process_time

from bench.apart import alone
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.history import history, loaded
from bench.rounds import Contender, take_turns
from bench.site import rows
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.rollups import drop_rollup, rollup_drift, stored_rollups
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.projections.members import STATUS, members
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.rollup import count_of, sum_of, value_or

BATCH = 1_000
PLAIN = "members, nothing hangs on its changes"
HEADCOUNT = "with role_headcount, the built-in rollup"
BY_TIER = "with a rollup of its other table, where nearly every event changes a row"
MOST_SHARE = 1.15


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    of = history(bench.site, sizes.events, sizes.members)
    template = loaded(bench.site, of)

    def contender(name: str, prepare: Callable[[str], None]) -> Contender:
        def fold() -> Mapping[str, float]:
            with bench.site.copy(template) as dsn:
                alone(prepare, dsn)
                seconds = alone(fold_in_batches, dsn)
                require_rollups(dsn)
            return {name: seconds * 1_000_000 / of.events}

        return fold

    cases = {PLAIN: without_rollups, HEADCOUNT: with_headcount, BY_TIER: with_tiers}
    done = take_turns({name: contender(name, each) for name, each in cases.items()}, sizes.rounds, bench.say)
    plain, headcount, by_tier = (done.series(name, "µs of CPU an event") for name in cases)
    return Findings(
        bench="changes",
        title="What hangs on the changes of a projection",
        how=(
            f"{sizes.events:,} events of {sizes.members:,} members, folded from an empty checkpoint by steps of "
            f"`members` alone, {BATCH:,} events each, as a runner takes them that is a little behind; afterwards "
            "every rollup is compared with the group-by of its source. Counted is CPU time, of the process and of the "
            "server's process that serves it. A rollup is kept by triggers on its source, once a statement: where "
            "there is none, there is no trigger, and the step is what it was before rollups."
        ),
        series=(plain, headcount, by_tier),
        goals=(
            Goal(
                "headcount_over_none",
                headcount.over(plain, "a step that keeps role_headcount, over one that keeps none"),
                target=MOST_SHARE,
                at_least=False,
            ),
            Goal(
                "busier_rollup_over_none",
                by_tier.over(plain, "a step that keeps a rollup of the busier table"),
                target=MOST_SHARE,
                at_least=False,
            ),
        ),
        load=done.load,
    )


def fold_in_batches(dsn: str) -> float:
    with Database(dsn).connect(DatabaseRole.PROJECT) as connection:
        processor = processor_of(members, transactions(connection), catalogue=CATALOGUE)
        upto = settled_head(connection)
        started = process_time() + _cpu_seconds(connection.info.backend_pid)
        while processor.step(upto=upto, limit=BATCH).idle is None:
            pass
        return process_time() + _cpu_seconds(connection.info.backend_pid) - started


def _cpu_seconds(pid: int) -> float:
    """Of a process of this machine, so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def without_rollups(dsn: str) -> None:
    with Database(dsn).connect(DatabaseRole.OWNER) as connection:
        for rollup in stored_rollups(connection):
            drop_rollup(connection, rollup)


def with_headcount(dsn: str) -> None:
    assert len(stored(dsn)) == 1


def with_tiers(dsn: str) -> None:
    without_rollups(dsn)
    members.rollups.clear()
    members.rollup(
        "members_by_tier",
        table=STATUS,
        key=value_or("patreon_tier", "none"),
        members=count_of(),
        roles=sum_of("total_roles_count"),
    )
    bring_up_to_date(Database(dsn), [members])
    assert len(stored(dsn)) == 1


def stored(dsn: str) -> list[tuple[object, ...]]:
    return rows(dsn, "select name from projection_rollup")


def require_rollups(dsn: str) -> None:
    with Database(dsn).connect(DatabaseRole.READ) as connection:
        for rollup in stored_rollups(connection):
            assert list(rollup_drift(connection, rollup)) == []
