"""A replay that was killed between two lanes goes on while a runner is at work."""

import json
import os
from collections.abc import Sequence
from time import monotonic, sleep

import pytest
from structlog.testing import capture_logs

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.processes.unfinished_replays import TRIES, UnfinishedReplays, reading, replay_schedule
from temple_ledger.infrastructure.read_models.operations import record
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined
from tests.cli.conftest import ROOT, Typed
from tests.queries.builders import altered

KILLED = """
    update temple_member_status set patreon_tier = 'Forged' where user_id > 'm04';
    update projection_checkpoint set lanes_in_place = 7 where projection = 'members'
"""


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(*(joined(f"m{number:02}", at(1)) for number in range(12)))
    found.catch_up()
    altered(database, KILLED)
    begun(database, changing=12)
    return found


def begun(database: Database, *, changing: int) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        details = {"changing": changing, "version": members.version}
        record(connection, "replay begins", "members", by="ada", reason="a hand-made repair", details=details)


def lanes(ledger: LedgerScenario) -> int | None:
    with ledger.database.connect(DatabaseRole.READ) as connection:
        row = connection.execute(
            "select lanes_in_place from projection_checkpoint where projection = 'members'"
        ).fetchone()
    assert row is not None
    return None if row[0] is None else int(row[0])


def ours() -> Sequence[ProjectionKey]:
    return [members.key]


def test_the_runner_of_its_projection_goes_on_with_it(
    ledger: LedgerScenario, environment: dict[str, str], temple: Typed
) -> None:
    schedule = replay_schedule(
        0.01,
        ours,
        reading(ledger.database),
        {**os.environ, "PYTHONPATH": str(ROOT), **environment, "TEMPLE_OPERATOR": "run"},
    )
    schedule.begin()
    deadline = monotonic() + 60
    while lanes(ledger) is not None:
        assert monotonic() < deadline
        sleep(0.02)
    schedule.end()
    ledger.then_verified()
    last = temple("operations", "list", "--json").data[0]
    assert (last["kind"], last["performed_by"], last["reason"]) == ("replay", "ada", "a hand-made repair")


def test_nobody_goes_on_with_what_another_one_leads(ledger: LedgerScenario) -> None:
    assert UnfinishedReplays(list, reading(ledger.database)).due() == []
    assert UnfinishedReplays(lambda: [ProjectionKey("activity", 1)], reading(ledger.database)).due() == []
    assert UnfinishedReplays(ours, reading(ledger.database)).due() == ["replay", "--go-on", "--", str(members.key)]


def test_more_than_was_allowed_is_left_to_a_person(ledger: LedgerScenario, temple: Typed) -> None:
    begun(ledger.database, changing=3)
    unfinished = UnfinishedReplays(ours, reading(ledger.database))
    ended = temple(*unfinished.due())
    assert ended.code == ExitCode.REFUSED
    assert "7 members would change, and 3 were to when this replay began" in ended.stderr
    with capture_logs() as logs:
        unfinished.report(ended.code, ended.stdout, ended.stderr)
    assert "3 were to when this replay began" in json.dumps(logs)
    assert unfinished.due() == []
    assert lanes(ledger) == 7


def test_one_that_never_comes_to_its_end_is_tried_a_few_times(ledger: LedgerScenario) -> None:
    unfinished = UnfinishedReplays(ours, reading(ledger.database))
    for _ in range(TRIES):
        assert unfinished.due() != []
        unfinished.report(-9, "", "")
    assert unfinished.due() == []
