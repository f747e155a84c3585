"""What a body says of a membership, and what is not read at all."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temple_ledger.infrastructure.sources.patreon.membership import ABSENT, Membership, Tier
from temple_ledger.infrastructure.sources.patreon.membership_json import membership_as_json, membership_from_json
from temple_ledger.infrastructure.sources.patreon.strict_json import MAX_DEPTH, UnreadableBody, read_json
from temple_ledger.infrastructure.sources.patreon.webhook_body import Aside, Described, read_body
from tests.patreon.bodies import (
    ACOLYTE,
    CAMPAIGN,
    DISCORD,
    FREE,
    IRIS,
    MEMBER,
    START,
    TEST_BODY,
    encoded,
    member_document,
)


def described(document: Any) -> Membership:
    found = read_body("members:update", encoded(document))
    assert isinstance(found, Described)
    return found.membership


def changed(path: str, value: Any) -> dict[str, Any]:
    """A good document with *value* at *path*."""
    document = member_document(ACOLYTE)
    place: Any = document
    *before, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in before:
        place = place[part]
    place[last] = value
    return document


def test_a_body_is_read_as_the_membership_that_it_describes() -> None:
    assert described(member_document(ACOLYTE, next_charge=START)) == Membership(
        member_id=MEMBER,
        patreon_id=IRIS,
        campaign_id=CAMPAIGN,
        discord_id=DISCORD,
        status="active_patron",
        tiers=(Tier(ACOLYTE[0], "Acolyte", 1000, ("400000000000000002",)),),
        entitled_cents=1000,
        will_pay_cents=1000,
        lifetime_cents=1000,
        charge_status="Paid",
        charged_at=START,
        next_charge_at=START,
        pledged_at=START,
    )


def test_what_is_left_out_is_not_said_and_null_is_none() -> None:
    without = described(member_document(ACOLYTE, without=("patron_status", "currently_entitled_tiers", "campaign")))
    assert (without.status, without.tiers, without.campaign_id) == (ABSENT, ABSENT, ABSENT)
    assert described(member_document(status=None)).status is None
    assert described(member_document()).tiers == ()


def test_included_objects_are_found_by_type_and_id_whatever_their_order() -> None:
    document = member_document(ACOLYTE, FREE)
    document["included"].reverse()
    document["included"].insert(0, {"type": "user", "id": ACOLYTE[0], "attributes": {}})
    assert described(document) == described(member_document(ACOLYTE, FREE))


@pytest.mark.parametrize(
    ("connections", "expected"),
    [
        ({"discord": {"user_id": DISCORD}}, DISCORD),
        ({"discord": {"user_id": int(DISCORD)}}, DISCORD),
        ({"discord": None}, None),
        ({"discord": {"user_id": None}}, None),
        ({"discord": {"url": "x"}}, ABSENT),
        ({"discord": {"user_id": "somebody"}}, ABSENT),
        ({"discord": {"user_id": "99999999999999999999"}}, ABSENT),
        ({"twitch": None}, ABSENT),
        (None, ABSENT),
        ([], ABSENT),
    ],
)
def test_a_link_is_said_by_its_key_only(connections: Any, expected: Any) -> None:
    assert described(changed("included.2.attributes.social_connections", connections)).discord_id == expected


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("data.attributes.patron_status", 7, "status"),
        ("data.attributes.patron_status", "iris@example.org", "status"),
        ("data.attributes.last_charge_status", "x" * 60, "charge_status"),
        ("data.attributes.last_charge_date", "yesterday", "charged_at"),
        ("data.attributes.last_charge_date", "2026-08-03T09:12:44", "charged_at"),
        ("data.attributes.last_charge_date", "294276-01-01T00:00:00Z", "charged_at"),
        ("data.attributes.will_pay_amount_cents", 1.5, "will_pay_cents"),
        ("data.attributes.will_pay_amount_cents", True, "will_pay_cents"),
        ("data.attributes.will_pay_amount_cents", "1000", "will_pay_cents"),
        ("data.relationships.currently_entitled_tiers.data", {}, "tiers"),
        ("data.relationships.currently_entitled_tiers.data", [{"type": "tier"}], "tiers"),
        ("data.relationships.user.data", {"type": "user", "id": "a b"}, "patreon_id"),
        ("data.relationships", [], "tiers"),
        ("data.attributes", None, "status"),
    ],
)
def test_what_has_not_the_documented_form_is_not_said(path: str, value: Any, field: str) -> None:
    assert getattr(described(changed(path, value)), field) is ABSENT


def test_the_title_of_a_tier_is_one_line_of_text() -> None:
    tiers = described(member_document(("1", "Gold\n\x1b[31m  tier", 5))).tiers
    assert tiers == (Tier("1", "Gold [31m tier", 5),)


def test_the_sum_ever_paid_has_an_older_name() -> None:
    document = member_document(ACOLYTE, lifetime=700, without=("campaign_lifetime_support_cents",))
    assert described(document).lifetime_cents == 700


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'{"data": NaN}',
        b'{"data": -Infinity}',
        b'{"data": "\\u0000"}',
        b'{"data": {"\\u0000": 1}}',
        b'{"data": "\\ud83d"}',
        b'{"data": 1, "data": 2}',
        b'{"data": %s}' % (b"9" * 5_000),
        b'{"data": %s}' % (b"9" * 19),
        b'{"data": -%s}' % (b"9" * 19),
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"data": 1}garbage',
    ],
)
def test_what_no_database_keeps_and_no_sender_means_is_not_read(raw: bytes) -> None:
    with pytest.raises(UnreadableBody):
        read_json(raw)


@pytest.mark.parametrize("raw", [b'{"data": 1e400}', b'{"data": 123456789012345678}', '{"data": "Zoë ☕"}'.encode()])
def test_what_is_odd_and_harmless_is_read(raw: bytes) -> None:
    assert "data" in read_json(raw)


def test_the_message_never_repeats_the_body() -> None:
    with pytest.raises(UnreadableBody) as caught:
        read_json(b'{"email": "iris@example.org", "email": "iris@example.org"}')
    assert "iris" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("members:pledge:create", TEST_BODY),
        ("posts:publish", {"data": {"type": "post", "id": "1"}}),
        ("pledges:create", {"data": {"type": "pledge", "id": "1", "attributes": {}}}),
        ("posts:publish", member_document(ACOLYTE)),
    ],
)
def test_what_is_about_no_membership_is_set_aside(kind: str, document: Any) -> None:
    assert isinstance(read_body(kind, encoded(document)), Aside)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
PATHS = st.sampled_from(
    [
        "data",
        "data.id",
        "data.type",
        "data.attributes",
        "data.attributes.patron_status",
        "data.attributes.last_charge_date",
        "data.attributes.currently_entitled_amount_cents",
        "data.relationships",
        "data.relationships.user",
        "data.relationships.user.data",
        "data.relationships.currently_entitled_tiers",
        "data.relationships.currently_entitled_tiers.data",
        "included",
        "included.1",
        "included.1.attributes",
        "included.1.attributes.title",
        "included.1.attributes.discord_role_ids",
        "included.2.attributes.social_connections.discord",
    ]
)


@given(PATHS, JSON)
def test_anything_anywhere_is_read_set_aside_or_refused(path: str, value: Any) -> None:
    """Never another error: a body is a stranger's."""
    try:
        found = read_body("members:update", json.dumps(changed(path, value)).encode())
    except UnreadableBody:
        return
    if isinstance(found, Described):
        assert membership_from_json(json.loads(json.dumps(membership_as_json(found.membership)))).member_id


@given(st.binary(max_size=200))
def test_any_bytes_are_read_set_aside_or_refused(raw: bytes) -> None:
    with contextlib.suppress(UnreadableBody):
        read_body("members:update", raw)


def test_what_was_said_is_kept_and_read_back_the_same() -> None:
    told = described(member_document(ACOLYTE, FREE, without=("will_pay_amount_cents",)))
    back = membership_from_json(json.loads(json.dumps(membership_as_json(told))))
    assert back == Membership(**{**vars(told), "tiers": tuple(Tier(*_plain(tier)) for tier in _tiers(told))})


def _tiers(told: Membership) -> tuple[Tier, ...]:
    assert isinstance(told.tiers, tuple)
    return told.tiers


def _plain(tier: Tier) -> tuple[str, str | None, int | None]:
    """Without its roles, which the table of tiers keeps."""
    return tier.id, tier.title, tier.amount_cents
