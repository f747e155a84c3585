"""Keeping deliveries."""

from infrastructure.database.connection import Database, Role
from tests.inbox.facts import delivery, kept, rows


def test_deliveries_are_kept_in_the_order_in_which_they_came(database: Database) -> None:
    first = kept(database, *[delivery(f"{number}") for number in (3, 1, 2)])
    assert rows(database, "body") == [b"3", b"1", b"2"]
    assert [each.id for each in first] == rows(database, "id")
    assert not any(each.repeated for each in first)


def test_a_delivery_that_comes_again_is_counted_and_not_kept_twice(database: Database) -> None:
    (first,) = kept(database, delivery("a", minute=1))
    again = kept(database, delivery("b"), delivery("a", minute=9), delivery("a", minute=5), delivery("b"))
    assert [(each.id == first.id, each.repeated) for each in again] == [
        (False, False),
        (True, True),
        (True, True),
        (False, True),
    ]
    assert rows(database, "body, repeats, extract(minute from last_received_at)::int") == [(b"a", 2, 9), (b"b", 1, 0)]
    with database.connect(Role.READ) as connection:
        assert connection.execute("select source, received, repeats from inbox_source").fetchall() == [("bells", 5, 3)]
