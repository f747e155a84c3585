"""A program appends an event, waits for it and asks for rows, now and then; in threads and in an event loop alike."""

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from temple_ledger import AsyncLedger, Event, Ledger, Row, projection
from temple_ledger.domain.errors import EventConflict, InvalidEvent, NotFoldedInTime, Refused, UnknownName
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added, role_removed

ADA = UUID(int=1)


class Praised(Event, type="test/praised_by_program"):
    points: int


class Praise(Row, table="example_program_praise"):
    points: int = 0


praise = projection("program_praise", version=1, state=Praise)


@praise.on
def _(row: Praise, event: Praised) -> Praise:
    return row.replace(points=row.points + event.points)


def roles(rows: Any) -> list[str]:
    return sorted(row["role"] for row in rows["discord_user_current_roles"])


def test_an_append_gives_the_position_and_the_same_id_again_adds_nothing(database: Database) -> None:
    with Ledger(database.dsn) as ledger:
        first = ledger.append(joined("ada"), event_id=ADA)
        again = ledger.append(joined("ada"), event_id=ADA)
        other = ledger.append(joined("bob"))
    assert (first.added, again.added, again.position == first.position) == (True, False, True)
    assert other.position > first.position


def test_another_fact_under_the_same_id_is_a_conflict(database: Database) -> None:
    with Ledger(database.dsn) as ledger:
        ledger.append(joined("ada"), event_id=ADA)
        with pytest.raises(EventConflict):
            ledger.append(joined("bob"), event_id=ADA)
        # the ledger goes on
        assert ledger.append(joined("bob")).added


def test_rows_are_those_of_the_tables_now_and_of_the_log_then(database: Database) -> None:
    scenario = LedgerScenario(database)
    scenario.given(role_added("ada", "Oracle", at(1)), role_added("ada", "Seeker", at(2), by="mod"))
    scenario.catch_up()
    with Ledger(database.dsn) as ledger:
        scenario.given(role_removed("ada", "Oracle", at(3)))
        assert roles(ledger.rows("members", "ada")) == ["Oracle", "Seeker"]
        scenario.catch_up()
        now = ledger.rows("members", "ada")
        assert roles(now) == ["Seeker"]
        assert now["discord_user_current_roles"] == [{"role": "Seeker", "granted_at": at(2), "granted_by": "mod"}]
        assert roles(ledger.rows("members", "ada", as_of=at(1))) == ["Oracle"]
        assert ledger.rows("members", "nobody") == {"temple_member_status": [], "discord_user_current_roles": []}


def test_readers_outlive_a_server_that_was_restarted(database: Database) -> None:
    scenario = LedgerScenario(database)
    scenario.given(role_added("ada", "Oracle", at(1)))
    scenario.catch_up()
    with Ledger(database.dsn) as ledger:
        before = ledger.rows("members", "ada")
        with database.connect(DatabaseRole.LOGIN) as connection:
            ended = connection.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'temple ledger' "
                "and datname = current_database()"
            ).fetchall()
        assert ended == [(True,)]
        assert ledger.rows("members", "ada") == before


def test_as_known_then_leaves_out_what_was_recorded_later(database: Database) -> None:
    scenario = LedgerScenario(database)
    scenario.given(role_added("ada", "Oracle", at(1)))
    with database.connect(DatabaseRole.READ) as connection:
        (between,) = connection.execute("select clock_timestamp()").fetchall()[0]
    scenario.given(role_added("ada", "Seeker", at(0)))
    assert isinstance(between, datetime)
    with Ledger(database.dsn) as ledger:
        assert roles(ledger.rows("members", "ada", known_at=between)) == ["Oracle"]
        assert roles(ledger.rows("members", "ada", as_of=at(9))) == ["Oracle", "Seeker"]


def test_what_is_no_member_and_no_instant_is_refused_and_never_answered(database: Database) -> None:
    LedgerScenario(database)
    with Ledger(database.dsn) as ledger:
        with pytest.raises(TypeError, match=r"user_id is a int; the log has ids as texts: str\(5000\)"):
            ledger.rows("members", 5000)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="user_id has a NUL character"):
            ledger.rows("members", "a\x00")
        for name in ("as_of", "known_at"):
            for given, kind, why in (
                (datetime(2026, 1, 2), ValueError, "has no offset"),  # noqa: DTZ001 - that is what is refused
                (date(2026, 1, 2), TypeError, "is a date; give it a datetime"),
                ("2026-01-02", TypeError, "is a str; give it a datetime"),
            ):
                moment: dict[str, Any] = {name: given}
                with pytest.raises(kind, match=f"{name} {why}"):
                    ledger.rows("members", "ada", **moment)
        with pytest.raises(ValueError, match='start is "rows" or "now", and not \'end\''):
            ledger.changes("members", consumer="shop", start="end")  # type: ignore[arg-type]


def test_own_projections_and_events_need_no_entry_point(database: Database) -> None:
    scenario = LedgerScenario(database, projections=[praise])
    with Ledger(database.dsn, projections=[praise]) as ledger:
        event = Praised(user_id="ada", occurred_at=at(1), source="test", points=5)
        ledger.append(event)
        scenario.catch_up()
        assert ledger.rows("program_praise", "ada") == {"example_program_praise": [{"points": 5}]}
        with pytest.raises(InvalidEvent, match="notes may not use 'points'"):
            ledger.append(event, notes={"points": 7})


