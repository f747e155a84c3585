"""`temple discord …`, as somebody types it."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.processes.sources import workers
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.infrastructure.terminal.session import Session
from tests.cli.conftest import Typed, environment, home, spawn, temple  # noqa: F401 -- fixtures
from tests.discord.test_listening import people
from tests.fakes.discord_guild import TrueGuild
from tests.fakes.fake_discord import FakeDiscord


@pytest.fixture
def bot(fake: FakeDiscord, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("temple_ledger.infrastructure.sources.discord.catch_up.SETTLE_SECONDS", 0.0)
    environment |= {
        "TEMPLE_DISCORD_TOKEN": "a-token",
        "TEMPLE_DISCORD_API_URL": fake.api_url,
        "TEMPLE_DISCORD_GATEWAY_URL": fake.gateway_url,
    }


@pytest.mark.usefixtures("bot")
def test_a_snapshot_shows_first_and_appends_when_it_is_told_to(
    temple: Typed,  # noqa: F811
    guild: TrueGuild,
) -> None:
    ada, *_ = people(guild, 2, roles=1)
    shown = temple("discord", "snapshot")
    assert shown.code == 3
    assert "unknown to us" in shown.stdout
    assert "role Oracle" in shown.stdout or f"role {next(iter(guild.roles))}" in shown.stdout
    assert "temple discord snapshot --apply" in shown.stderr
    again = temple("discord", "snapshot", "--json").data
    assert (again["members"], again["applied"], again["complete"]) == (3, False, True)
    done = temple("discord", "snapshot", "--apply")
    assert done.code == 0
    assert "events appended" in done.stdout
    assert temple("discord", "snapshot").code == 0
    assert temple("run", "--until-caught-up").code == 0
    member = temple("member", "show", ada, "--json").data
    assert (member["status"], len(member["roles"])) == ("active", 1)
    assert member["roles"][0]["granted_by"] == guild.moderator


@pytest.mark.usefixtures("bot")
def test_a_snapshot_that_takes_much_needs_a_word(temple: Typed, guild: TrueGuild) -> None:  # noqa: F811
    leaving = people(guild, 5, roles=1)
    assert temple("discord", "snapshot", "--apply").code == 0
    guild.now = datetime.now(UTC)
    for user_id in leaving[:3]:
        guild.leave(user_id)
    held = temple("discord", "snapshot", "--apply")
    assert held.code == 5
    assert "--confirm" in held.stderr
    assert "in our ledger only" in held.stdout
    done = temple("discord", "snapshot", "--apply", "--confirm", "--json")
    assert (done.code, done.data["appended"]) == (0, 3)


@pytest.mark.usefixtures("bot")
def test_a_count_that_is_far_off_holds_a_snapshot_back_until_the_list_is_accepted(
    temple: Typed,  # noqa: F811
    guild: TrueGuild,
    fake: FakeDiscord,
) -> None:
    people(guild, 3)
    fake.counted_members = 500
    shown = temple("discord", "snapshot")
    assert shown.code == 3
    assert "4 members (about 500 counted by Discord)" in shown.stdout
    assert "temple discord snapshot --apply --accept-count" in shown.stderr
    for flags in ([], ["--confirm"]):
        held = temple("discord", "snapshot", "--apply", *flags)
        assert held.code == 5
        assert "4 members came, and Discord counts about 500" in held.stderr
        assert "--accept-count" in held.stderr
    done = temple("discord", "snapshot", "--apply", "--accept-count", "--json")
    assert (done.code, done.data["applied"], done.data["members"], done.data["counted"]) == (0, True, 4, 500)


@pytest.mark.usefixtures("bot")
def test_an_incomplete_snapshot_is_refused_whatever_is_confirmed(
    temple: Typed,  # noqa: F811
    guild: TrueGuild,
) -> None:
    guild.members.clear()
    for flags in ([], ["--apply"], ["--apply", "--confirm", "--accept-count"]):
        ended = temple("discord", "snapshot", *flags)
        assert ended.code == 5
        assert "no members came" in ended.stderr


@pytest.mark.usefixtures("bot")
def test_backfill_goes_on_where_it_was(temple: Typed, guild: TrueGuild) -> None:  # noqa: F811
    people(guild, 3, roles=2)
    first = temple("discord", "backfill", "--json").data
    assert (first["entries"], first["explains"]) == (3, 6)
    guild.wait(1800)
    ada = next(user_id for user_id in guild.members if user_id != guild.bot)
    guild.change_roles(ada, remove=list(guild.roles))
    again = temple("discord", "backfill", "--json").data
    assert (again["entries"], again["explains"]) == (4, 2)
    assert temple("discord", "backfill", "--days", "45", "--json").data["explains"] == 0


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("verb", ["listen", "backfill", "snapshot"])
def test_what_discord_says_no_to_is_one_sentence(temple: Typed, verb: str) -> None:  # noqa: F811
    ended = temple("discord", verb, TEMPLE_DISCORD_TOKEN="another")
    assert ended.code == 1
    assert "Discord does not accept the token: set TEMPLE_DISCORD_TOKEN to the bot's" in ended.stderr
    away = temple("discord", verb, TEMPLE_DISCORD_API_URL="http://127.0.0.1:9")
    assert away.code == 4
    assert "cannot reach Discord" in away.stderr


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("verb", ["listen", "backfill", "snapshot"])
def test_a_bot_that_was_removed_is_one_sentence_and_status_goes_on_showing_it(
    temple: Typed,  # noqa: F811
    guild: TrueGuild,
    verb: str,
) -> None:
    assert temple("discord", "backfill").code == 0
    assert temple("status", "--json").data["discord"]["removed_at"] is None
    guild.remove_bot()
    ended = temple("discord", verb)
    assert (ended.code, len(ended.stderr.strip().splitlines())) == (1, 1)
    assert f"the bot is not in guild {guild.id} any more" in ended.stderr
    shown = temple("status")
    assert f"the bot is not in guild {guild.id} any more" in shown.stdout
    guild.invite_bot()
    assert temple("discord", "backfill").code == 0
    assert "any more" not in temple("status").stdout


@pytest.mark.usefixtures("bot")
def test_another_guild_and_no_token_are_refused(temple: Typed, guild: TrueGuild) -> None:  # noqa: F811
    assert temple("discord", "backfill").code == 0
    other = temple("discord", "snapshot", TEMPLE_DISCORD_GUILD="42")
    assert (other.code, guild.id in other.stderr) == (5, True)
    assert temple("discord", "snapshot", TEMPLE_DISCORD_TOKEN=None).code == 5


@pytest.mark.usefixtures("bot")
def test_the_token_is_never_shown(temple: Typed) -> None:  # noqa: F811
    shown = temple("config", "show", TEMPLE_DISCORD_TOKEN="very-secret-token")
    assert "very-secret-token" not in shown.stdout + shown.stderr


def test_the_listener_is_no_worker_of_the_receiver(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    monkeypatch.setenv("TEMPLE_DATABASE_URL", database.dsn)
    monkeypatch.setenv("TEMPLE_DISCORD_TOKEN", "a-token")
    session = Session({}, load_settings)
    assert [each.name for each in workers(session, own_processes=False).made] == []
    assert [each.name for each in workers(session, own_processes=True).made] == ["listening to Discord"]


@pytest.mark.usefixtures("bot")
def test_up_listens_where_a_token_is_set(
    spawn: Callable[..., "subprocess.Popen[str]"],  # noqa: F811
    database: Database,
    guild: TrueGuild,
    fake: FakeDiscord,
) -> None:
    ada, *_ = people(guild, 2)
    process = spawn("up", TEMPLE_RECONCILE_EVERY_SECONDS="0")
    until_kept(database, "READY")
    guild.now = datetime.now(UTC)
    fake.dispatch(*guild.rename(ada, "last words"))
    until_kept(database, "GUILD_MEMBER_UPDATE")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert f"listening to guild {guild.id}" in errors
    assert fake.close_codes == [1000]
    with database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select how from discord_session").fetchall() == [("stopped",)]


@pytest.mark.usefixtures("bot")
def test_up_goes_on_without_discord_where_discord_refuses(
    spawn: Callable[..., "subprocess.Popen[str]"],  # noqa: F811
) -> None:
    process = spawn("up", TEMPLE_DISCORD_TOKEN="another", TEMPLE_RECONCILE_EVERY_SECONDS="0")
    assert process.stderr is not None
    refused = next(line for line in process.stderr if "not listening to Discord" in line)
    assert "Discord does not accept the token" in refused
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "ready: new events are folded" in printed


@pytest.mark.usefixtures("bot")
def test_sigterm_ends_the_listener_with_everything_kept(
    spawn: Callable[..., "subprocess.Popen[str]"],  # noqa: F811
    database: Database,
    guild: TrueGuild,
    fake: FakeDiscord,
) -> None:
    ada, *_ = people(guild, 2)
    process = spawn("discord", "listen")
    until_kept(database, "READY")
    guild.now = datetime.now(UTC)
    fake.dispatch(*guild.rename(ada, "last words"))
    until_kept(database, "GUILD_MEMBER_UPDATE")
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "frames stored" in said
    assert "voice" not in said
    assert fake.close_codes == [1000]
    with database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select how from discord_session").fetchall() == [("stopped",)]


def until_kept(database: Database, kind: str) -> None:
    deadline = time.monotonic() + 60
    with database.connect(DatabaseRole.READ) as connection:
        while connection.execute("select from inbox where kind = %s", (kind,)).fetchone() is None:
            assert time.monotonic() < deadline
            threading.Event().wait(0.02)
