"""A port that somebody else listens on: whose it is, who may have it, and which setting chooses another."""

from collections.abc import Iterator

import pytest

from temple_ledger.infrastructure.ingestion.webhooks.listening import listening
from tests.cli.conftest import Typed

SECRET = "temple-ledger-a-secret"


@pytest.fixture
def taken() -> Iterator[str]:
    with listening("127.0.0.1", 0) as door:
        yield str(door.getsockname()[1])


@pytest.mark.parametrize(
    ("command", "settings", "whose"),
    [
        (["receive", "--port", "0"], ["TEMPLE_RECEIVE_METRICS_PORT"], "the receiver's metrics"),
        (["receive"], ["TEMPLE_RECEIVE_PORT"], "the receiver"),
        (["run"], ["TEMPLE_METRICS_PORT"], "the runner's metrics"),
        (["up"], ["TEMPLE_METRICS_PORT"], "the runner's metrics"),
        (["up"], ["TEMPLE_RECEIVE_PORT", "TEMPLE_PATREON_SECRETS"], "the receiver"),
    ],
)
def test_the_message_names_the_port_its_setting_and_who_may_have_it(
    temple: Typed, taken: str, command: list[str], settings: list[str], whose: str
) -> None:
    setting = settings[0]
    given = {"TEMPLE_PATREON_SECRETS": SECRET} if command[0] == "receive" or len(settings) > 1 else {}
    ended = temple(*command, **{"TEMPLE_RECEIVE_METRICS_PORT": "0", **given, setting: taken})
    assert ended.code == 1
    other = "receive" if "receiver" in whose else "run"
    assert f"{whose} cannot listen on 127.0.0.1 port {taken}: address already in use" in ended.stderr
    assert f"perhaps by another temple {other}" in ended.stderr
    assert setting in ended.stderr


def test_an_address_of_another_machine_is_no_port_that_is_taken(temple: Typed) -> None:
    elsewhere = {"TEMPLE_RECEIVE_HOST": "192.0.2.1", "TEMPLE_RECEIVE_METRICS_PORT": "0"}
    ended = temple("receive", TEMPLE_PATREON_SECRETS=SECRET, **elsewhere)
    assert ended.code == 1
    assert "the receiver cannot listen on 192.0.2.1 port 8080" in ended.stderr
    assert "another temple" not in ended.stderr
    assert "TEMPLE_RECEIVE_HOST" in ended.stderr
