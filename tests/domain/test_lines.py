"""Which lines become events, and what a bad one is told."""

import json
from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.log_entry import entry_of_line
from temple_ledger.projections.testing.histories import at

GOOD: dict[str, Any] = {
    "event_id": "7a6b1d0e-5f0c-5c39-9d0e-3b1f6c1a52d4",
    "timestamp": "2026-01-01T01:00:00+00:00",
    "event_type": "discord_role_change",
    "user_id": "500000000000000001",
    "action": "added",
    "target": "400000000000000002",
    "metadata": {"granted_by": "mod"},
    "source": "discord",
}


def line(**changed: Any) -> str:
    return json.dumps({**GOOD, **changed})


def without(name: str) -> str:
    return json.dumps({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ("null", "not a JSON object"),
        (b'{"user_id": "\xff"}', "not UTF-8"),
        (line(member="x"), "unknown key 'member'"),
        *((without(name), f"{name} is missing") for name in ("timestamp", "event_type", "user_id", "action", "source")),
        *((line(**{name: ""}), f"{name} is empty") for name in ("event_type", "user_id", "action", "source")),
        *((line(**{name: 7}), f"{name} is not a string") for name in ("event_type", "user_id", "target", "timestamp")),
        (line(target=None), "target is missing; discord_role_change/added needs one"),
        (line(target=""), "target is missing"),
        (line(timestamp="2026-01-01T01:00:00"), "has no offset"),
        (line(timestamp="2026-01-01"), "has no offset"),
        (line(timestamp="yesterday"), "not an ISO 8601 time"),
        (line(timestamp="10000-01-01T00:00:00+00:00"), "not an ISO 8601 time"),
        (line(timestamp="0001-01-01T00:00:00+05:00"), "outside the years 1 to 9999"),
        (line(timestamp="2026-01-01T23:59:60+00:00"), "not an ISO 8601 time"),
        (line(timestamp="2026-02-30T00:00:00Z"), "there is no such day"),
        (line(timestamp="2026-13-01 00:00:00Z"), "there is no such day"),
        (line(timestamp="0000-02-30T00:00:00Z"), "not an ISO 8601 time"),
        (line(user_id="a\x00b"), "NUL"),
        (line(metadata={"deep": [{"er": "a\x00b"}]}), "NUL"),
        (line(metadata={"a\x00b": 1}), "NUL"),
        (without("metadata")[:-1] + ', "metadata": {"n": ' + "1" * 5_000 + "}}", "out of range"),
        (without("metadata")[:-1] + ', "metadata": {"n": 1e400}}', "out of range"),
        (without("metadata")[:-1] + ', "metadata": {"n": NaN}}', "not JSON"),
        (without("metadata")[:-1] + ', "metadata": {"s": "\\ud83d"}}', "not JSON"),
        (line(metadata=json.loads("[" * 65 + "]" * 65)), "deeper than 64 levels"),
        (line(metadata={"granted_by": "x" * 101}), "metadata.granted_by has 101 characters"),
        *((line(**{name: "x" * 51}), f"{name} has 51 characters") for name in ("event_type", "action", "source")),
        (line(user_id="x" * 101), "user_id has 101 characters"),
        (line(target="x" * 101), "target has 101 characters"),
        (line(event_type="patreon_membership", action="started", target="x" * 51), "target has 51 characters"),
        (line(event_id="no uuid"), "event_id is not a UUID"),
        (line(event_id=7), "event_id is not a UUID"),
    ],
)
def test_a_bad_line_is_refused_with_the_reason(bad: str | bytes, reason: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        entry_of_line(bad, catalogue=CATALOGUE)
    assert reason in refused.value.reason
    assert "\n" not in refused.value.reason


@pytest.mark.parametrize(
    ("timestamp", "instant"),
    [
        ("2026-01-01T02:00:00+01:00", at(1)),
        ("2026-01-01T01:00:00Z", at(1)),
        ("2026-01-01T01:00:00.123456789+00:00", at(1).replace(microsecond=123456)),
    ],
)
def test_times_are_kept_in_utc_to_the_microsecond(timestamp: str, instant: object) -> None:
    assert entry_of_line(line(timestamp=timestamp), catalogue=CATALOGUE).timestamp == instant


@pytest.mark.parametrize("metadata", [[1, 2], 7, "text", None, json.loads('{"a":' * 64 + "1" + "}" * 64)])
def test_metadata_of_any_json_is_kept(metadata: object) -> None:
    kept = entry_of_line(line(metadata=metadata), catalogue=CATALOGUE).metadata
    assert (None if kept is None else json.loads(kept)) == metadata


def test_what_an_export_adds_is_passed_over() -> None:
    assert entry_of_line(line(id=3, recorded_at="x", processed_at=None), catalogue=CATALOGUE) == entry_of_line(
        line(), catalogue=CATALOGUE
    )


def test_a_line_without_an_id_has_one_of_its_content() -> None:
    one = json.loads(without("event_id"))
    same = {**dict(reversed(one.items())), "timestamp": "2026-01-01T02:00:00+01:00"}
    other = {**one, "target": "another"}
    first, second, third = (
        entry_of_line(json.dumps(each), catalogue=CATALOGUE).event_id for each in (one, same, other)
    )
    assert first == second != third


def test_a_target_that_is_null_or_left_out_is_the_same_line() -> None:
    left = {key: value for key, value in GOOD.items() if key not in ("event_id", "target")} | {
        "event_type": "discord_join",
        "action": "joined",
    }
    assert entry_of_line(json.dumps(left), catalogue=CATALOGUE) == entry_of_line(
        json.dumps({**left, "target": None}), catalogue=CATALOGUE
    )


@pytest.mark.parametrize("colon", [":", " :", "\t:", "\n :", " \r\n: "])
@pytest.mark.parametrize("note", ["", '":', '" : ', '"', "a: b"])
def test_a_key_that_stands_twice_is_seen_however_it_is_written(colon: str, note: str) -> None:
    payload = f'{{"note": {json.dumps(note)}, "by": "one", "by"{colon}"two"}}'
    with pytest.raises(InvalidEvent, match="'by' stands twice"):
        entry_of_line(without("metadata")[:-1] + f', "metadata": {payload}}}', catalogue=CATALOGUE)
    once = payload.replace('"by": "one", ', "")
    entry_of_line(without("metadata")[:-1] + f', "metadata": {once}}}', catalogue=CATALOGUE)
