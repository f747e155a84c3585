"""The listener, through the real discord.py: what the gateway sends is kept in order, whatever it does meanwhile."""

import asyncio
from datetime import UTC, datetime

import discord
import pytest

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.sources.discord import rest
from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses, NotInGuild, OtherGuild
from temple_ledger.infrastructure.sources.discord.frame_buffer import FrameBuffer
from temple_ledger.infrastructure.sources.discord.gateway import FATAL
from temple_ledger.infrastructure.sources.discord.health import discord_health
from temple_ledger.infrastructure.sources.discord.listener import Listener
from temple_ledger.infrastructure.sources.discord.metrics import discord_sessions
from temple_ledger.infrastructure.sources.discord.rest import logged_in, pointed_at
from temple_ledger.infrastructure.sources.discord.sessions import feed_state, gateway_sessions
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from tests.discord.conftest import Running, running
from tests.fakes.discord_guild import Dispatch, TrueGuild
from tests.fakes.fake_discord import AUDIT_LOG, MEMBERS, FakeDiscord


def now(guild: TrueGuild) -> None:
    guild.now = datetime.now(UTC)


def people(guild: TrueGuild, number: int, *, roles: int = 0) -> list[str]:
    found = [guild.draw() for _ in range(number)]
    for user_id in found:
        guild.join(user_id)
        guild.change_roles(user_id, add=list(guild.roles)[:roles])
    return found


def then_equal(listening: Running, guild: TrueGuild) -> None:
    ledger = LedgerScenario(listening.database)
    ledger.catch_up()
    ledger.then_verified()
    rows = listening.ask("select user_id, array_agg(role) from discord_user_current_roles group by user_id")
    assert {user_id: set(roles) for user_id, roles in rows} == {
        user_id: member.roles for user_id, member in guild.members.items() if member.roles
    }
    active = listening.ask("select user_id from temple_member_status where status = 'active' and user_id <> 'guild'")
    assert {row[0] for row in active} == guild.members.keys()


