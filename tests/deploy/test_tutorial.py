"""docs/tutorial.md, typed from the first line to the last by somebody who has nothing yet.

Discord and Patreon are the fakes; what a person does on their pages is done to these, where the page says so.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from temple_ledger import cli
from tests.deploy.documented import ROOT, Shown, shown_in
from tests.discord.test_listening import people
from tests.discord.world import new_guild
from tests.fakes.discord_guild import TrueGuild
from tests.fakes.fake_discord import FakeDiscord
from tests.fakes.patreon import FakePatreon, fake_patreon
from tests.patreon.bodies import ACOLYTE, member_document
from tests.ports import free_port

PAGE: Final = ROOT / "docs" / "tutorial.md"
TOML: Final = re.compile(r"```toml\n(.*?)```", re.DOTALL)
STANDS_FOR: Final = {
    "paste the token here": "a-token",
    "the Creator's Access Token": "first",
    "the Creator's Refresh Token": "refresh-0",
    "the Client ID": "an-id",
    "the Client Secret": "a-client-secret",
    "the secret of the webhook": "temple-ledger-test-secret",
}
MOST_SECONDS: Final = 60.0


@dataclass
class Typist:
    """Who types a page, in a folder of their own. `ups`: what was started and goes on."""

    environment: dict[str, str]
    ups: list["subprocess.Popen[str]"] = field(default_factory=list)

    def starts(self, *command: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            command,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.ups.append(process)
        return process

    def types(self, text: str) -> tuple[int, str]:
        if not text.startswith("temple ") or "db shell" in text:
            command = text.replace("temple ", f"{sys.executable} -m temple_ledger.cli ", 1)
            environment = {**os.environ, **self.environment}
            done = subprocess.run(
                ["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=300, check=False
            )
            return done.returncode, done.stdout + done.stderr
        ended = CliRunner().invoke(cli.temple, shlex.split(text)[1:], env=dict(self.environment))
        return ended.exit_code, ended.output

    def ups_until_ready(self) -> None:
        process = self.starts(sys.executable, "-m", "temple_ledger.cli", "up")
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("ready"):
                threading.Thread(target=process.stdout.read, daemon=True).start()
                return
        raise AssertionError("".join(said))

    def waits_for(self, command: str, wanted: str) -> None:
        deadline = time.monotonic() + MOST_SECONDS
        while wanted not in (said := self.types(command)[1]):
            assert time.monotonic() < deadline, said
            threading.Event().wait(0.1)

    def ends_up(self) -> None:
        for process in self.ups:
            process.send_signal(signal.SIGINT)
            assert process.wait(MOST_SECONDS) == 0
        self.ups.clear()

    def ends_all(self) -> None:
        for process in self.ups:
            process.kill()
            process.wait()
        self.types("temple db stop")


@dataclass
class Reader(Typist):
    """Of the tutorial."""

    folder: Path = field(kw_only=True)
    guild: TrueGuild = field(kw_only=True)
    discord: FakeDiscord = field(kw_only=True)
    patreon: FakePatreon = field(kw_only=True)

    def writes_settings(self) -> None:
        """Every block of the page, and where the fakes are."""
        text = "".join(TOML.findall(PAGE.read_text()))
        for shown, value in STANDS_FOR.items():
            assert shown in text
            text = text.replace(shown, value)
        text += f'discord_api_url = "{self.discord.api_url}"\ndiscord_gateway_url = "{self.discord.gateway_url}"\n'
        text += f'patreon_api_url = "{self.patreon.url}"\nmetrics_port = 0\nreceive_port = {free_port()}\n'
        (self.folder / "temple.toml").write_text(text)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.chdir(tmp_path)
    guild = new_guild(7, ["Oracle"], now=datetime.now(UTC))
    guild.wait(-3600)
    people(guild, 3, roles=1)
    guild.bot_is_in = False
    environment = {"TEMPLE_HOME": str(tmp_path / "home"), "TEMPLE_CONFIG_FILE": "", "PYTHONPATH": str(ROOT)}
    with FakeDiscord(guild) as discord, fake_patreon() as patreon:
        patreon.put(member_document(ACOLYTE))
        made = Reader(environment, folder=tmp_path, guild=guild, discord=discord, patreon=patreon)
        try:
            yield made
        finally:
            made.ends_all()


def test_the_tutorial_leads_from_nothing_to_a_ledger_of_both_platforms(reader: Reader) -> None:
    typed = [shown for shown in shown_in(PAGE) if not shown.inline]
    assert [shown.text for shown in typed][:2] == ["install -m 0600 /dev/null temple.toml", "nano temple.toml"]
    for shown in typed:
        before(shown, reader)
        if shown.text.startswith("nano"):
            reader.writes_settings()
        elif shown.text == "temple up":
            reader.ups_until_ready()
            reader.waits_for("temple member list", min(reader.guild.members))
        elif "--url" in shown.text:
            checks_patreon(shown, reader)
        else:
            code, said = reader.types(shown.text)
            assert code == shown.code, f"{shown}\nended with {code}\n{said}"
            assert missing(shown, said) == [], f"{shown}\n{said}"
    reader.ends_up()
    assert "Acolyte" in reader.types("temple member list")[1] + reader.types("temple events list")[1]


def before(shown: Shown, reader: Reader) -> None:
    """What the page has the reader do elsewhere before that line."""
    if shown.text == "temple discord setup" and shown.code == 0:
        reader.guild.bot_is_in = True  # the link was opened
    if shown.text.startswith("temple verify"):
        reader.types("temple projection wait members")


def checks_patreon(shown: Shown, reader: Reader) -> None:
    """The address of the page is not ours: all but that step is in place."""
    code, said = reader.types(f"{shown.text} --json")
    assert code == 3
    found = re.findall(r'"check": "(\w+)", "outcome": "(\w+)"', said)
    assert {step for step, outcome in found if outcome != "ok"} == {"address"}


def missing(shown: Shown, said: str) -> list[str]:
    """Lines of the page that were not printed, whatever the ids."""
    printed = re.sub(r"\d{6,}", "ID", said)
    return [line for line in shown.says if re.sub(r"\d{6,}", "ID", line).strip() not in printed]
