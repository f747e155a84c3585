"""Who gets through the door."""

import json
import re
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.sources.patreon.webhook import TRIGGERS, patreon_endpoint, signature
from temple_ledger.infrastructure.sources.patreon.webhook_secrets import CampaignSecret
from tests.webhooks.builders import NOW, OLD_SECRET, OTHER_SECRET, SECRET, VECTOR, receiver, rows, signed

GOOD = "ea3a294a790f832556ff5462d6afa5d2"


def test_the_signature_is_the_hmac_md5_of_the_raw_bytes() -> None:
    assert len(VECTOR) == 140
    assert sha256(VECTOR).hexdigest() == "abd2486b999767b599b8ed9ff8c63f8bd45462b6074554c15b4069149440a198"
    assert signature(SECRET.encode(), VECTOR) == GOOD.encode()


def test_where_python_has_no_md5_it_says_so_and_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise ValueError("unsupported hash type md5")

    monkeypatch.setattr("hmac.digest", refuse)
    with pytest.raises(Refused, match="FIPS"):
        patreon_endpoint("main", [CampaignSecret(secret=SecretStr(SECRET))])


def test_signatures_are_compared_in_constant_time_only() -> None:
    source = Path(patreon_endpoint.__code__.co_filename).read_text(encoding="utf-8")
    assert source.count("compare_digest(") == 1
    assert not re.search(r"signature\([^)]*\)\s*(==|!=|in)\s", source)


def test_a_verified_delivery_is_kept_byte_by_byte(database: Database) -> None:
    with receiver(database) as ours:
        answer = ours.send()
        assert (answer.code, answer.body) == (200, b"")
    assert rows(database) == [("members:update", "main", VECTOR, 0)]
    assert rows(database, "digest") == [sha256(b"members:update\0" + VECTOR).digest()]
    assert rows(database, "source, received_at, state") == [("patreon", NOW, "waiting")]


EVENT = ("X-Patreon-Event", b"members:update")
HOSTILE = {
    "missing": [],
    "empty": [b""],
    "of another body": [signature(SECRET.encode(), b"other")],
    "of another secret": [signature(b"a secret of somebody else", VECTOR)],
    "of another campaign": [signature(OTHER_SECRET.encode(), VECTOR)],
    "in upper case": [GOOD.upper().encode()],
    "too short": [GOOD[:-1].encode()],
    "too long": [GOOD.encode() + b"0"],
    "with a prefix": [b"md5=" + GOOD.encode()],
    "of 32 bytes that are no ASCII": [b"\xe9" * 32],
    "of digits beyond ASCII": ["٣".encode() * 16],
    "of other letters": [b"g" * 32],
    "repeated": [GOOD.encode(), GOOD.encode()],
    "repeated, the bad one first": [b"0" * 32, GOOD.encode()],
    "twice in one line": [GOOD.encode() + b", " + GOOD.encode()],
}


def test_a_signature_that_is_not_exactly_right_is_401_without_a_word_and_nothing_is_kept(database: Database) -> None:
    with receiver(database) as ours:
        answers = {
            name: ours.send(headers=[EVENT, *(("X-Patreon-Signature", each) for each in given)])
            for name, given in HOSTILE.items()
        }
        assert {name: answer.code for name, answer in answers.items()} == dict.fromkeys(HOSTILE, 401)
        assert {answer.body for answer in answers.values()} == {b""}
        assert ours.send().code == 200
    assert len(rows(database)) == 1


def test_a_body_that_was_parsed_and_written_again_is_refused(database: Database) -> None:
    with receiver(database) as ours:
        again = json.dumps(json.loads(VECTOR)).encode()
        assert ours.send(again, signed(VECTOR)).code == 401
        assert ours.send(VECTOR + b"\n", signed(VECTOR)).code == 401
    assert rows(database) == []


def test_while_a_secret_is_replaced_both_are_good_until_the_old_ones_time_is_up(database: Database) -> None:
    now = NOW
    with receiver(database, clock=lambda: now) as ours:
        assert ours.send(b"{}", signed(b"{}", OLD_SECRET)).code == 200
        now = NOW + timedelta(hours=1)
        assert ours.send(b"[]", signed(b"[]", OLD_SECRET)).code == 401
        assert ours.send(b"[]", signed(b"[]", SECRET)).code == 200


def test_each_campaign_has_its_own_path_and_secret(database: Database) -> None:
    with receiver(database) as ours:
        assert ours.send(headers=signed(VECTOR, OTHER_SECRET), path="/hooks/patreon/second").code == 200
        assert ours.send(headers=signed(VECTOR, SECRET), path="/hooks/patreon/second").code == 401
        assert ours.send(headers=signed(VECTOR, SECRET), path="/hooks/patreon/third").code == 404
    assert rows(database, "origin") == ["second"]


def test_a_slash_at_the_end_of_the_path_is_the_same_path(database: Database) -> None:
    with receiver(database) as ours:
        assert ours.send(path="/hooks/patreon/main/").code == 200
        assert ours.send(path="/hooks/patreon/main").code == 200
        assert ours.send(headers=signed(VECTOR, OTHER_SECRET), path="/hooks/patreon/second/").code == 200
        assert ours.send(headers=signed(VECTOR, OTHER_SECRET), path="/hooks/patreon/main/").code == 401
        assert ours.send(path="/hooks/patreon/main//").code == 404
    assert rows(database, "origin, repeats") == [("main", 2)]


def test_a_captured_body_under_another_trigger_is_another_delivery_that_the_translator_judges(
    database: Database,
) -> None:
    with receiver(database) as ours:
        assert ours.send(headers=signed(VECTOR, trigger="members:delete")).code == 200
        assert ours.send(headers=signed(VECTOR, trigger="members:create")).code == 200
    assert rows(database, "kind") == ["members:delete", "members:create"]


UNKNOWN = [[], [b"\xe9" * 300], [b"members:update", b"members:delete"], [b"a\tb"], [b"members:pledge:pause"], [b""]]


def test_a_captured_body_under_ever_new_triggers_is_one_delivery_for_each_that_patreon_has(database: Database) -> None:
    triggers = [*UNKNOWN, *([each.encode()] for each in sorted(TRIGGERS)), *([str(n).encode()] for n in range(30))]
    with receiver(database) as ours:
        for given in triggers:
            headers = [("X-Patreon-Signature", GOOD.encode()), *(("X-Patreon-Event", each) for each in given)]
            assert ours.send(headers=headers).code == 200
    assert sorted(rows(database, "kind")) == sorted(TRIGGERS)


def test_a_body_under_a_trigger_that_patreon_did_not_have_before_is_taken_as_an_update(database: Database) -> None:
    with receiver(database) as ours:
        assert ours.send(headers=signed(VECTOR, trigger="members:pledge:pause")).code == 200
        assert ours.send(headers=signed(VECTOR)).code == 200
    assert rows(database, "kind, repeats") == [("members:update", 1)]


GARBAGE = [b"", b"not JSON", b"\x00\xff\xfe", b"[" * 100_000, b'{"a":"\\u0000"}', b"\xef\xbb\xbf{}"]


def test_garbage_with_a_good_signature_is_kept_as_it_is(database: Database) -> None:
    with receiver(database) as ours:
        assert [ours.send(body, signed(body)).code for body in GARBAGE] == [200] * len(GARBAGE)
    assert rows(database, "body, state") == [(body, "waiting") for body in GARBAGE]
