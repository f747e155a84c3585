"""Whatever a row of the log holds that somebody else put there, nobody else's member waits and no command breaks."""

import json
from pathlib import Path

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.cli.conftest import Typed, environment, home, temple
from tests.payloads.values import TIMES, VALUES

__all__ = ["environment", "home", "temple"]

ROW = """
insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
values (gen_random_uuid(), %s, 'discord_role_change', %s, %s, %s, %s::jsonb, 'discord')
"""
ODD_TEXTS = ("a\x1b[31mb", "a\u202eb", "\ud7ff\ue000", "'; drop table x; --", "%s {} \\", " ", "🜁" * 20)


def planted(database: Database) -> int:
    """As a superuser, each in a transaction of its own; those that PostgreSQL refuses are not there."""
    rows = [
        *(("2026-03-01Z", f"odd {number}", "added", "Oracle", value) for number, value in enumerate(VALUES.values())),
        *(
            ("2026-03-01Z", f"inner {number}", "added", "Oracle", f'{{"granted_by": {value}, "reason": {value}}}')
            for number, value in enumerate(VALUES.values())
        ),
        *((time, f"time {number}", "added", "Oracle", "{}") for number, time in enumerate(TIMES.values())),
        *(("2026-03-01Z", f"{text}{number}", "added", text, "{}") for number, text in enumerate(ODD_TEXTS)),
        ("2026-03-01Z", "", "added", "Oracle", "{}"),
        ("2026-03-01Z", "no target", "added", None, "{}"),
        ("2026-03-01Z", "no action", "", "Oracle", "{}"),
    ]
    there = 0
    with database.connect(DatabaseRole.LOGIN) as connection:
        for row in rows:
            try:
                connection.execute(ROW, row)
                there += 1
            except (psycopg.DataError, psycopg.OperationalError, psycopg.IntegrityError, UnicodeError):
                continue
    return there


@pytest.fixture
def odd(database: Database) -> int:
    ledger = LedgerScenario(database)
    ledger.given(joined("before"))
    there = planted(database)
    ledger.given(joined("after", at(1)), role_added("after", "Seeker", at(2)))
    return there


def test_everybody_else_is_folded_and_what_cannot_be_is_parked(temple: Typed, odd: int) -> None:
    assert odd > 40
    assert temple("run", "--until-caught-up").code == 0
    assert [each["role"] for each in temple("member", "show", "after", "--json").data["roles"]] == ["Seeker"]
    parked = temple("failures", "list", "--json").data
    assert 0 < len(parked) < odd
    assert temple("verify", "--full").code == 0


def test_every_command_that_reads_them_ends_in_order(temple: Typed, odd: int, tmp_path: Path) -> None:
    temple("run", "--until-caught-up")
    for command in (
        "status",
        "failures list",
        "events list --limit 200",
        "events list --json --limit 200",
        "role list",
        "member list",
        "member list --json",
        "projection list",
        "replay",
        "seal run --until-sealed",
        "seal verify",
        "reconcile",
        "failures retry --all",
        "role members Oracle --as-of 2026-06-01T00:00:00Z",
    ):
        ended = temple(*command.split())
        assert ended.code in (0, 1, 3), (command, ended.stderr[-500:])
        assert "Traceback" not in ended.stderr, command
    exported = temple("events", "export", "-o", str(tmp_path / "log.jsonl"))
    assert exported.code in (0, 1), exported.stderr
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    # integers of any length are JSON; Python alone refuses to read some
    assert len([json.loads(line, parse_int=str) for line in lines if "[" * 500 not in line]) > odd - 5
    for position in range(1, odd + 3):
        ended = temple("events", "show", str(position))
        assert (ended.code, "Traceback" in ended.stderr) == (0, False), (position, ended.stderr[-500:])
    for user_id in ("odd 6", "inner 6", "time 0", "time 3", "no target"):
        for verb in ("show", "history", "explain"):
            ended = temple("member", verb, user_id)
            assert ended.code in (0, 1), (verb, user_id, ended.stderr[-500:])
