"""`temple patreon setup`: each step is checked, and what is missing is said with what to do."""

from collections.abc import Iterator

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.sources.patreon.setup import TRIGGERS
from tests.cli.conftest import Ended, Typed, environment, home, temple  # noqa: F401 -- fixtures
from tests.fakes.patreon import CAMPAIGN, FakePatreon
from tests.webhooks.builders import SECRET, Receiver, receiver

KEY = {"TEMPLE_TOKEN_KEY": "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4="}
REFRESHING = {
    "TEMPLE_PATREON_REFRESH_TOKEN": "refresh-0",
    "TEMPLE_PATREON_CLIENT_ID": "id",
    "TEMPLE_PATREON_CLIENT_SECRET": "secret",
}


@pytest.fixture
def setup(temple: Typed, patreon: FakePatreon) -> Typed:  # noqa: F811
    def typed(*arguments: str, stdin: str | bytes | None = None, **environment: str | None) -> Ended:  # noqa: F811
        given = {
            "TEMPLE_PATREON_SECRETS": SECRET,
            "TEMPLE_PATREON_TOKEN": "first",
            "TEMPLE_PATREON_API_URL": patreon.url,
            **environment,
        }
        return temple("patreon", "setup", *arguments, stdin=stdin, **given)

    return typed


@pytest.fixture
def listening(database: Database) -> Iterator[Receiver]:
    with receiver(database) as running:
        yield running


def outcomes(ended: Ended) -> dict[str, str]:
    return {each["check"]: each["outcome"] for each in ended.data}


def found(ended: Ended, step: str) -> str:
    return str(next(f"{each['found']} {each['advice']}" for each in ended.data if each["check"] == step))


def test_with_everything_in_place_nothing_fails_and_the_address_and_triggers_are_printed(setup: Typed) -> None:
    ended = setup("--json")
    assert ended.code == 0
    assert outcomes(ended) == {
        "secret": "ok",
        "address": "warn",
        "token": "warn",
        "campaigns": "ok",
        "members": "ok",
        "webhooks": "ok",
    }
    assert "/hooks/patreon/main" in found(ended, "address")
    assert all(trigger in found(ended, "address") for trigger in TRIGGERS)
    assert CAMPAIGN in found(ended, "campaigns")
    assert SECRET not in ended.stdout + ended.stderr


def test_a_token_that_is_refreshed_is_no_warning(setup: Typed) -> None:
    assert outcomes(setup("--json", **REFRESHING, **KEY))["token"] == "ok"


def test_a_pair_without_a_key_to_store_it_with_is_found(setup: Typed) -> None:
    ended = setup("--json", **REFRESHING)
    assert outcomes(ended)["token"] == "fail"
    assert "set TEMPLE_TOKEN_KEY" in found(ended, "token")


def test_the_address_is_asked_where_it_is_said_to_be(setup: Typed, listening: Receiver) -> None:
    url = f"http://127.0.0.1:{listening.server.port}"
    reached = setup("--json", "--url", url)
    assert (reached.code, outcomes(reached)["address"]) == (3, "fail")
    assert f"{url}/hooks/patreon/main reaches the receiver, but Patreon delivers to https alone" in found(
        reached, "address"
    )
    other = setup("--json", "--url", url, TEMPLE_PATREON_SECRETS=f'{{"elsewhere": "{SECRET}"}}')
    assert "does not reach the receiver: 404" in found(other, "address")
    nobody = setup("--json", "--url", "http://127.0.0.1:9")
    assert "does not reach the receiver: ClientConnectorError" in found(nobody, "address")
    for no_url in ("ledger.our.org", "https://", ""):
        assert setup("--json", "--url", no_url).code == 2, no_url


def test_without_a_secret_and_a_token_both_are_named(setup: Typed) -> None:
    ended = setup("--json", TEMPLE_PATREON_SECRETS=None, TEMPLE_PATREON_TOKEN=None)
    assert (ended.code, outcomes(ended)) == (3, {"secret": "fail", "address": "warn", "token": "fail"})
    assert "Creator's Access Token" in found(ended, "token")


