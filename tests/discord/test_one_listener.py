"""Of two listeners on one ledger the second ends with a sentence, whatever command each is."""

import subprocess
import threading
import time
from collections.abc import Callable

import pytest
import structlog

from temple_ledger.domain.errors import AlreadyRunning
from temple_ledger.infrastructure.database import process_lease
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.infrastructure.sources.discord.listener_thread import listening
from temple_ledger.infrastructure.sources.discord.one_listener import the_only_listener
from temple_ledger.infrastructure.sources.discord.sessions import gateway_sessions
from temple_ledger.infrastructure.terminal.session import Session
from tests.cli.conftest import Typed, environment, home, spawn, temple  # noqa: F401 -- fixtures
from tests.discord.conftest import running
from tests.discord.test_commands import bot  # noqa: F401 -- a fixture
from tests.fakes.discord_guild import TrueGuild
from tests.fakes.fake_discord import FakeDiscord

Spawn = Callable[..., "subprocess.Popen[str]"]


def ignored(sentence: str) -> None:
    """Nobody takes over in these tests."""


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("verb", [["up"], ["discord", "listen"]])
def test_the_second_says_who_listens_and_ends_with_5(database: Database, spawn: Spawn, verb: list[str]) -> None:  # noqa: F811
    with the_only_listener(database, ignored):
        second = spawn(*verb)
        _, errors = second.communicate(timeout=60)
    assert second.returncode == 5, errors
    assert "another process listens to Discord for this ledger since" in errors
    assert "one for a ledger is enough: end that one first" in errors
    with database.connect(DatabaseRole.READ) as connection:
        assert gateway_sessions(connection, 1) == []


def test_when_one_has_ended_another_listens_at_once(database: Database) -> None:
    for _ in range(3):
        with the_only_listener(database, ignored):
            pass


@pytest.mark.parametrize(
    ("renewed", "expires", "backend"),
    [
        ("now() - interval '20 seconds'", "now() - interval '10 seconds'", "pg_backend_pid()"),
        ("now() + interval '1 hour'", "now() + interval '2 hours'", "pg_backend_pid()"),
        ("now()", "now() + interval '10 seconds'", "0"),
    ],
)
def test_one_that_froze_or_was_killed_is_replaced(database: Database, renewed: str, expires: str, backend: str) -> None:
    with database.connect(DatabaseRole.TRANSLATE) as another:
        another.execute(
            "insert into process_lease values ('discord listen', gen_random_uuid(), 'elsewhere, process 7',"
            f" {backend}, now(), {renewed}, {expires})".encode()
        )
        with the_only_listener(database, ignored):
            row = another.execute("select description, acquired_at = renewed_at from process_lease").fetchone()
    assert row is not None
    assert row[0] != "elsewhere, process 7"


def test_one_that_was_replaced_is_notified(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_lease, "RENEW_SECONDS", 0.01)
    seen = threading.Event()
    sentences: list[str] = []

    def lost(sentence: str) -> None:
        sentences.append(sentence)
        seen.set()

    with the_only_listener(database, lost), database.connect(DatabaseRole.TRANSLATE) as another:
        another.execute(
            "update process_lease set holder = gen_random_uuid(), description = 'elsewhere, process 7',"
            " backend_pid = pg_backend_pid()"
        )
        assert seen.wait(60)
        assert another.execute("select description from process_lease").fetchall() == [("elsewhere, process 7",)]
    assert "(elsewhere, process 7), since this process could not reach the database for long" in sentences[0]


def test_a_lease_is_renewed_while_it_is_held(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_lease, "RENEW_SECONDS", 0.01)
    with the_only_listener(database, ignored), database.connect(DatabaseRole.READ) as connection:
        seen = {connection.execute("select acquired_at, renewed_at from process_lease").fetchone()}
        while len(seen) < 3:
            seen.add(connection.execute("select acquired_at, renewed_at from process_lease").fetchone())
        assert len({row[0] for row in seen if row is not None}) == 1
        with pytest.raises(AlreadyRunning), the_only_listener(database, ignored):
            pass


@pytest.mark.usefixtures("bot")
def test_that_discord_refuses_the_bot_is_in_status_and_doctor_until_it_does_not(
    temple: Typed,  # noqa: F811
    database: Database,
    fake: FakeDiscord,
) -> None:
    refused = temple("discord", "listen", TEMPLE_DISCORD_TOKEN="revoked")
    assert refused.code == 1
    sentence = "Discord does not accept the token: set TEMPLE_DISCORD_TOKEN to the bot's; refused since"
    assert sentence in temple("status").stdout
    assert sentence in temple("doctor").stdout
    assert temple("doctor").code == 3
    with running(database, fake) as listening:
        listening.until_caught_up()
    assert "Discord does not accept" not in temple("status").stdout + temple("doctor").stdout


@pytest.mark.usefixtures("bot")
def test_up_shows_that_discord_refuses_the_bot(database: Database, spawn: Spawn, temple: Typed) -> None:  # noqa: F811
    up = spawn("up", TEMPLE_DISCORD_TOKEN="revoked")
    assert up.stderr is not None
    while "not listening to Discord" not in up.stderr.readline():
        assert up.poll() is None
    assert "Discord does not accept the token" in temple("status").stdout
    up.terminate()
    assert up.wait(60) == 0


@pytest.mark.usefixtures("bot")
def test_beside_others_it_listens_again_when_the_process_that_took_over_has_ended(
    database: Database,
    fake: FakeDiscord,
    guild: TrueGuild,
    environment: dict[str, str],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(process_lease, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(process_lease, "ASK_SECONDS", 0.01)
    with (
        structlog.testing.capture_logs() as logged,
        listening(Session({}, load_settings)),
        database.connect(DatabaseRole.TRANSLATE) as another,
    ):
        until(lambda: gateway_sessions(another, 1) != [])
        another.execute(
            "update process_lease set holder = gen_random_uuid(), description = 'elsewhere, process 7',"
            " backend_pid = pg_backend_pid(), expires_at = now() + interval '1 hour'"
        )
        until(lambda: len(fake.close_codes) == 1)
        another.execute("delete from process_lease where description = 'elsewhere, process 7'")
        until(lambda: len(gateway_sessions(another, 3)) == 2)
        newcomer = guild.draw()
        fake.dispatch(*guild.join(newcomer))
        log_of = "select from webhook_audit_log where user_id = %s"
        until(lambda: another.execute(log_of, (newcomer,)).fetchone() is not None)
    reasons = [each["reason"] for each in logged if "until the other process ends" in each["event"]]
    assert len(reasons) == 1
    assert "(elsewhere, process 7)" in reasons[0]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
