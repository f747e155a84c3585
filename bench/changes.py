"""What rollups and effects cost the step whose changes they use, and how many messages a second are delivered."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

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
from temple_ledger.infrastructure.read_models.feed.deliverer import Deliverer
from temple_ledger.infrastructure.read_models.feed.notify_sink import NotifySink
from temple_ledger.infrastructure.read_models.gc_tuning import rare_collections
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.projections.change import Change
from temple_ledger.projections.effect import Message
from temple_ledger.projections.members import STATUS, Member, members
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.rollup import count_of, sum_of, value_or

BATCH = 1_000
PLAIN = "members, nothing hangs on its changes"
HEADCOUNT = "with role_headcount, the built-in rollup"
BY_TIER = "with a rollup of its other table, where nearly every event changes a row"
EFFECT = "with an effect, which looks at every change and sends a message for each thousandth event"
STORED = "messages stored by the step, one for each change"
DELIVERED = "messages delivered to a listener of the database"
MOST_SHARE = 1.15
MOST_SHARE_OF_EFFECT = 1.5
RATE = 10_000


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    of = history(bench.site, sizes.events, sizes.members)
    template = loaded(bench.site, of)

    def contender(name: str, prepare: Callable[[str], None]) -> Contender:
        def fold() -> Mapping[str, float]:
            with bench.site.copy(template) as dsn:
                alone(prepare, dsn)
                folded = alone(fold_in_batches, dsn, 1_000 if name == EFFECT else None)
                require_rollups(dsn)
            return {name: folded.cpu_seconds * 1_000_000 / of.events}

        return fold

    def messages() -> Mapping[str, float]:
        with bench.site.copy(template) as dsn:
            alone(with_effect, dsn, 1)
            folded = alone(fold_in_batches, dsn, 1)
            number = rows(dsn, "select count(*) from effect_outbox")[0][0]
            seconds = alone(deliver, dsn)
            left = rows(dsn, "select count(*) from effect_outbox where state <> 'delivered'")[0][0]
            assert (number > of.events / 2, left) == (True, 0)
        return {STORED: number / folded.seconds, DELIVERED: number / seconds}

    cases = {PLAIN: without_rollups, HEADCOUNT: with_headcount, BY_TIER: with_tiers, EFFECT: with_effect}
    contenders = {name: contender(name, each) for name, each in cases.items()}
    done = take_turns({**contenders, DELIVERED: messages}, sizes.rounds, bench.say)
    plain, headcount, by_tier, effect = (done.series(name, "µs of CPU an event") for name in cases)
    stored_rate, delivered = done.series(STORED, "messages/s"), done.series(DELIVERED, "messages/s")
    return Findings(
        bench="changes",
        title="What hangs on the changes of a projection",
        how=(
            f"{sizes.events:,} events of {sizes.members:,} members, folded from an empty checkpoint by steps of "
            f"`members` alone, {BATCH:,} events each, as a runner takes them that is a little behind; afterwards "
            "every rollup is compared with the group-by of its source. Counted is CPU time, of the process and of the "
            "server's process that serves it. A rollup is kept by triggers on its source, once a statement: where "
            "there is none, there is no trigger, and the step is what it was before rollups. An effect is called for "
            "each event that changes a row; where there is none, no change is worked out. Messages: one for each "
            "change is stored by the steps, and then delivered by NOTIFY, marked and committed a thousand at a time. "
            "The garbage collector looks as seldom as in the runner."
        ),
        series=(plain, headcount, by_tier, effect, stored_rate, delivered),
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
            Goal(
                "effect_over_none",
                effect.over(plain, "a step with an effect, over one without"),
                target=MOST_SHARE_OF_EFFECT,
                at_least=False,
            ),
            Goal("changes_stored", stored_rate, target=RATE),
            Goal("changes_delivered", delivered, target=RATE),
        ),
        load=done.load,
    )


class Folded(NamedTuple):
    seconds: float
    cpu_seconds: float


def fold_in_batches(dsn: str, message_every: int | None = None) -> Folded:
    if message_every is not None:
        declare_effect(message_every)
    # as the runner has it around its loop
    with rare_collections(), Database(dsn).connect(DatabaseRole.PROJECT) as connection:
        processor = processor_of(members, transactions(connection), catalogue=CATALOGUE)
        upto = settled_head(connection)
        began, started = perf_counter(), process_time() + _cpu_seconds(connection.info.backend_pid)
        while processor.step(upto=upto, limit=BATCH).idle is None:
            pass
        cpu_seconds = process_time() + _cpu_seconds(connection.info.backend_pid) - started
        return Folded(perf_counter() - began, cpu_seconds)


def declare_effect(message_every: int) -> None:
    @members.effect(name="bench", max_age=None)
    def _(change: Change[Member]) -> Message | None:
        if change.position % message_every:
            return None
        return Message(
            "bench", {"member": change.user_id, "status": change.after.status, "is": len(change.after.roles)}
        )


def deliver(dsn: str) -> float:
    began = perf_counter()
    Deliverer(Database(dsn), {"bench": NotifySink("bench")}).run(until_empty=True)
    return perf_counter() - began


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


def with_effect(dsn: str, message_every: int = 1_000) -> None:
    """That is installed before the first event, none of which counts as imported."""
    without_rollups(dsn)
    members.rollups.clear()
    declare_effect(message_every)
    bring_up_to_date(Database(dsn), [members])
    with Database(dsn).connect(DatabaseRole.OWNER) as connection:
        connection.execute("update effect set start_position = 0")
        connection.execute("delete from log_import_range")


def stored(dsn: str) -> list[tuple[object, ...]]:
    return rows(dsn, "select name from projection_rollup")


def require_rollups(dsn: str) -> None:
    with Database(dsn).connect(DatabaseRole.READ) as connection:
        for rollup in stored_rollups(connection):
            assert list(rollup_drift(connection, rollup)) == []
