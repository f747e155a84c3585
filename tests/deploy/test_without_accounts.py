"""docs/without-accounts.md, typed from the first line to the last, with its fakes as a process of their own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.deploy.documented import ROOT, shown_in
from tests.deploy.test_tutorial import MOST_SECONDS, Typist, missing
from tests.ports import free_port

PAGE: Final = ROOT / "docs" / "without-accounts.md"
FAKES: Final = ".venv/bin/python -m tests.fakes temple.toml"


@pytest.fixture
def typist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Typist]:
    monkeypatch.chdir(tmp_path)
    environment = {"TEMPLE_HOME": str(tmp_path / "home"), "TEMPLE_CONFIG_FILE": "", "PYTHONPATH": str(ROOT)}
    made = Typist({**environment, "TEMPLE_METRICS_PORT": "0", "TEMPLE_RECEIVE_PORT": str(free_port())})
    try:
        yield made
    finally:
        made.ends_all()


def test_everything_can_be_tried_without_an_account(typist: Typist, tmp_path: Path) -> None:
    receiver = f"http://127.0.0.1:{typist.environment['TEMPLE_RECEIVE_PORT']}"
    fakes = typist.starts(sys.executable, "-m", "tests.fakes", "temple.toml", "--every", "0.5", "--receiver", receiver)
    assert fakes.stdout is not None
    for shown in [shown for shown in shown_in(PAGE) if not shown.inline]:
        if shown.text == FAKES:
            assert fakes.stdout.readline().rstrip() == shown.says[0]
        elif shown.text == "temple up":
            typist.ups_until_ready()
            typist.waits_for("temple inbox list --source patreon", "translated")
            # those who were there before are read some seconds later
            typist.waits_for("temple member find Dina --json", '"status": "active"')
        else:
            code, said = typist.types(shown.text)
            assert code == shown.code, f"{shown}\nended with {code}\n{said}"
            assert missing(shown, said) == [], f"{shown}\n{said}"
    settings = (tmp_path / "temple.toml").read_text()
    fakes.send_signal(signal.SIGINT)
    assert fakes.wait(MOST_SECONDS) == 0
    happened = fakes.stdout.read()
    assert "began to pay for" in happened
    assert 'discord_token = "' in settings


def test_settings_of_somebody_else_are_not_overwritten(tmp_path: Path) -> None:
    theirs = tmp_path / "temple.toml"
    theirs.write_text("operator = 'me'\n")
    command = [sys.executable, "-m", "tests.fakes", str(theirs)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "is there already" in ended.stderr
    assert theirs.read_text() == "operator = 'me'\n"
