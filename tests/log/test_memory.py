"""Memory has a bound in bytes, not in rows: a log of large payloads takes no more of it than any other."""

import subprocess
import sys
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole

ROOT = Path(__file__).parents[2]
PAYLOADS = 200
MOST_MEGABYTES = 250
LARGE = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
    select gen_random_uuid(), '2026-02-01'::timestamptz + number * interval '1 s', 'discord_role_change',
        case when number %% 2 = 0 then 'ada' else 'member ' || number end, 'added', 'r' || number %% 5,
        jsonb_build_object('why', repeat('x', 1000000)), 'test'
    from generate_series(1, %s) as number
"""
MEASURED = """
import pathlib, re, sys
from temple_ledger import cli
code = cli.main(sys.argv[1:])
# of this program alone: ru_maxrss counts the process as well that it was forked from
most = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())
print(code, int(most[1]) // 1024, file=sys.stderr)
"""
CHECKED = "temple_ledger.projections.members:members"


@pytest.fixture
def large(database: Database) -> Database:
    """Payloads of 1 MB: half of them one member's, the other half a member's each."""
    with database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(LARGE, (PAYLOADS,))
    return database


def megabytes(database: Database, home: Path, *arguments: str) -> int:
    """The most that the command had in memory."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", MEASURED, *arguments],
        env={"PYTHONPATH": str(ROOT / "src"), "TEMPLE_DATABASE_URL": database.dsn, "TEMPLE_HOME": str(home)},
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    code, most = done.stderr.splitlines()[-1].split()
    assert code == "0", done.stderr
    return int(most)


def test_run_verify_replay_and_export_of_large_payloads_fit(large: Database, tmp_path: Path) -> None:
    commands = (
        ("run", "--until-caught-up"),
        ("verify",),
        ("verify", "--since-last"),
        ("replay", "--dry-run"),
        ("events", "export"),
    )
    found = {" ".join(command): megabytes(large, tmp_path, *command) for command in commands}
    assert {name: most for name, most in found.items() if most >= MOST_MEGABYTES} == {}


def test_questions_about_the_past_and_a_trial_of_large_payloads_fit(large: Database, tmp_path: Path) -> None:
    commands = (
        ("member", "show", "ada", "--as-of", "2026-02-01T00:05:00Z"),
        ("member", "explain", "ada"),
        ("projection", "rows", "role_periods", "ada", "--as-of", "2030-01-01"),
        ("role", "members", "r0", "--known-at", "2100-01-01"),
        ("role", "history", "r0", "--known-at", "2100-01-01"),
        ("projection", "check", CHECKED),
        ("projection", "check", CHECKED, "--member", "ada"),
    )
    found = {" ".join(command): megabytes(large, tmp_path, *command) for command in commands}
    assert {name: most for name, most in found.items() if most >= MOST_MEGABYTES} == {}