def test_a_secret_that_has_ended_fails(setup: Typed) -> None:
    ended_one = f'{{"main": [{{"secret": "{SECRET}", "until": "2020-01-01T00:00:00Z"}}]}}'
    assert outcomes(setup("--json", TEMPLE_PATREON_SECRETS=ended_one))["secret"] == "fail"


@pytest.mark.parametrize("token", ["another", "another\n", "Zoë-another-☕"])
def test_a_token_that_patreon_does_not_accept_fails(setup: Typed, token: str) -> None:
    ended = setup("--json", TEMPLE_PATREON_TOKEN=token)
    assert "another" not in ended.stdout + ended.stderr
    assert (ended.code, outcomes(ended)["token"]) == (3, "fail")
    assert "campaigns" not in outcomes(ended)


def test_a_campaign_of_somebody_else_fails(setup: Typed) -> None:
    ended = setup("--json", TEMPLE_PATREON_CAMPAIGN_IDS="42")
    assert (ended.code, outcomes(ended)["campaigns"]) == (3, "fail")
    assert f"the token is not of 42; it is of {CAMPAIGN}" in found(ended, "campaigns")


def test_a_scope_that_is_missing_fails_its_step_alone(setup: Typed, patreon: FakePatreon) -> None:
    patreon.forbidden |= {f"/campaigns/{CAMPAIGN}/members", "/webhooks"}
    ended = setup("--json")
    assert ended.code == 3
    assert (outcomes(ended)["members"], outcomes(ended)["webhooks"]) == ("fail", "warn")


def test_a_webhook_has_to_run_and_to_have_every_trigger(setup: Typed, patreon: FakePatreon) -> None:
    def of(**attributes: object) -> Ended:
        patreon.webhooks[:] = [{"type": "webhook", "id": "31", "attributes": attributes}]
        return setup("--json")

    assert outcomes(of(triggers=list(TRIGGERS)))["webhooks"] == "ok"
    assert "31 lacks members:delete" in found(
        of(triggers=[each for each in TRIGGERS if each != "members:delete"]), "webhooks"
    )
    assert outcomes(of(triggers=list(TRIGGERS), paused=True))["webhooks"] == "fail"


def test_patreon_that_cannot_be_reached_is_no_missing_step(setup: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temple_ledger.infrastructure.sources.patreon.client.MOST_ATTEMPTS", 1)
    ended = setup(TEMPLE_PATREON_API_URL="http://127.0.0.1:9")
    assert ended.code == 4
    assert "Patreon gave no answer" in ended.stderr


@pytest.mark.parametrize(
    ("database_url", "reason"),
    [("", "there is no ledger here"), ("postgresql:///temple?host=/nowhere", "cannot reach the database")],
)
def test_before_there_is_a_ledger_it_checks_what_needs_none(setup: Typed, database_url: str, reason: str) -> None:
    ended = setup("--json", TEMPLE_DATABASE_URL=database_url)
    assert ended.code == 0, ended.stderr
    assert outcomes(ended) == {
        "secret": "ok",
        "address": "warn",
        "ledger": "warn",
        "token": "warn",
        "campaigns": "ok",
        "members": "ok",
        "webhooks": "ok",
    }
    assert reason in found(ended, "ledger")


def test_before_there_is_a_ledger_a_token_is_not_refreshed(setup: Typed, patreon: FakePatreon) -> None:
    """What Patreon answers to a refresh would be lost, and with it the pair."""
    ended = setup("--json", TEMPLE_DATABASE_URL="", TEMPLE_PATREON_TOKEN=None, **REFRESHING)
    assert (outcomes(ended)["token"], "campaigns" in outcomes(ended)) == ("warn", False)
    assert "has to be stored in a ledger" in found(ended, "token")
    assert setup("--json", **REFRESHING, **KEY).code == 0
