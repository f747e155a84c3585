"""Pages are read while the one before is worked on."""

import threading
from collections.abc import Callable, Iterator

import pytest

from temple_ledger.infrastructure.database.read_ahead import next_ahead, read_ahead

LONG = 10.0


@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_every_page_comes_in_order_with_what_was_found(number: int) -> None:
    assert list(read_ahead(range(number), lambda page: page * page)) == [(page, page * page) for page in range(number)]


def test_the_next_page_is_read_while_this_one_is_worked_on() -> None:
    begun = [threading.Event() for _ in range(3)]
    for page, _ in read_ahead(range(2), lambda page: begun[page].set()):
        assert begun[min(page + 1, 1)].wait(LONG)


def test_no_more_than_one_page_is_read_ahead() -> None:
    read: list[int] = []
    for page, _ in read_ahead(range(10), read.append):
        assert len(read) <= page + 2


def test_each_of_several_readers_reads_one_page_ahead_beside_the_others() -> None:
    both = threading.Barrier(2)
    read: list[tuple[str, int]] = []

    def reader(name: str) -> Callable[[int], str]:
        def found(page: int) -> str:
            if page < 2:
                both.wait(LONG)
            read.append((name, page))
            return f"{name} read {page}"

        return found

    for page, found in read_ahead(range(7), reader("ada"), reader("grace")):
        assert found == f"{'grace' if page % 2 else 'ada'} read {page}"
        assert len(read) <= page + 3


def test_what_reading_raises_comes_when_its_page_is_due() -> None:
    def read(page: int) -> int:
        return 6 // (2 - page)

    pages = read_ahead(range(5), read)
    assert [next(pages), next(pages)] == [(0, 3), (1, 6)]
    with pytest.raises(ZeroDivisionError):
        next(pages)


def test_the_next_of_some_items_is_made_while_this_one_is_worked_on() -> None:
    made = [threading.Event() for _ in range(4)]

    def items() -> Iterator[int]:
        for number, each in enumerate(made):
            each.set()
            yield number

    read = next_ahead(items())
    for number in read:
        assert made[min(number + 1, 3)].wait(LONG)
        assert not any(each.is_set() for each in made[number + 2 :])
    assert list(next_ahead(iter(range(3)))) == [0, 1, 2]


def test_items_that_are_left_are_not_made_and_their_source_can_be_closed() -> None:
    closed: list[bool] = []

    def items() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed.append(True)

    source = items()
    read = next_ahead(source)
    assert next(read) == 0
    read.close()
    assert closed == []
    source.close()  # type: ignore[attr-defined]
    assert closed == [True]


def test_whoever_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    pages = read_ahead(range(5), lambda page: page, lambda page: page)
    next(pages)
    pages.close()
    assert threading.active_count() == before
