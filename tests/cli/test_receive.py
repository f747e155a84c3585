"""`temple receive`, as a process of its own."""

import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.webhooks.listening import listening
from tests.cli.conftest import Typed
from tests.ports import free_port
from tests.webhooks.builders import VECTOR, rows, signed

Spawn = Callable[..., "subprocess.Popen[str]"]
ONE = "temple-ledger-test-secret"
CAMPAIGNS = json.dumps({"main": [ONE, "temple-ledger-old-secret"], "podcast": "temple-ledger-podcast-secret"})


def post(url: str, secret: str = ONE) -> int:
    request = urllib.request.Request(url, VECTOR, signed(VECTOR, secret))  # noqa: S310 -- loopback
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_it_takes_deliveries_in_until_it_is_told_to_end(spawn: Spawn, database: Database) -> None:
    metrics = free_port()
    process = spawn("receive", "--port", "0", "--metrics-port", str(metrics), TEMPLE_PATREON_SECRETS=CAMPAIGNS)
    assert process.stdout is not None
    main, podcast = (process.stdout.readline().removeprefix("listening on ").strip() for _ in range(2))
    assert main.endswith("/hooks/patreon/main")
    assert post(main) == 200
    assert post(podcast) == 401
    assert post(podcast, "temple-ledger-podcast-secret") == 200
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=60) as told:
        text = told.read().decode()
    assert 'ledger_receiver_responses_total{code="200",source="patreon"} 2.0' in text
    assert 'ledger_receiver_responses_total{code="401",source="patreon"} 1.0' in text
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "ended; what was taken in is stored" in said
    assert ONE not in said
    # the same body under the same trigger: whichever campaign it came for, it is the same delivery
    assert rows(database, "origin, repeats") == [("main", 1)]


def test_without_a_secret_it_does_not_start(temple: Typed) -> None:
    ended = temple("receive")
    assert ended.code == 5
    assert "TEMPLE_PATREON_SECRETS" in ended.stderr


@pytest.mark.parametrize(
    "given", ["short", '{"main": ["temple-ledger-x"]', '{"../x": "temple-ledger-test-secret"}', '{"a": []}']
)
def test_a_secret_that_can_not_be_one_is_told_without_being_repeated(temple: Typed, given: str) -> None:
    ended = temple("receive", TEMPLE_PATREON_SECRETS=given)
    assert ended.code == 2
    assert "setting patreon_secrets" in ended.stderr
    assert "environment, TEMPLE_PATREON_SECRETS" in ended.stderr
    for secret in ("short", "temple-ledger-x", "temple-ledger-test-secret"):
        assert secret not in ended.stdout + ended.stderr.replace("--help", "")


def test_secrets_are_never_shown(temple: Typed) -> None:
    for command in (["config", "show"], ["config", "show", "--json"]):
        ended = temple(*command, TEMPLE_PATREON_SECRETS=CAMPAIGNS)
        assert ended.code == 0
        assert "podcast" in ended.stdout
        assert "-secret" not in ended.stdout


def test_secrets_may_lie_in_a_file_or_in_temple_toml(temple: Typed, tmp_path: Path) -> None:
    def value(**environment: str) -> str:
        shown = temple("config", "show", "--json", **environment).data
        return str(next(each["value"] for each in shown if each["name"] == "patreon_secrets"))

    (tmp_path / "temple_patreon_secrets").write_text(f"{CAMPAIGNS}\n")
    assert value(CREDENTIALS_DIRECTORY=str(tmp_path)) == "{'main': [a secret, a secret], 'podcast': [a secret]}"
    old = '{secret = "temple-ledger-old-secret", until = 2026-12-01T00:00:00Z}'
    (tmp_path / "temple.toml").write_text(f"[patreon_secrets]\nmain = [{old}]\n")
    assert value() == "{'main': [a secret until 2026-12-01 00:00 UTC]}"


def test_a_port_that_is_taken_is_one_sentence(temple: Typed) -> None:
    with listening("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        ended = temple("receive", "--port", port, "--metrics-port", "0", TEMPLE_PATREON_SECRETS=ONE)
    assert ended.code == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in ended.stderr


def test_a_database_without_our_tables_is_told_at_once(temple: Typed, database: Database) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("delete from ledger_migration where number = 9")
    ended = temple("receive", "--port", "0", "--metrics-port", "0", TEMPLE_PATREON_SECRETS=ONE)
    assert ended.code == 5
    assert "temple db migrate" in ended.stderr


def test_up_receives_where_a_secret_is_set(spawn: Spawn, database: Database) -> None:
    process = spawn(
        "up",
        TEMPLE_PATREON_SECRETS=ONE,
        TEMPLE_RECEIVE_PORT="0",
        TEMPLE_METRICS_PORT="0",
        TEMPLE_RECONCILE_EVERY_SECONDS="0",
    )
    assert process.stdout is not None
    url = ""
    for line in process.stdout:
        if line.startswith("receiver"):
            url = line.split()[1]
        if line.startswith("ready"):
            break
    assert post(url) == 200
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert rows(database, "body") == [VECTOR]
