"""200 means: it is in the inbox, once, for good."""

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.inbox.store import StoredDelivery
from temple_ledger.infrastructure.ingestion.webhooks.inbox_writer import InboxWriter, NotStored
from tests.killed import Moment, run_killed
from tests.log.faulty_wire import faulty_wire
from tests.webhooks.builders import NOW, VECTOR, receiver, rows, signed

ANSWER_SECONDS = 1.0


def body(number: int) -> bytes:
    return b'{"number": %d}' % number


def test_the_same_delivery_from_many_at_once_is_one_row_and_all_are_told_200(database: Database) -> None:
    with receiver(database) as ours, ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(lambda _: ours.send().code, range(60)))
    assert codes == [200] * 60
    assert rows(database, "body, repeats") == [(VECTOR, 59)]


def test_two_receivers_of_one_inbox_keep_everything_once(database: Database) -> None:
    with receiver(database) as one, receiver(database) as other, ThreadPoolExecutor(20) as pool:
        both = [one, other]
        codes = list(pool.map(lambda number: both[number % 2].send(body(number // 2)).code, range(120)))
    assert codes == [200] * 120
    assert sorted(rows(database, "body, repeats")) == sorted((body(number), 1) for number in range(60))


def test_while_the_database_is_away_senders_are_told_to_come_again_and_nothing_is_lost(database: Database) -> None:
    with faulty_wire(database) as wire, receiver(wire.database) as ours:
        assert ours.send(body(1)).code == 200
        wire.cut()
        away = ours.send(body(2))
        assert (away.code, away.headers["retry-after"], away.body) == (503, "30", b"")
        assert ours.send(b"", path="/readyz", method="GET").code == 503
        assert ours.send(b"", path="/healthz", method="GET").code == 200
        wire.mend()
        assert ours.send(body(2)).code == 200
        assert ours.send(b"", path="/readyz", method="GET").code == 200
    assert rows(database, "body") == [body(1), body(2)]


def test_a_receiver_starts_also_while_the_database_is_away(database: Database) -> None:
    with faulty_wire(database) as wire:
        wire.cut()
        with receiver(wire.database) as ours:
            assert ours.send().code == 503
            wire.mend()
            assert ours.send().code == 200


def test_where_the_network_swallows_everything_the_sender_gets_an_answer_in_time(database: Database) -> None:
    with faulty_wire(database) as wire, receiver(wire.database, answer_seconds=ANSWER_SECONDS) as ours:
        assert ours.send(body(1)).code == 200
        wire.swallow()
        started = time.monotonic()
        assert ours.send(body(2)).code == 503
        assert time.monotonic() - started < 10 * ANSWER_SECONDS
        wire.mend()
        deadline = time.monotonic() + 60
        while ours.send(body(3)).code != 200:
            assert time.monotonic() < deadline, "the writer never came back"
    assert body(3) in rows(database, "body")


def test_a_commit_whose_answer_was_lost_is_one_row_and_200(database: Database) -> None:
    with faulty_wire(database) as wire, receiver(wire.database) as ours:
        assert ours.send(body(1)).code == 200
        wire.lose_the_answer_to(body(2))
        assert ours.send(body(2)).code == 200
    assert rows(database, "body, repeats") == [(body(1), 0), (body(2), 1)]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_whenever_a_receiver_is_killed_what_it_had_answered_with_200_is_there_once(
    database: Database, moment: Moment
) -> None:
    with receiver(database) as ours:
        # the source is known from here on, so that each delivery is one exchange
        assert ours.send(body(0)).code == 200
    for at in range(1, 20):
        told, tell = os.pipe()

        def work(tell: int = tell) -> None:
            with receiver(database) as ours:
                for number in range(1, 4):
                    if ours.send(body(number)).code == 200:
                        os.write(tell, bytes([number]))

        killed = run_killed(work, at=at, moment=moment)
        os.close(tell)
        answered = set(os.read(told, 100))
        os.close(told)
        kept = rows(database, "body")
        assert {body(number) for number in answered} <= set(kept)
        assert len(kept) == len(set(kept))
        if not killed:
            assert answered == {1, 2, 3}
            return
    pytest.fail("it never got to its end")


def test_a_delivery_that_was_committed_and_not_answered_is_a_repeat_when_it_comes_again(database: Database) -> None:
    def work() -> None:
        async def send() -> None:
            await writer.store(delivery(1))
            os._exit(1)  # an answer after all: the test fails

        writer = InboxWriter(database, kept=lambda: os.kill(os.getpid(), 9))
        writer.start()
        asyncio.run(send())

    assert run_killed(work, at=10**9, moment="after")
    assert rows(database, "body, repeats") == [(body(1), 0)]
    with receiver(database) as ours:
        assert ours.send(body(1)).code == 200
    assert rows(database, "body, repeats") == [(body(1), 1)]


def test_what_was_answered_while_the_receiver_was_told_to_end_is_kept(database: Database) -> None:
    answered: list[bytes] = []
    busy = threading.Event()

    def send(number: int) -> None:
        try:
            if ours.send(body(number)).code == 200:
                answered.append(body(number))
                if len(answered) >= 20:
                    busy.set()
        except OSError:
            pass  # it was gone: the sender comes again

    with ThreadPoolExecutor(8) as pool, receiver(database) as ours:
        for number in range(200):
            pool.submit(send, number)
        assert busy.wait(60)
    assert set(answered) <= set(rows(database, "body"))


def test_a_delivery_that_the_database_can_not_hold_does_not_keep_others_out(database: Database) -> None:
    async def send() -> list[StoredDelivery | BaseException]:
        given = [delivery(1), delivery(2, kind="a\0b"), delivery(3)]
        return list(await asyncio.gather(*map(writer.store, given), return_exceptions=True))

    writer = InboxWriter(database)

    # before it starts, so that all are kept in one round
    async def all_at_once() -> list[StoredDelivery | BaseException]:
        sending = asyncio.create_task(send())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writer.start()
        return await sending

    found = asyncio.run(all_at_once())
    writer.close()
    assert [isinstance(each, StoredDelivery) for each in found] == [True, False, True]
    assert isinstance(found[1], NotStored)
    assert rows(database, "body") == [body(1), body(3)]


def test_more_than_can_wait_is_sent_away_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temple_ledger.infrastructure.ingestion.webhooks.inbox_writer.MOST_WAITING", 2)

    async def send() -> list[StoredDelivery | BaseException]:
        return list(await asyncio.gather(*(writer.store(delivery(each)) for each in range(3)), return_exceptions=True))

    writer = InboxWriter(database, answer_seconds=0.1)
    found = asyncio.run(send())
    assert [str(each) for each in found] == ["the database did not answer in time"] * 2 + ["too much waits to be kept"]


def test_nothing_of_a_body_or_a_secret_is_ever_logged(database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    planted = b'{"email": "zoe@example.org", "token": "planted-in-the-body"'
    with faulty_wire(database) as wire, receiver(wire.database) as ours:
        ours.send(planted, signed(planted, "planted-as-a-secret"))
        ours.send(planted)
        ours.send(planted, signed(planted, trigger="planted\xe9"))
        wire.cut()
        ours.send(planted + b" ")
    said = capfd.readouterr()
    assert "not verified" in said.out + said.err
    assert "not kept" in said.out + said.err
    for secret in ("zoe", "planted", "temple-ledger-test-secret"):
        assert secret not in said.out + said.err


def delivery(number: int, kind: str = "members:update") -> Delivery:
    return Delivery("patreon", kind, body(number), digest_of(b"members:update", body(number)), NOW, "main")
