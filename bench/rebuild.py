"""Replay, full verify and the SQL canon, against simple_rebuild.sql and the library's runner."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.apart import alone
from bench.bench import Bench
from bench.findings import Findings, Goal, Series
from bench.history import history, loaded
from bench.library import project
from bench.replaying import replay, verify_in_full
from bench.rounds import Contender, take_turns
from bench.site import rows, tidy

SIMPLE: Final = Path(__file__).with_name("simple_rebuild.sql")
EMPTY: Final = "truncate discord_user_current_roles, temple_member_status, projection_frontier"

PEER: Final = "simple_rebuild.sql"
LIBRARY: Final = "eventsourcing: ProjectionRunner, events/s"
ONE: Final = "temple replay, 1 worker"
TWO: Final = "temple replay, 2 workers"
VERIFY: Final = "temple verify --full"
VALIDATE: Final = "validate_ledger_consistency()"
PROCEDURE: Final = "CALL rebuild_derived_state_from_audit()"


def measure(bench: Bench) -> Findings:
    sizes = bench.sizes
    length = sizes.rebuilt_lengths[0]
    of = history(bench.site, length, sizes.rebuilt_members)
    template = loaded(bench.site, of)

    def peer() -> Mapping[str, float]:
        with bench.site.copy(template) as dsn:
            said = bench.site.psql(dsn, "set work_mem = '256MB'", "\\timing on", f"\\i {SIMPLE}")
            assert rows(dsn, "select count(*) > 0 from temple_member_status") == [(True,)]
        return {PEER: _seconds(said)}

    def one() -> Mapping[str, float]:
        with bench.site.copy(template) as dsn:
            replayed = alone(replay, dsn, 1)
            tidy(dsn)
            verified = alone(verify_in_full, dsn)
            validated = bench.site.psql(dsn, "\\timing on", "select count(*) from validate_ledger_consistency()")
            assert validated.split()[0] == "0", validated
            rows_before = _rows(dsn)
            called = bench.site.psql(dsn, EMPTY, "\\timing on", "call rebuild_derived_state_from_audit()")
            assert _rows(dsn) == rows_before
        return {
            ONE: replayed.seconds,
            VERIFY: verified.seconds,
            VALIDATE: _seconds(validated),
            PROCEDURE: _seconds(called),
        }

    def two() -> Mapping[str, float]:
        with bench.site.copy(template) as dsn:
            return {TWO: alone(replay, dsn, 2).seconds}

    def library() -> Mapping[str, float]:
        with bench.site.bare() as dsn:
            return {LIBRARY: sizes.library_events / alone(project, dsn, of.path, sizes.library_events)}

    contenders: dict[str, Contender] = {PEER: peer, ONE: one, TWO: two, LIBRARY: library}
    done = take_turns(contenders, sizes.rounds, bench.say)
    theirs = done.series(PEER, "s")
    ours = {name: done.series(name, "s") for name in (ONE, TWO, VERIFY, VALIDATE, PROCEDURE)}
    there = done.series(LIBRARY, "events/s")
    here = Series("temple replay, 1 worker, events/s", "events/s", tuple(length / value for value in ours[ONE].values))
    return Findings(
        bench="rebuild",
        title="Rebuild and full verify",
        how=(
            f"{length:,} events of {sizes.rebuilt_members:,} members, tables empty, indexes in place. A replay is all "
            "of it: fold into the shadow tables, compare, apply. Against `bench/simple_rebuild.sql`, which fills both "
            "tables by two set-based statements with a work_mem of 256 MB and knows neither leaves nor late joins "
            "(psql's `\\timing`, added up); and against the library's runner, whose rate is that of its first "
            f"{sizes.library_events:,} events. The full verify and the SQL canon then work on what the first replay "
            "made: `validate_ledger_consistency()` must find nothing, and the procedure must fill the emptied tables "
            "with the same rows."
        ),
        series=(theirs, *ours.values(), here, there),
        goals=(
            Goal(
                "one_worker", ours[ONE].over(theirs, "replay with 1 worker, over that SQL"), target=1.0, at_least=False
            ),
            Goal(
                "two_workers",
                ours[TWO].over(theirs, "replay with 2 workers, over that SQL"),
                target=0.9,
                aim=0.75,
                at_least=False,
            ),
            Goal("over_library", here.over(there, "replay with 1 worker, over the library's runner"), target=50),
            Goal(
                "verify_over_replay",
                ours[VERIFY].over(ours[ONE], "full verify, over the replay"),
                target=1.0,
                at_least=False,
            ),
            Goal(
                "validate",
                ours[VALIDATE].over(theirs, "validate_ledger_consistency(), over that SQL"),
                target=3,
                at_least=False,
            ),
            Goal(
                "procedure", ours[PROCEDURE].over(theirs, "the SQL procedure, over that SQL"), target=3, at_least=False
            ),
        ),
        load=done.load,
    )


def _seconds(said: str) -> float:
    """All of psql's `Time: 1234.567 ms` together."""
    found = re.findall(r"Time: ([0-9.]+) ms", said)
    assert found, said
    return sum(map(float, found)) / 1_000


def _rows(dsn: str) -> list[tuple[object, ...]]:
    """What both tables say, in a few numbers."""
    return rows(
        dsn,
        "select count(*), sum(hashtextextended(concat_ws('|', user_id, role, granted_at, granted_by), 0)),"
        " (select sum(hashtextextended(concat_ws('|', user_id, discord_joined_at, patreon_tier, total_roles_count,"
        " last_activity, status), 0)) from temple_member_status) from discord_user_current_roles",
    )
