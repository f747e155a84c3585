"""A field that is there, in a form that Patreon does not document: nothing follows from it, and it is named."""

from typing import Any

import pytest

from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import read_snapshot
from temple_ledger.infrastructure.sources.patreon.health import patreon_health
from temple_ledger.infrastructure.sources.patreon.webhook_body import Described, read_body
from tests.cli.conftest import Typed, environment, home, temple
from tests.fakes.patreon import FakePatreon
from tests.patreon.asking import Source
from tests.patreon.bodies import ACOLYTE, NOVICE, encoded, member_document
from tests.patreon.feed import Feed
from tests.patreon.test_bodies import changed

__all__ = ["environment", "home", "temple"]

LEFT_OUT = "not in a form that Patreon documents, and left out: "


def unread(document: Any) -> tuple[str, ...]:
    found = read_body("members:update", encoded(document))
    assert isinstance(found, Described)
    return tuple(found.unread)


@pytest.mark.parametrize(
    ("path", "value", "fields"),
    [
        ("data.attributes.patron_status", 7, ("patron_status",)),
        ("data.attributes.patron_status", "paused_patron", ("patron_status",)),
        ("data.attributes.last_charge_date", "yesterday", ("last_charge_date",)),
        ("data.attributes.last_charge_date", 1785747164, ("last_charge_date",)),
        ("data.attributes.will_pay_amount_cents", "1000", ("will_pay_amount_cents",)),
        ("data.attributes.currently_entitled_amount_cents", 10.0, ("currently_entitled_amount_cents",)),
        ("data.attributes", [], ("attributes",)),
        ("data.relationships.currently_entitled_tiers.data", {}, ("currently_entitled_tiers",)),
        (
            "data.relationships.currently_entitled_tiers.data",
            [{"type": "reward", "id": "1"}],
            ("currently_entitled_tiers",),
        ),
        ("data.relationships.user.data", {"type": "user", "id": "a b"}, ("user",)),
        ("data.relationships", [], ("relationships",)),
        ("included.2.attributes.social_connections", {"discord": {"id": "5"}}, ("discord",)),
        ("included.2.attributes.social_connections", {"discord": "500000000000000001"}, ("discord",)),
    ],
)
def test_fields_that_are_there_in_another_form_are_named(path: str, value: Any, fields: tuple[str, ...]) -> None:
    assert unread(changed(path, value)) == fields


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.attributes.patron_status", None),
        ("data.attributes.last_charge_date", None),
        ("data.relationships.currently_entitled_tiers.data", []),
        ("data.relationships.user.data", None),
        ("data.relationships.currently_entitled_tiers.data", None),
        ("included.2.attributes.social_connections", None),
        ("included.2.attributes.social_connections", {"discord": None}),
        ("included.2.attributes.social_connections", {"twitch": {"url": "x"}}),
        ("included", []),
        ("data.attributes.a_field_of_tomorrow", {"any": "thing"}),
    ],
)
def test_what_is_missing_null_or_new_is_as_documented(path: str, value: Any) -> None:
    assert unread(changed(path, value)) == ()


def test_a_field_that_is_left_out_is_not_in_another_form() -> None:
    assert unread(member_document(ACOLYTE, without=("patron_status", "currently_entitled_tiers", "campaign"))) == ()


def test_such_a_delivery_has_a_note_and_is_counted(feed: Feed, temple: Typed) -> None:
    feed.update(ACOLYTE)
    assert "documents" not in temple("status").stdout
    feed.hears("update", changed("data.relationships.currently_entitled_tiers.data", [{"type": "reward", "id": "1"}]))
    assert feed.outcomes()[-1] == ("translated", f"{LEFT_OUT}currently_entitled_tiers")
    with feed.database.connect(DatabaseRole.READ) as connection:
        assert patreon_health(connection).unread == 1
    assert "1 delivery with fields not in a form that Patreon documents, which were left out" in temple("status").stdout


def test_a_snapshot_says_which_fields_of_its_rows_it_could_not_read(feed: Feed, patreon: FakePatreon) -> None:
    source = Source(feed, patreon)
    feed.update(NOVICE)
    document = member_document(ACOLYTE)
    document["data"]["relationships"]["currently_entitled_tiers"]["data"] = [{"type": "reward", "id": "1"}]
    patreon.put(document)
    snapshot_id = source.takes()
    with feed.database.connect(DatabaseRole.READ) as connection:
        note = read_snapshot(connection, snapshot_id).note
    assert note == f"in some rows {LEFT_OUT}currently_entitled_tiers"


def test_a_status_that_nobody_documented_is_no_end(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(status="paused_patron")
    assert feed.outcomes()[-1] == (
        "translated",
        f"an active patron without a paid tier: to be looked at again; {LEFT_OUT}patron_status",
    )
    feed.update(ACOLYTE, status="paused_patron")
    assert [each.action for each in feed.told()] == ["started"]
