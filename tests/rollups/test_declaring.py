"""What cannot be kept is refused where it is declared, with a sentence."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

import pytest

from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.domain.event import Event
from temple_ledger.projections.members import STATUS, members, role_headcount
from temple_ledger.projections.rollup import (
    Rollup,
    count_of,
    day_of,
    distinct_of,
    lower_of,
    max_of,
    min_of,
    sum_of,
    value_or,
)
from temple_ledger.projections.row import Row, projection
from temple_ledger.projections.testing.histories import at, role_added
from temple_ledger.projections.testing.specification import Specification


class Praised(Event, type="test/praised_for_rollup"):
    by: str
    points: int


class Praise(Row, table="rollup_praise"):
    points: int = 0
    by: str | None = None
    last_at: datetime | None = None
    tags: list[str] = []  # noqa: RUF012 - never changed in place


class Other(Row, table="rollup_other"):
    points: int = 0


praise = projection("praise_of_rollups", version=1, state=Praise)


@praise.on
def _(state: Praise, event: Praised) -> Praise:
    return state.replace(points=state.points + event.points, by=event.by, last_at=event.occurred_at)


by_who = praise.rollup(
    "praise_by_who", key=lower_of(Praise.by), total=sum_of(Praise.points), most=max_of(Praise.points)
)
by_day = praise.rollup(
    "praise_by_day",
    key=(day_of(Praise.last_at), value_or("by", "?")),
    who=distinct_of("user_id"),
    least=min_of("points"),
)

REFUSED: dict[str, tuple[Callable[[], Rollup], str]] = {
    "no aggregate": (lambda: praise.rollup("a", key="by"), "something to compute"),
    "a column that is not there": (lambda: praise.rollup("a", key="who", n=count_of()), "no column 'who'"),
    "a value": (lambda: praise.rollup("a", key=Praise().points, n=count_of()), "0 is no column"),
    "another's column": (
        lambda: praise.rollup("a", key=Other.points, n=count_of()),
        "rollup_other.points is no column",
    ),
    "a sum of texts": (
        lambda: praise.rollup("a", key="by", n=sum_of(Praise.by)),
        "by is text, of which there is no sum",
    ),
    "the day of a text": (lambda: praise.rollup("a", key=day_of("by"), n=count_of()), "by is text, and the key wants"),
    "jsonb in the key": (lambda: praise.rollup("a", key="tags", n=count_of()), "tags is jsonb"),
    "a wrong default": (lambda: praise.rollup("a", key=value_or("points", "x"), n=count_of()), "not a whole number"),
    "a name twice": (lambda: praise.rollup("praise_by_who", key="by", n=count_of()), "declares praise_by_who twice"),
    "the table's name": (
        lambda: praise.rollup("rollup_praise", key="by", n=count_of()),
        "declares rollup_praise twice",
    ),
    "a long name": (lambda: praise.rollup("a" * 46, key="by", n=count_of()), "more than 45 characters"),
    "no name for a view": (lambda: praise.rollup("By who", key="by", n=count_of()), "is no name"),
    "a column twice": (lambda: praise.rollup("a", key="by", by=count_of()), "two columns 'by'"),
    "a name of ours": (lambda: praise.rollup("a", key="by", rollup_rows=count_of()), "may begin with rollup_"),
    "which table, unsaid": (lambda: members.rollup("a", key="role", n=count_of()), "say which, with table"),
    "a table of somebody else": (
        lambda: praise.rollup("a", key="status", table=STATUS, n=count_of()),
        "has no table temple_member_status",
    ),
}


@pytest.mark.parametrize(("declared", "why"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_declaration_is_refused(declared: Callable[[], Rollup], why: str) -> None:
    with pytest.raises(ProjectionMisdeclared, match=why):
        declared()


def test_a_specification_has_rollups_without_a_database() -> None:
    spec = Specification(praise)
    given = [("ada", "Eve", 3), ("bob", "EVE", 4), ("cid", "Éva", 5)]
    for number, (who, by, points) in enumerate(given):
        spec.given(Praised(user_id=who, occurred_at=at(number), source="test", by=by, points=points))
    spec.then_rollup(by_who, [("eve", Decimal(7), 4), ("Éva", Decimal(5), 5)])
    spec.then_rollup(
        by_day, [(date(2026, 1, 1), "Eve", 1, 3), (date(2026, 1, 1), "EVE", 1, 4), (date(2026, 1, 1), "Éva", 1, 5)]
    )
    with pytest.raises(AssertionError, match=r"(?s)praise_by_who.*- .*Decimal\('8'\).*\+ .*7"):
        spec.then_rollup(by_who, [("eve", Decimal(8), 4), ("Éva", Decimal(5), 5)])


def test_the_headcount_counts_members_by_role() -> None:
    spec = Specification(members)
    spec.given(role_added("ada", "Oracle"), role_added("bob", "Oracle"), role_added("bob", "Seer"))
    spec.then_rollup(role_headcount, [("Oracle", 2), ("Seer", 1)])


def test_a_declaration_is_one_with_what_is_read_back_of_it() -> None:
    for each in (by_who, by_day, role_headcount):
        assert Rollup.of_definition(each.definition()) == each
