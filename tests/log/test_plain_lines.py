"""A line that is read at a glance is what the careful way makes of it; whatever is not plain is left to that way."""

import json
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import Event, Name100
from temple_ledger.infrastructure.demo import Community, generate
from temple_ledger.infrastructure.demo.malformed import sprinkled
from temple_ledger.infrastructure.log.admission import Admission, Allowed
from temple_ledger.infrastructure.log.import_chunk import Chunk
from temple_ledger.infrastructure.log.parsed_chunk import ParsedChunk, Pieces
from temple_ledger.infrastructure.log.plain_lines import MOST_TRIED, PlainLines
from tests.log.builders import NOON, line


class Ordered(Event, type="shop_order/placed"):
    item: Name100
    note: str | None = None


class Weighed(Event, type="shop_order/weighed"):
    grams: int


KNOWN = CATALOGUE.with_models([Ordered, Weighed])
ADA, ORACLE, OTHER = "800000000000000007", "400000000000000002", "400000000000000009"
ROLE = line("guild", event_type="discord_role", action="created", target=ORACLE, metadata={"name": "Oracle"})
FORMS: Sequence[dict[str, Any]] = (
    line(ADA),
    line(ADA, metadata={"flags": 0, "pending": True, "share": 1.50, "deep": {"er": ["", "b"]}}),
    line(
        ADA, event_type="discord_role_change", action="added", target=ORACLE, metadata={"granted_by": ADA, "why": "x"}
    ),
    line(ADA, event_type="discord_role_change", action="removed", target=ORACLE, metadata={"by": ADA}, event_id=...),
    line(
        ADA, event_type="patreon_membership", action="started", target="Seeker", source="patreon", metadata={"c%": "1%"}
    ),
    line(ADA, event_type="somebody", action="danced", target="to music", metadata={"12": "12"}),
    line(ADA, event_type="shop_order", action="placed", metadata={"item": "pen", "note": "blue", "noet": "x"}),
    line(ADA, event_type="shop_order", action="placed", metadata={"item": "pen", "event_version": 1}),
    line("guild", event_type="shop_order", action="placed", metadata={"item": "pen", "noet": "misspelt"}),
    line(ADA, event_type="shop_order", action="weighed", metadata={"grams": 5}),
    line(ADA, id=7, recorded_at="2026-01-02T12:00:00+00:00"),
)
IDS = (
    "3b863a9a-0439-4a7f-8197-9979ac7f26a4",
    "3B863A9A04394A7F81979979AC7F26A4",
    "3b863a9a0439-4a7f-8197-9979ac7f26-a4",
)
TIMES = (
    *("2026-01-02T12:00:00Z", "2026-01-02T14:30:00.1234567+02:30", "20260102T120000Z", "2026-01-02\\03:04:05+00:00"),
    *("1999-01-02T12:00:00Z", "2099-01-02T12:00:00Z", "2026-01-02 12:00:00", "2026-02-30T12:00:00Z", ""),
)
TEXTS = (
    "",
    "x",
    " x",
    "a" * 50,
    "a" * 101,
    "Ω",
    "Å",
    "\x00",
    "\x7f",
    "\t",
    "tab\\",
    "patreon:1",
    "none",
    "<@1>",
    "\uff11\uff12",
)
PEOPLE = (ADA, "guild", "12", *TEXTS)
COLUMNS = ("event_id", "timestamp", "user_id", "target", "metadata", "source", "action")
VALUES: Sequence[Any] = (*IDS, *TIMES, *PEOPLE, ORACLE, OTHER, "Oracle", None, {}, {"note": None, "granted_by": "eve"})
DAMAGES = ("", '"', "\\", "\x01", "é", '\\"', ":", '",')
NOTHING = Pieces([])

CHANGES = st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(VALUES), max_size=2)
LINES = st.tuples(st.sampled_from(FORMS), CHANGES)


def written(form: dict[str, Any], changes: dict[str, Any], *, spaced: bool = False) -> bytes:
    separators = (", ", ": ") if spaced else (",", ":")
    return json.dumps({**form, **changes}, ensure_ascii=False, separators=separators).encode() + b"\n"


