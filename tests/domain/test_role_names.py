"""A name means the role that had it at the time."""

from datetime import datetime

from temple_ledger.domain.role_names import RoleNames
from temple_ledger.projections.testing.histories import at


def named(*events: tuple[str, str, datetime, str | None]) -> RoleNames:
    names = RoleNames()
    for event in events:
        names.add(*event)
    return names


def test_a_name_is_the_role_that_had_it_then() -> None:
    names = named(
        ("1", "created", at(0), "Oracle"),
        ("1", "renamed", at(10), "Elder"),
        ("2", "created", at(10), "Oracle"),
    )
    assert names.called("Oracle", at(5)) == ["1"]
    assert names.called("Oracle", at(10)) == ["2"]
    assert names.called("Elder", at(5)) == []


def test_before_its_first_event_a_role_has_its_first_name() -> None:
    assert named(("1", "created", at(10), "Oracle")).called("Oracle", at(1)) == ["1"]


def test_a_deleted_role_has_no_name() -> None:
    names = named(("1", "created", at(0), "Oracle"), ("1", "deleted", at(5), None), ("2", "created", at(4), "Oracle"))
    assert sorted(names.called("Oracle", at(4))) == ["1", "2"]
    assert names.called("Oracle", at(6)) == ["2"]


def test_case_counts_only_where_a_role_has_exactly_this_name() -> None:
    names = named(("1", "created", at(0), "Oracle"), ("2", "created", at(0), "ORACLE"))
    assert names.called("Oracle", at(1)) == ["1"]
    assert sorted(names.called("oracle", at(1))) == ["1", "2"]


def test_the_order_of_arrival_does_not_matter() -> None:
    events = [("1", "renamed", at(5), "Elder"), ("1", "created", at(0), "Oracle")]
    assert named(*events).called("Oracle", at(1)) == named(*reversed(events)).called("Oracle", at(1)) == ["1"]
