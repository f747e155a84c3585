"""`temple discord setup`: each step is checked, and what is missing is said with what to do."""

import pytest

from tests.cli.conftest import Ended, Typed, environment, home, temple  # noqa: F401 -- fixtures
from tests.fakes.discord_guild import TrueGuild
from tests.fakes.fake_discord import API, AUDIT_LOG, MEMBERS, FakeDiscord

LINK = "https://discord.com/oauth2/authorize?client_id={}&scope=bot&permissions=128"


@pytest.fixture
def setup(temple: Typed, fake: FakeDiscord) -> Typed:  # noqa: F811
    """Typed where there is no ledger yet."""

    def typed(*arguments: str, stdin: str | bytes | None = None, **environment: str | None) -> Ended:  # noqa: F811
        places = {"TEMPLE_DISCORD_API_URL": fake.api_url, "TEMPLE_DISCORD_GATEWAY_URL": fake.gateway_url}
        given = {"TEMPLE_DISCORD_TOKEN": "a-token", "TEMPLE_DATABASE_URL": None, **places, **environment}
        return temple("discord", "setup", *arguments, stdin=stdin, **given)

    return typed


def outcomes(ended: Ended) -> dict[str, str]:
    return {each["check"]: each["outcome"] for each in ended.data}


def advice(ended: Ended, step: str) -> str:
    return str(next(each["advice"] for each in ended.data if each["check"] == step))


def test_with_everything_in_place_each_step_is_ok_and_the_link_is_printed(setup: Typed, guild: TrueGuild) -> None:
    ended = setup()
    assert ended.code == 0
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [
        *(["ok", f"{step}:"] for step in ("token", "invite", "intent", "server", "members")),
        ["ok", "audit"],
    ]
    assert LINK.format(guild.bot) in ended.stdout
    assert guild.id in ended.stdout
    assert "temple up" in ended.stderr


def test_commands_are_registered_where_that_is_asked_for(setup: Typed, fake: FakeDiscord) -> None:
    assert setup().code == 0
    assert fake.asking.commands == {}
    ended = setup("--commands", "--json", TEMPLE_DISCORD_ASK_ROLES="1, 2")
    assert (ended.code, outcomes(ended)["commands"], outcomes(ended)["askers"]) == (0, "ok", "ok")
    assert [each["name"] for each in fake.asking.commands["ledger"]["options"]] == [
        *("member", "role", "changes", "why", "mismatches")
    ]


def test_a_command_that_nobody_may_use_or_that_cannot_be_registered_is_a_step_that_fails(
    setup: Typed, fake: FakeDiscord
) -> None:
    ended = setup("--commands", "--json")
    assert (ended.code, outcomes(ended)["askers"]) == (3, "fail")
    assert "TEMPLE_DISCORD_ASK_ROLES" in advice(ended, "askers")
    fake.asking.may_register = False
    ended = setup("--commands", "--json", TEMPLE_DISCORD_ASK_ROLES="1")
    assert (ended.code, outcomes(ended)["commands"]) == (3, "fail")


def test_without_a_token_it_says_where_one_comes_from(setup: Typed) -> None:
    ended = setup("--json", TEMPLE_DISCORD_TOKEN=None)
    assert (ended.code, outcomes(ended)) == (3, {"token": "fail"})
    assert "Reset Token" in advice(ended, "token")


@pytest.mark.parametrize("token", ["another", "another\n", "Zoë-another-☕"])
def test_a_token_that_discord_does_not_accept_is_the_first_step_that_fails(setup: Typed, token: str) -> None:
    ended = setup("--json", TEMPLE_DISCORD_TOKEN=token)
    assert (ended.code, outcomes(ended)) == (3, {"token": "fail"})
    assert "another" not in ended.stdout + ended.stderr


def test_the_intent_and_the_list_of_members_are_two_steps(setup: Typed, fake: FakeDiscord) -> None:
    fake.application_flags = 0
    fake.forbidden.add(MEMBERS)
    ended = setup("--json")
    assert ended.code == 3
    assert {step for step, outcome in outcomes(ended).items() if outcome == "fail"} == {"intent", "members"}
    assert "Privileged Gateway Intents" in advice(ended, "intent")


def test_a_bot_that_was_invited_nowhere_has_the_link_to_open(setup: Typed, guild: TrueGuild) -> None:
    guild.bot_is_in = False
    ended = setup()
    assert ended.code == 3
    assert "the bot is in no server yet" in ended.stdout
    assert LINK.format(guild.bot) in ended.stdout


def test_of_several_servers_one_has_to_be_named(setup: Typed, fake: FakeDiscord, guild: TrueGuild) -> None:
    fake.other_guilds.append("999")
    ended = setup("--json")
    assert (ended.code, outcomes(ended)["server"]) == (3, "fail")
    assert "Copy Server ID" in advice(ended, "server")
    named = setup(TEMPLE_DISCORD_GUILD=guild.id)
    assert named.code == 0
    assert f"{LINK.format(guild.bot)}&guild_id={guild.id}" in named.stdout


def test_a_server_that_the_bot_is_not_in_fails(setup: Typed, fake: FakeDiscord) -> None:
    fake.forbidden.add("/guilds/{guild}")
    ended = setup("--json", TEMPLE_DISCORD_GUILD="42")
    assert (ended.code, outcomes(ended)["server"]) == (3, "fail")
    assert "audit log" not in outcomes(ended)


def test_without_the_permission_the_audit_log_fails_alone(setup: Typed, fake: FakeDiscord) -> None:
    fake.forbidden.add(AUDIT_LOG)
    ended = setup("--json")
    assert ended.code == 3
    assert [step for step, outcome in outcomes(ended).items() if outcome == "fail"] == ["audit log"]
    assert "View Audit Log" in advice(ended, "audit log")


def test_discord_that_cannot_be_reached_is_no_missing_step(setup: Typed) -> None:
    ended = setup(TEMPLE_DISCORD_API_URL=f"http://127.0.0.1:9{API}")
    assert ended.code == 4
    assert "cannot reach Discord" in ended.stderr
