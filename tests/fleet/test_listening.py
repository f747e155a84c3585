"""Discord is listened to for all ledgers of a fleet in one process: each by itself, and none in the way of another."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.processes.fleet.file import read_fleet
from temple_ledger.infrastructure.processes.fleet.ledger_thread import end_all
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession
from temple_ledger.infrastructure.processes.fleet.listen import ListeningLedger, listeners_of
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.infrastructure.sources.discord.gateway import GatewayClient
from temple_ledger.infrastructure.terminal.session import Session
from tests.discord.test_listening import people
from tests.discord.world import new_guild
from tests.fakes.discord_guild import TrueGuild
from tests.fakes.fake_discord import FakeDiscord
from tests.fleet.conftest import NOWHERE, Server, Write
from tests.fleet.test_fleet import Typed, until


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py waits five seconds before it identifies anew."""

    async def at_once(*_: Any, **__: Any) -> None:
        pass

    monkeypatch.setattr(GatewayClient, "before_identify_hook", at_once)
    monkeypatch.setattr("temple_ledger.infrastructure.sources.discord.catch_up.SETTLE_SECONDS", 0.0)


@pytest.fixture
def fake() -> Iterator[FakeDiscord]:
    guild = new_guild(7, ["Oracle"], now=datetime.now(UTC))
    guild.wait(-3600)
    with FakeDiscord(guild) as found:
        yield found


def settings_of(fake: FakeDiscord, guild: str) -> str:
    return (
        f'guild = "{guild}"\n[ledger.settings]\ndiscord_token = "a-token"\n'
        f'discord_api_url = "{fake.api_url}"\ndiscord_gateway_url = "{fake.gateway_url}"'
    )


def in_log(server: Server, name: str) -> set[str]:
    with server.owner(name).connect(DatabaseRole.READ) as connection:
        return {user for (user,) in connection.execute("select user_id from webhook_audit_log")}


def test_a_guild_is_listened_to_while_another_ledger_is_down(
    write: Write, server: Server, fake: FakeDiscord, tmp_path: Path
) -> None:
    guild: TrueGuild = fake.guild
    ada, *_ = people(guild, 2, roles=1)
    file = write(
        {"away": NOWHERE, "oracle": server.dsn("oracle"), "tavern": server.dsn("tavern")},
        away=settings_of(fake, "42"),
        oracle=settings_of(fake, guild.id),
    )
    process = Session({"home": tmp_path, "metrics_port": 0}, load_settings)
    sessions = [LedgerSession(process, each) for each in read_fleet(file).ledger]
    listening = [ListeningLedger(each) for each in sessions if listeners_of(each)]
    assert [each.session.name for each in listening] == ["away", "oracle"]
    for each in listening:
        each.begin()
    try:
        until(lambda: ada in in_log(server, "oracle"))
        newcomer = guild.draw()
        fake.dispatch(*guild.join(newcomer))
        until(lambda: newcomer in in_log(server, "oracle"))
    finally:
        assert end_all(listening, seconds=40.0) == []


def test_a_fleet_without_a_token_has_no_listener(file: Path, fleet: Typed) -> None:
    ended = fleet("listen")
    assert ended.code == 5
    assert "no ledger of the file has a token to listen with" in ended.stderr