NAMED = written(ROLE, {})


def admission(allowed: Allowed) -> Admission:
    return Admission(KNOWN, allowed=allowed, now=NOON)


def parsed(lines: Sequence[bytes], questions: Admission | None, *, most_tried: int = MOST_TRIED) -> ParsedChunk:
    chunk = Chunk(KNOWN, questions, PlainLines(KNOWN, questions, most_tried=most_tried))
    for number, text in enumerate(lines):
        chunk.add(number, text)
    return chunk.parsed(0)


def require_same(lines: Sequence[bytes], allowed: Allowed | None) -> None:
    found, wanted = (
        parsed(lines, None if allowed is None else admission(allowed), most_tried=most) for most in (MOST_TRIED, 0)
    )
    assert [found.rows[index] for index in range(len(found.rows))] == [
        wanted.rows[index] for index in range(len(wanted.rows))
    ]
    assert replace(found, rows=NOTHING, texts=NOTHING) == replace(wanted, rows=NOTHING, texts=NOTHING)
    assert len(found.texts) == len(found.rows) == len(wanted.texts)


FORMS_FIRST = [written(form, {}, spaced=spaced) for form in FORMS for spaced in (False, True)]


@pytest.mark.parametrize("allowed", [None, Allowed(), Allowed(unknown=True, future=True, names=True)])
def test_whatever_one_column_says_it_is_what_the_careful_way_makes_of_it(allowed: Allowed | None) -> None:
    lines = [written(form, {name: value}) for form in FORMS for name in COLUMNS for value in VALUES]
    lines += [
        written(form, {"metadata": {**form["metadata"], key: value}})
        for form in FORMS
        if form["metadata"]
        for key in form["metadata"]
        for value in (*PEOPLE, None, 7)
    ]
    require_same([*FORMS_FIRST, *lines], allowed)
    require_same([NAMED, *FORMS_FIRST, *lines], allowed)


@pytest.mark.parametrize("form", FORMS)
def test_wherever_a_line_is_damaged_it_is_what_the_careful_way_makes_of_it(form: dict[str, Any]) -> None:
    whole = written(form, {})
    lines = [
        whole[:place] + put.encode() + whole[place + max(1, len(put)) :]
        for place in range(len(whole))
        for put in DAMAGES
    ]
    require_same([NAMED, whole, *lines], Allowed())


@given(lines=st.lists(LINES, min_size=1, max_size=8), allowed=st.sampled_from([None, Allowed()]))
def test_lines_of_many_forms_are_what_the_careful_way_makes_of_them(
    lines: Sequence[tuple[dict[str, Any], dict[str, Any]]], allowed: Allowed | None
) -> None:
    require_same([written(form, changes) for form, changes in lines], allowed)


def test_a_community_is_parsed_as_with_care() -> None:
    genuine = [*generate(Community(seed=7, members=20, events=600, duplicate_share=0.05))]
    lines = [each.encode() for each in sprinkled(Random(7), genuine, count=60, among=len(genuine))]
    require_same(lines, Allowed())
    require_same([*reversed(lines)], Allowed())


@pytest.mark.parametrize("form", [form for form in FORMS[:7] if "event_id" in form])
def test_the_second_line_of_a_form_is_read_at_a_glance(form: dict[str, Any]) -> None:
    plain = PlainLines(KNOWN, None)
    Chunk(KNOWN, None, plain).add(1, written(form, {}))
    other = {"user_id": OTHER, "event_id": IDS[0], "timestamp": "2026-03-04T05:06:07.000008+01:00"}
    assert plain.read(written(form, other)) is not None


def test_lines_whose_keys_stand_in_any_order_are_what_the_careful_way_makes_of_them() -> None:
    names = [*FORMS[2]]
    orders = [Random(seed).sample(names, len(names)) for seed in range(60)]
    require_same([written({name: FORMS[2][name] for name in order}, {}) for order in (*orders, *orders)], Allowed())