def test_waiting_returns_once_it_is_folded(database: Database) -> None:
    scenario = LedgerScenario(database)
    with Ledger(database.dsn) as ledger:
        position = ledger.append(joined("ada")).position
        folding = threading.Thread(target=scenario.catch_up)
        folding.start()
        assert ledger.wait(position) >= position
        folding.join()
        assert ledger.wait() >= position


WAITING = "select pid from pg_stat_activity where application_name = 'temple wait' and datname = current_database()"


def test_those_who_wait_one_after_the_other_share_a_connection_until_it_is_lost(database: Database) -> None:
    scenario = LedgerScenario(database)
    scenario.given(joined("ada"))
    scenario.catch_up()
    with Ledger(database.dsn) as ledger, database.connect(DatabaseRole.LOGIN) as admin:
        ledger.wait()
        [(first,)] = admin.execute(WAITING).fetchall()
        ledger.wait()
        assert admin.execute(WAITING).fetchall() == [(first,)]
        admin.execute("select pg_terminate_backend(%s, 20000)", (first,))
        assert ledger.wait() == 1
        [(again,)] = admin.execute(WAITING).fetchall()
        assert again != first


def test_waiting_for_what_nobody_folds_ends_with_a_sentence(database: Database) -> None:
    with Ledger(database.dsn) as ledger:
        position = ledger.append(joined("ada")).position
        with pytest.raises(NotFoldedInTime, match=r"members is at position 0, not yet at .* nobody runs it") as late:
            ledger.wait(position, timeout_seconds=0)
    assert (late.value.position, late.value.wanted) == (0, position)


def test_a_projection_that_is_not_there_is_named_with_those_that_are(database: Database) -> None:
    with Ledger(database.dsn) as ledger:
        with pytest.raises(UnknownName, match="no projection with rows of members 'activity'; did you mean members"):
            ledger.rows("activity", "ada")
        with pytest.raises(UnknownName):
            ledger.wait(projection="nothing", timeout_seconds=0)


def test_without_a_database_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEMPLE_DATABASE_URL", raising=False)
    with pytest.raises(Refused, match="set TEMPLE_DATABASE_URL"):
        Ledger()


def test_threads_share_one_ledger(database: Database) -> None:
    ids = [uuid4() for _ in range(40)]
    with Ledger(database.dsn) as ledger, ThreadPoolExecutor(8) as threads:
        twice = [*ids, *ids]
        found = list(threads.map(lambda each: ledger.append(joined("ada"), event_id=each), twice))
    assert sum(each.added for each in found) == len(ids)
    assert len({each.position for each in found}) == len(ids)


def test_in_an_event_loop_the_same_calls_give_the_same_answers(database: Database) -> None:
    scenario = LedgerScenario(database)

    async def use() -> list[str]:
        async with AsyncLedger(database.dsn) as ledger:
            events = [role_added("ada", role, at(1)) for role in ("Oracle", "Seeker")]
            appended = await asyncio.gather(*(ledger.append(each) for each in events))
            await asyncio.to_thread(scenario.catch_up)
            await ledger.wait(max(each.position for each in appended))
            return roles(await ledger.rows("members", "ada"))

    assert asyncio.run(use()) == ["Oracle", "Seeker"]


def test_an_append_that_was_cancelled_is_repeated_with_its_id(database: Database) -> None:
    async def use() -> tuple[bool, int]:
        async with AsyncLedger(database.dsn) as ledger:
            first = asyncio.ensure_future(ledger.append(joined("ada"), event_id=ADA))
            await asyncio.sleep(0)
            first.cancel()
            again = await ledger.append(joined("ada"), event_id=ADA)
            return first.cancelled(), again.position

    cancelled, position = asyncio.run(use())
    assert cancelled
    with Ledger(database.dsn) as ledger:
        assert ledger.append(joined("ada"), event_id=ADA) == (position, False, False)


CALLS: dict[str, Callable[[Any], Any]] = {
    "append": lambda ledger: ledger.append(joined("ada")),
    "wait": lambda ledger: ledger.wait(),
    "rows": lambda ledger: ledger.rows("members", "ada"),
    "changes": lambda ledger: ledger.changes("members", consumer="somebody"),
    "forget_consumer": lambda ledger: ledger.forget_consumer("members", "somebody"),
}


def test_no_method_answers_after_the_ledger_was_closed(database: Database) -> None:
    assert {name for name in vars(Ledger) if not name.startswith("_")} == {*CALLS, "close"}
    with Ledger(database.dsn) as ledger:
        ledger.rows("members", "ada")

    async def use(name: str) -> None:
        async with AsyncLedger(database.dsn) as closed:
            await closed.rows("members", "ada")
        answer = CALLS[name](closed)
        if inspect.isawaitable(answer):
            await answer

    for name in CALLS:
        with pytest.raises(Refused, match="this ledger was closed"):
            CALLS[name](ledger)
        with pytest.raises(Refused, match="this ledger was closed"):
            asyncio.run(use(name))
    ledger.close()


@pytest.mark.parametrize("name", ["__init__", "close", "append", "wait", "rows"])
def test_both_have_the_same_signatures(name: str) -> None:
    of_ledger, of_async = (inspect.signature(getattr(each, name)) for each in (Ledger, AsyncLedger))
    assert of_ledger == of_async
    assert name == "__init__" or inspect.iscoroutinefunction(getattr(AsyncLedger, name))


def test_neither_has_a_method_that_the_other_lacks() -> None:
    public = [{name for name in vars(each) if not name.startswith("_")} for each in (Ledger, AsyncLedger)]
    assert public[0] == public[1]
