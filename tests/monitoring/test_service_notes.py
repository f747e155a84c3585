"""A service writes one form to stderr: without a terminal, each line is JSON, whatever it is about."""

import json
import subprocess
from collections.abc import Callable
from typing import Final

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from tests.cli.test_run import line_of

# what the server said, or, where the socket was closed before libpq read that, what libpq says
TERMINATED: Final = (
    "terminating connection due to administrator command",
    "consuming input failed: server closed the connection unexpectedly",
)
Spawn = Callable[..., "subprocess.Popen[str]"]


def events(stderr: str) -> list[str]:
    """What each line is about; fails where one is no JSON."""
    return [json.loads(line)["event"] for line in stderr.splitlines()]


def test_what_a_runner_notes_and_logs_has_one_form_and_names_the_reason_of_an_error(
    spawn: Spawn, database: Database
) -> None:
    process = spawn("run")
    lines = [line_of(process, "Ctrl-C ends it"), line_of(process, '"projection": "activity')]
    terminate = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'temple run'"
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(terminate)
    lines.append(line_of(process, "database error, trying again"))
    process.terminate()
    _, rest = process.communicate(timeout=60)
    assert json.loads(lines[-1])["reason"].startswith(TERMINATED)
    assert events("".join(lines) + rest)[-1].startswith("ended after the batch at hand")


def test_the_reader_of_its_log_may_go_and_the_service_goes_on(spawn: Spawn, database: Database) -> None:
    process = spawn("run")
    line_of(process, '"projection": "activity')
    assert process.stderr is not None
    process.stderr.close()
    terminate = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'temple run'"
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(terminate)
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source)"
            " values (gen_random_uuid(), now(), 'discord_join', 'ada', 'joined', 'discord')"
        )
    waiting = spawn("projection", "wait", "members", "--timeout", "60")
    assert waiting.wait(90) == 0
    assert process.poll() is None
