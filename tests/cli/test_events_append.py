"""`temple events append`: one event, once."""

import json

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from tests.cli.conftest import Typed
from tests.log.builders import line
from tests.queries.builders import role_created

GRANT = ("events", "append", "--type", "discord_role_change", "--action", "added", "--user", "ada")


def test_an_event_is_appended_from_its_options(temple: Typed) -> None:
    ended = temple(
        *GRANT,
        "--target",
        "Oracle",
        "--metadata",
        '{"granted_by": "eve"}',
        "--timestamp",
        "2026-01-02T03:04:05+01:00",
    )
    assert (ended.code, ended.stdout.startswith("appended at position 1, event_id ")) == (0, True)
    event = temple("events", "show", "1", "--json").data
    assert (event["user_id"], event["target"], event["source"]) == ("ada", "Oracle", "manual")
    assert event["timestamp"] == "2026-01-02T02:04:05.000000+00:00"
    assert event["metadata"] == {"granted_by": "eve"}


def test_type_and_action_may_be_given_in_one_word(temple: Typed) -> None:
    assert temple("events", "append", "--type", "discord_join/joined", "--user", "ada").code == 0
    event = temple("events", "show", "1", "--json").data
    assert (event["event_type"], event["action"]) == ("discord_join", "joined")


def test_an_event_is_appended_from_a_line_on_stdin(temple: Typed) -> None:
    fact = line("ada")
    appended = temple("events", "append", "-", "--json", stdin=json.dumps(fact)).data
    assert appended == {"position": 1, "added": True, "retracted": False, "event_id": fact["event_id"]}


def test_the_same_event_again_adds_nothing_and_is_no_error(temple: Typed) -> None:
    fact = json.dumps(line("ada"))
    temple("events", "append", "-", stdin=fact)
    ended = temple("events", "append", "-", stdin=fact)
    assert ended.code == 0
    assert "in the log already, at position 1" in ended.stdout


def test_the_same_event_id_with_another_content_is_refused(temple: Typed) -> None:
    fact = line("ada")
    temple("events", "append", "-", stdin=json.dumps(fact))
    ended = temple("events", "append", "-", stdin=json.dumps({**fact, "user_id": "bob"}))
    assert ended.code == 1
    assert "is in the log at position 1 with another content" in ended.stderr


def test_a_role_may_be_given_by_its_name_and_is_stored_by_its_id(temple: Typed, database: Database) -> None:
    LedgerScenario(database).given(role_created("400000000000000001", "Oracle"))
    ended = temple(*GRANT, "--target", "oracle")
    assert "oracle is role 400000000000000001" in ended.stderr
    assert temple("events", "show", "2", "--json").data["target"] == "400000000000000001"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "target is missing"),
        (("--target", "x" * 101), "target has 101 characters"),
        (("--target", "Oracle", "--metadata", "{"), "metadata is not JSON"),
        (("--target", "Oracle", "--event-id", "12"), "event_id is not a UUID"),
    ],
)
def test_what_the_log_does_not_take_is_one_sentence_with_the_reason(
    temple: Typed, arguments: tuple[str, ...], reason: str
) -> None:
    ended = temple(*GRANT, *arguments)
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.startswith("temple: this is no event that the log takes: ")
    assert reason in ended.stderr
    assert temple("events", "list", "--json").data == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--type", "discord_join/joined"),
        ("--user", "ada"),
        ("--type", "discord_join", "--user", "ada"),
        ("--type", "discord_join/joined", "--user", "ada", "--timestamp", "2026-01-02T03:04:05"),
        ("-", "--user", "ada"),
        ("history.jsonl",),
    ],
)
def test_half_an_event_is_a_usage_error(temple: Typed, arguments: tuple[str, ...]) -> None:
    assert temple("events", "append", *arguments).code == 2


@pytest.mark.parametrize("stdin", ["", "{}\n{}\n"])
def test_stdin_holds_one_line(temple: Typed, stdin: str) -> None:
    assert temple("events", "append", "-", stdin=stdin).code == 2