def test_it_starts_from_everybody_and_goes_on_with_frames(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    oracle, seeker = guild.roles
    ada, bob, cleo = people(guild, 3, roles=1)
    with running(database, fake) as listening:
        listening.until_caught_up()
        now(guild)
        fake.dispatch(*guild.change_roles(ada, add=[seeker], remove=[oracle]), *guild.kick(bob))
        fake.dispatch(*guild.join(guild.draw()), *guild.rename(cleo, "the wise"))
        fake.dispatch(*guild.delete_role(oracle))
        listening.until_translated(lambda kinds: kinds.get("GUILD_ROLE_DELETE") == 1)
        listening.until(
            lambda: not listening.ask("select from discord_role where deleted_at is not null and not ended"),
            "the role ended for everybody",
        )
        then_equal(listening, guild)
        grants = listening.ask("select role, granted_by from discord_user_current_roles")
        assert grants == [(seeker, guild.moderator)]
        left = listening.ask(
            "select metadata ->> 'by', metadata ->> 'reason', metadata ->> 'how' from webhook_audit_log "
            f"where event_type = 'discord_leave' and user_id = '{bob}' order by id desc limit 1"
        )
        assert left == [(guild.moderator, "rules", "kick")]
    assert listening.listened is not None
    assert listening.listened.lost == 0
    assert fake.close_codes == [1000]
    with database.connect(DatabaseRole.READ) as connection:
        assert [each.how for each in gateway_sessions(connection, 5)] == ["stopped"]


def test_a_resumed_session_is_told_again_and_kept_once(database: Database, guild: TrueGuild, fake: FakeDiscord) -> None:
    oracle, _ = guild.roles
    ada, bob = people(guild, 2)
    with running(database, fake) as listening:
        listening.until_caught_up()
        now(guild)
        fake.dispatch(*guild.change_roles(ada, add=[oracle]))
        listening.until_translated(lambda kinds: kinds.get("GUILD_MEMBER_UPDATE") == 1)
        fake.deaf = True
        fake.dispatch(*guild.change_roles(ada, remove=[oracle]), *guild.change_roles(bob, add=[oracle]))
        fake.deaf = False
        fake.abort()
        listening.until_translated(lambda kinds: kinds.get("RESUMED") == 1)
        fake.ask_to_reconnect()
        listening.until_translated(lambda kinds: kinds.get("RESUMED") == 2)
        then_equal(listening, guild)
        assert listening.kinds()["GUILD_MEMBER_UPDATE"] == 3
        with database.connect(DatabaseRole.READ) as connection:
            sessions = gateway_sessions(connection, 5)
        assert [(each.resumed, each.ended_at) for each in sessions] == [(2, None)]
    assert len(listening.caught_up) == 1


def test_what_a_lost_session_did_not_tell_is_found(database: Database, guild: TrueGuild, fake: FakeDiscord) -> None:
    oracle, seeker = guild.roles
    ada, bob, cleo = people(guild, 3)
    with running(database, fake) as listening:
        listening.until_caught_up()
        now(guild)
        guild.wait(-10)
        fake.deaf = True
        for change in (guild.change_roles(ada, add=[oracle]), guild.change_roles(ada, remove=[oracle])):
            fake.dispatch(*change)
            guild.wait(2)
        fake.dispatch(*guild.change_roles(bob, add=[seeker]), *guild.leave(cleo), *guild.join(guild.draw()))
        fake.forget_sessions()
        fake.deaf = False
        fake.abort()
        listening.until_caught_up(2)
        then_equal(listening, guild)
        toggles = listening.ask(
            "select action, metadata ->> 'reconciled' is not null from webhook_audit_log "
            f"where event_type = 'discord_role_change' and user_id = '{ada}' order by timestamp"
        )
        assert toggles == [("added", True), ("removed", True)]
        with database.connect(DatabaseRole.READ) as connection:
            sessions = gateway_sessions(connection, 5)
            assert feed_state(connection).sessions_today == 2
        assert [each.how for each in sessions] == [None, "not resumed"]
        assert sessions[0].gap_seconds is not None


def test_a_session_that_begins_while_the_one_before_is_caught_up_is_caught_up_as_well(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    oracle, _ = guild.roles
    (ada,) = people(guild, 1)
    fake.held = {AUDIT_LOG}
    with running(database, fake) as listening:
        listening.until(lambda: fake.was_asked(AUDIT_LOG), "the audit log is read back")
        fake.forget_sessions()
        fake.abort()
        listening.until(lambda: listening.kinds().get("READY") == 2, "another session has begun")
        now(guild)
        fake.dispatch(*guild.change_roles(ada, add=[oracle]))
        fake.held = set()
        listening.until_caught_up()
        listening.until_translated(lambda kinds: kinds.get("GUILD_MEMBER_UPDATE") == 1)
        then_equal(listening, guild)


def test_a_snapshot_waits_for_frames_that_the_database_has_not_taken_in_yet(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    oracle, _ = guild.roles
    (ada,) = people(guild, 1)
    fake.held = {MEMBERS}
    frames = FrameBuffer()
    with running(database, fake, frames=frames) as listening:
        listening.until(lambda: fake.was_asked(MEMBERS), "a snapshot is taken")
        with database.connect(DatabaseRole.OWNER, autocommit=False) as slow:
            slow.execute("lock table inbox in share row exclusive mode")
            came = frames.came
            now(guild)
            fake.dispatch(*guild.change_roles(ada, add=[oracle]))
            listening.until(lambda: frames.came == came + 2, "the frame and its entry wait in memory")
            fake.held = set()
            taken = "select from snapshot where finished_at is not null"
            listening.until(lambda: bool(listening.ask(taken)), "the snapshot is there")
            with pytest.raises(AssertionError, match="it is applied"):
                listening.until(lambda: bool(listening.caught_up), "it is applied", seconds=1)
        listening.until_caught_up()
        listening.until_translated(lambda kinds: kinds.get("GUILD_MEMBER_UPDATE") == 1)
        then_equal(listening, guild)
        told = listening.ask(
            "select distinct metadata ->> 'reconciled' is null from webhook_audit_log where action = 'added'"
        )
        assert told == [(True,)], "the frame tells it, not the snapshot"


def test_a_listener_that_is_stopped_before_it_has_read_the_audit_log_back_translates_nothing(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    people(guild, 1)
    fake.held = {AUDIT_LOG}
    with running(database, fake) as listening:
        listening.until(lambda: fake.was_asked(AUDIT_LOG), "the audit log is read back")
        listening.until(lambda: listening.kinds().get("GUILD_CREATE") == 1, "frames are kept")
    assert listening.ask("select kind from inbox where state <> 'waiting'") == []


def test_what_happened_while_the_guild_was_unavailable_is_found(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    oracle, seeker = guild.roles
    ada, bob = people(guild, 2)
    with running(database, fake) as listening:
        listening.until_caught_up()
        now(guild)
        guild.wait(-10)
        fake.dispatch(Dispatch("GUILD_DELETE", {"id": guild.id, "unavailable": True}))
        guild.change_roles(ada, add=[oracle])
        guild.wait(1)
        guild.change_roles(ada, remove=[oracle])
        guild.change_roles(bob, add=[seeker])
        fake.dispatch(guild.guild_create())
        listening.until_caught_up(2)
        then_equal(listening, guild)
        told = "select count(*) from webhook_audit_log where event_type = 'discord_role_change' and user_id = "
        assert listening.ask(f"{told} '{ada}'") == [(2,)]


def test_the_bot_is_removed_and_invited_again_while_it_listens(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    oracle, _ = guild.roles
    ada, _ = people(guild, 2, roles=1)
    with running(database, fake) as listening:
        listening.until_caught_up()
        now(guild)
        fake.dispatch(guild.remove_bot())
        listening.until_translated(lambda kinds: kinds.get("GUILD_DELETE") == 1)
        assert f"the bot is not in guild {guild.id} any more" in listening.said[-1]
        assert is_shown_as_removed(database)
        guild.wait(1)
        guild.change_roles(ada, remove=[oracle])
        fake.dispatch(guild.invite_bot())
        listening.until_caught_up(2)
        then_equal(listening, guild)
        assert not is_shown_as_removed(database)


def is_shown_as_removed(database: Database) -> bool:
    """The metric and the sentences of status agree."""
    with database.connect(DatabaseRole.READ) as connection:
        families = {each.name: each for each in discord_sessions(connection)}
        sentences = [what for what, _ in discord_health(connection).sentences]
    removed = families["ledger_discord_bot_removed_timestamp_seconds"].samples[0].value > 0
    assert removed == any("any more" in each for each in sentences)
    return removed


def test_an_outage_is_another_sentence(database: Database, guild: TrueGuild, fake: FakeDiscord) -> None:
    people(guild, 1)
    with running(database, fake) as listening:
        listening.until_caught_up()
        fake.dispatch(guild.outage(), Dispatch("GUILD_DELETE", {"id": "42"}))
        listening.until_translated(lambda kinds: kinds.get("GUILD_DELETE") == 2)
        assert listening.said[-1].startswith(f"Discord has an outage of guild {guild.id}")
        with database.connect(DatabaseRole.READ) as connection:
            [(what, _)] = discord_health(connection).sentences
        assert "outage" in what


def test_a_listener_that_starts_after_the_bot_was_removed_says_so(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    with running(database, fake) as listening:
        listening.until_caught_up()
    guild.remove_bot()
    with pytest.raises(NotInGuild, match="any more") as ended, pointed_at(fake.api_url, fake.gateway_url):
        Listener(database, "a-token", guild=None, say=lambda _: None).run()
    assert guild.id in str(ended.value)
    assert is_shown_as_removed(database)


def test_a_guild_that_the_bot_was_never_in_is_not_claimed(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    with pytest.raises(NotInGuild, match="TEMPLE_DISCORD_GUILD"), pointed_at(fake.api_url, fake.gateway_url):
        Listener(database, "a-token", guild="42", say=lambda _: None).run()
    with running(database, fake) as listening:
        listening.until_caught_up()


def test_notices_about_voice_are_not_shown(
    database: Database, fake: FakeDiscord, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discord.VoiceClient, "warn_nacl", True)
    monkeypatch.setattr(discord.VoiceClient, "warn_dave", True)

    async def names() -> None:
        async with logged_in("a-token") as rest:
            await rest.guilds()

    with pointed_at(fake.api_url, fake.gateway_url):
        asyncio.run(names())
    monkeypatch.setattr(discord.VoiceClient, "warn_nacl", True)
    with running(database, fake) as listening:
        listening.until_caught_up()
    assert "voice" not in caplog.text


def test_whoever_looks_on_sees_that_discord_takes_long(fake: FakeDiscord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "QUIET_SECONDS", 0.01)
    path = "/users/@me/guilds"
    fake.held.add(path)
    heard: list[str] = []

    def waiting(sentence: str) -> None:
        heard.append(sentence)
        fake.held.discard(path)

    async def ask() -> None:
        async with logged_in("a-token", waiting) as asked:
            await asked.guilds()

    with pointed_at(fake.api_url, fake.gateway_url):
        asyncio.run(ask())
    (sentence,) = heard
    assert sentence.startswith("Discord has not answered about the guilds of the bot yet; asking again")
    assert sentence.endswith("5 minutes at most")


def test_a_burst_is_kept_in_order_also_when_the_database_goes_away_meanwhile(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    ada, *_ = people(guild, 1)
    oracle, _ = guild.roles
    with running(database, fake) as listening:
        listening.until_caught_up()
        now(guild)
        burst = []
        for number in range(500):
            change = {"remove": [oracle]} if number % 2 else {"add": [oracle]}
            burst += guild.change_roles(ada, **change, logged=False)
        fake.flood(burst[:250])
        with database.connect(DatabaseRole.LOGIN) as admin:
            admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        fake.flood(burst[250:])
        listening.until_translated(lambda kinds: kinds.get("GUILD_MEMBER_UPDATE") == 500)
        then_equal(listening, guild)
        told = listening.ask(
            "select action from webhook_audit_log where event_type = 'discord_role_change' order by id"
        )
        assert [row[0] for row in told] == ["added", "removed"] * 250
        numbers = [row[0] for row in listening.ask("select (details ->> 's')::int from inbox order by id")]
        assert numbers == sorted(numbers)


def test_rate_limits_are_waited_for_and_their_frames_kept(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    fake.limits, fake.page = 2, 2
    people(guild, 5)
    with running(database, fake) as listening:
        listening.until_caught_up()
        limited = {"opcode": 8, "retry_after": 27.5, "meta": {"guild_id": guild.id, "nonce": "a"}}
        fake.dispatch(Dispatch("RATE_LIMITED", limited))
        listening.until_translated(lambda kinds: kinds.get("RATE_LIMITED") == 1)
        then_equal(listening, guild)


def test_without_the_audit_log_it_says_so_and_goes_on(database: Database, guild: TrueGuild, fake: FakeDiscord) -> None:
    fake.forbidden.add(AUDIT_LOG)
    people(guild, 2, roles=1)
    with running(database, fake) as listening:
        listening.until_caught_up()
        then_equal(listening, guild)
        assert any("View Audit Log" in said and "403" in said for said in listening.said)


def test_a_snapshot_that_would_take_too_much_is_told_and_not_applied(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    gone = people(guild, 4, roles=1)
    with running(database, fake) as listening:
        listening.until_caught_up()
    guild.wait(60)
    for user_id in gone[:3]:
        guild.leave(user_id)
    with running(database, fake) as listening:
        listening.until_caught_up()
        assert listening.caught_up[0].held is not None
        assert any("not applied" in said and "--confirm" in said for said in listening.said)
        assert listening.ask("select count(*) from discord_member where present") == [(5,)]


@pytest.mark.parametrize("code", [4004, 4013, 4014])
def test_what_no_second_try_will_change_is_one_sentence(
    database: Database, guild: TrueGuild, fake: FakeDiscord, code: int
) -> None:
    fake.refuse_with = code
    with pytest.raises(DiscordRefuses) as refused, pointed_at(fake.api_url, fake.gateway_url):
        Listener(database, "a-token", guild=None, say=lambda _: None).run()
    assert str(refused.value) == FATAL[code]


def test_a_wrong_token_is_told_before_anything_begins(database: Database, fake: FakeDiscord) -> None:
    with pytest.raises(DiscordRefuses, match="TEMPLE_DISCORD_TOKEN"), pointed_at(fake.api_url, fake.gateway_url):
        Listener(database, "another", guild=None, say=lambda _: None).run()


def test_a_second_guild_is_refused(database: Database, guild: TrueGuild, fake: FakeDiscord) -> None:
    with running(database, fake) as listening:
        listening.until_caught_up()
    with pytest.raises(OtherGuild, match=guild.id), pointed_at(fake.api_url, fake.gateway_url):
        Listener(database, "a-token", guild="42", say=lambda _: None).run()


def test_it_ends_when_no_more_frames_fit_and_keeps_those_that_did(
    database: Database, guild: TrueGuild, fake: FakeDiscord
) -> None:
    frames = FrameBuffer(most_frames=3)
    ada, *_ = people(guild, 1)
    with running(database, fake, frames=frames) as listening:
        listening.until_caught_up()
        with database.connect(DatabaseRole.LOGIN, autocommit=False) as blocker:
            blocker.execute("lock table inbox in access exclusive mode")
            now(guild)
            for number in range(20):
                fake.dispatch(*guild.rename(ada, str(number)))
            listening.until(lambda: frames.full, "the memory is full")
            blocker.rollback()
        listening.ended()
        assert isinstance(listening.failure, DatabaseUnavailable)
        assert "start again" in str(listening.failure)
        assert len(frames) == 0
