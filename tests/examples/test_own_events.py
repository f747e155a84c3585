"""What docs/own-events.md promises to authors."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from uuid import UUID

import pytest

from temple_ledger import (
    Database,
    EventType,
    LedgerScenario,
    MemberProjection,
    Row,
    Specification,
    at,
    projection,
    stored_row,
)
from temple_ledger.projections import registry
from tests.examples.own_events import MemberWarned, Rule, Severity

PAGE = Path(__file__).parents[2] / "docs" / "own-events.md"
EVERYTHING = MemberWarned(
    user_id="ada",
    occurred_at=at(1),
    source="bot",
    channel="general",
    by="eve",
    points=5,
    public=True,
    severity=Severity.GRAVE,
    fine=Decimal("12.50"),
    day=date(2026, 3, 1),
    expires_at=datetime(2026, 4, 1, 12, tzinfo=UTC),
    lasts=timedelta(days=3),
    case=UUID(int=7),
    rule=Rule(paragraph=3, title="be kind"),
    tags=("spam", "again"),
    weights={"a": 0.1},
)


class Last(Row, table="example_last_warning"):
    event: dict[str, object] = {}  # noqa: RUF012 - a column's default, never changed


def own_fields(event: MemberWarned) -> dict[str, object]:
    return event.model_dump(mode="json", exclude={"position", "user_id", "occurred_at", "source"})


def last_warning() -> MemberProjection[Last]:
    made = projection("last_warning", version=1, state=Last)

    @made.on
    def _(row: Last, event: MemberWarned) -> Last:
        return row.replace(
            event=event.model_dump(mode="json", exclude={"position", "user_id", "occurred_at", "source"})
        )

    return made


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    registry.loaded.cache_clear()


def test_every_field_type_reads_back_equal_live_and_replayed(database: Database) -> None:
    warnings = last_warning()
    scenario = LedgerScenario(database, projections=[warnings])
    scenario.when(EVERYTHING)
    scenario.then_row(warnings, "ada", Last(event=own_fields(EVERYTHING)))


def test_older_rows_go_through_each_upcaster_and_an_alias_is_the_same_event() -> None:
    warnings = last_warning()
    spec = Specification(warnings).given(stored_row("moderation/warned", "ada", at(1), target="hall", moderator="eve"))
    first = MemberWarned(user_id="ada", occurred_at=at(1), source="test", channel="hall", by="eve")
    spec.then_row("ada", Last(event=own_fields(first)))
    spec.when(stored_row("mod/warn", "ada", at(2), version=2, by="mallory", points=4))
    row = spec.rows("ada")["example_last_warning"][0]
    assert (row[0]["by"], row[0]["severity"]) == ("mallory", "grave")


def _declares(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    points = EntryPoints([EntryPoint("mine", f"{__name__}:{name}", registry.EVENTS)])
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.EVENTS else EntryPoints())
    registry.loaded.cache_clear()


CLASSES = [MemberWarned]
TYPES = [EventType("moderation", "warned", MemberWarned, version=1)]
NEITHER = [MemberWarned, "moderation/warned"]
NO_LIST = 7


@pytest.mark.parametrize("name", ["CLASSES", "TYPES"])
def test_an_entry_point_lists_classes_or_types(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    _declares(monkeypatch, name)
    found = registry.catalogue().find("moderation", "warned")
    assert found is not None
    assert found.model is MemberWarned


@pytest.mark.parametrize(
    ("name", "why"), [("NEITHER", "lists 'moderation/warned', which is no event"), ("NO_LIST", "is no list")]
)
def test_anything_else_in_the_list_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, why: str) -> None:
    _declares(monkeypatch, name)
    assert registry.catalogue().find("moderation", "warned") is None
    assert [why in each.reason for each in registry.not_loaded()] == [True]


def test_the_page_shows_the_example_as_it_is() -> None:
    code = (Path(__file__).with_name("own_events.py")).read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)\n```", PAGE.read_text("utf-8"), re.DOTALL)
    shown = [block for block in blocks if "class MemberWarned" in block or "@MemberWarned" in block]
    assert len(shown) == 2
    assert [block for block in shown if block.strip() not in code] == []
