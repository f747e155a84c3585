"""`temple effects`: what is shown of messages, and what people do about them."""

import json

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from tests.cli.conftest import Typed
from tests.effects.builders import outbox, warned, warnings, young

BOT = json.dumps({"log": {"kind": "notify", "channel": "bots"}})
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    """A message that waits, one that failed, one that is parked; and an old event that was held back."""
    ledger = LedgerScenario(database, projections=(warnings,))
    ledger.given(young("ada", 3, 13), young("bob", 2, 12), warned("cid", 1, 20))
    ledger.catch_up()
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("update effect_outbox set state = 'parked', error = 'gone' where sink = 'moderators'")
    return ledger


def test_effects_sinks_and_what_needs_somebody_are_listed(temple: Typed, ledger: LedgerScenario) -> None:
    listed = temple("effects", "list", TEMPLE_SINKS=BOT).stdout
    for shown in ("effective@1", "notify_moderators", "1 (too old 1)", "no such sink in these settings"):
        assert shown in listed
    assert "RuntimeError: unlucky" in listed
    found = json.loads(temple("effects", "list", "--json").stdout)["data"]
    assert [(each["state"], each["message_id"]) for each in found["messages"]] == [
        ("failed", "effective-1-1-notify_moderators-0"),
        ("parked", "effective-1-2-notify_moderators-0"),
    ]
    assert {each["sink"]: each["waiting"] for each in found["sinks"]} == {"log": 3, "moderators": 0}
    waiting = json.loads(temple("effects", "list", "--state", "waiting", "--json").stdout)["data"]["messages"]
    assert [each["sink"] for each in waiting] == ["log"] * 3


def test_what_is_due_is_delivered_and_what_is_parked_is_tried_again_or_skipped(
    temple: Typed, database: Database, ledger: LedgerScenario
) -> None:
    ended = temple("effects", "run", "--until-empty", TEMPLE_SINKS=BOT)
    assert (ended.code, ended.stdout) == (0, "3 messages delivered\n")
    (parked,) = outbox(database, states=["parked"])
    assert temple("effects", "retry", str(parked.id)).stdout == "1 message to be delivered now\n"
    assert temple("effects", "skip", str(parked.id), "--reason", "gone").stdout == "1 message skipped\n"
    ended = temple("effects", "skip", str(parked.id), "--reason", "gone")
    assert (ended.code, ended.stderr) == (
        5, f"temple: message {parked.id} is skipped; there is nothing to skip\n",
    )  # fmt: skip
    assert [each["kind"] for each in json.loads(temple("operations", "list", "--json").stdout)["data"]] == [
        "skip effects", "retry effects",
    ]  # fmt: skip


def test_a_message_of_a_package_that_is_not_here_is_not_made_again(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("effects", "retry", "--all")
    assert ended.code == 5
    assert "of version 1 of effective, which is not installed here" in ended.stderr


def test_a_message_that_is_not_there_is_named(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("effects", "skip", "4711", "--reason", "x")
    assert (ended.code, ended.stderr) == (1, "temple: no message in the outbox '4711'\n")


WRONG = {
    "no kind": ({"kind": "pigeon"}, "there is no kind 'pigeon'; there are discord, notify, webhook"),
    "no url": ({"kind": "webhook", "secret": SECRET}, "a webhook needs a url"),
    "no secret": ({"kind": "webhook", "url": "https://x"}, "a webhook needs a secret"),
    "a weak secret": ({"kind": "webhook", "url": "https://x", "secret": "hunter2"}, "whsec_ and 24 to 64 random bytes"),
    "no secret file": ({"kind": "webhook", "url": "https://x", "secret_file": "/none"}, "/none cannot be read"),
    "no channel": ({"kind": "notify"}, "a notification needs a channel"),
    "no bot": ({"kind": "discord", "channel": "1"}, "set TEMPLE_DISCORD_TOKEN"),
}


@pytest.mark.parametrize(("sink", "why"), WRONG.values(), ids=WRONG)
def test_a_sink_that_cannot_be_is_refused_without_its_secret(
    temple: Typed, ledger: LedgerScenario, sink: dict[str, str], why: str
) -> None:
    ended = temple("effects", "run", "--until-empty", TEMPLE_SINKS=json.dumps({"log": sink}))
    assert ended.code == 2
    assert ended.stderr.startswith("temple: setting sinks.log: ")
    assert why in ended.stderr
    assert "hunter2" not in ended.stderr


def test_without_a_sink_there_is_nothing_to_run(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("effects", "run")
    assert (ended.code, "no sink is configured" in ended.stderr) == (5, True)
