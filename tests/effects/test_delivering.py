"""What waits in the outbox reaches its sink, at least once, those of a member in order; no bad sink holds up others."""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.queries.effects import sink_statuses
from temple_ledger.infrastructure.read_models.effect_operations import retry_effects, skip_effects
from temple_ledger.infrastructure.read_models.feed import http_sink
from temple_ledger.infrastructure.read_models.feed.deliverer import Deliverer
from temple_ledger.infrastructure.read_models.feed.http_sink import WebhookSink, sign
from temple_ledger.infrastructure.read_models.feed.notify_sink import NotifySink
from temple_ledger.infrastructure.read_models.feed.outbox import DELAYS, hold_sink, prune
from temple_ledger.infrastructure.read_models.feed.sink import Attempt, Connection, OutboxMessage, Sink
from temple_ledger.infrastructure.sources.discord.channel_sink import ChannelSink
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from tests.effects.builders import outbox, warned, warnings, young

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
Answer = Callable[[Mapping[str, str], bytes], tuple[int, Mapping[str, str], bytes]]


class Receiver:
    """A server of somebody else's: what came, and what it answers."""

    def __init__(self, answer: Answer) -> None:
        self.came: list[tuple[dict[str, str], bytes]] = []
        lock = threading.Lock()
        came = self.came

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    status, more, said = answer(headers, body)
                    came.append((headers, body))
                self.send_response(status)
                for name, value in {**more, "Content-Length": str(len(said))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@contextmanager
def receiving(answer: Answer = lambda headers, body: (204, {}, b"")) -> Iterator[Receiver]:
    receiver = Receiver(answer)
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


class Scripted:
    """A sink that accepts what *accepts* says, and notes what it was given."""

    def __init__(
        self, accepts: Callable[[OutboxMessage], bool] = lambda message: True, *, refused: bool = False
    ) -> None:
        self.given: list[OutboxMessage] = []
        self._accepts = accepts
        self._refused = refused

    def deliver(self, messages: Sequence[OutboxMessage], connection: Connection) -> Sequence[Attempt]:
        attempts: list[Attempt] = []
        blocked: set[str] = set()
        for message in messages:
            if message.user_id in blocked:
                continue
            self.given.append(message)
            if self._accepts(message):
                attempts.append(Attempt(message))
            else:
                blocked.add(message.user_id)
                attempts.append(Attempt(message, "not today", refused=self._refused))
        return attempts


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=(warnings,))


def deliver(database: Database, **sinks: Sink) -> int:
    return Deliverer(database, sinks).run(until_empty=True)


def states(database: Database, sink: str = "log") -> list[tuple[str, int]]:
    return [(each.state, each.attempts) for each in outbox(database) if each.sink == sink]


def make_due(database: Database) -> None:
    """As time does."""
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("update effect_outbox set due_at = now() where state = 'waiting'")


def test_a_webhook_is_signed_as_the_standard_has_it() -> None:
    """Its own example."""
    signed = sign(KEY, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_has_the_message_under_an_id_that_stays(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1, 3))
    ledger.catch_up()
    answers = iter([503, 204])
    with receiving(lambda headers, body: (next(answers), {}, b"")) as receiver:
        assert deliver(database, log=WebhookSink(receiver.url, SECRET)) == 0
        make_due(database)
        assert deliver(database, log=WebhookSink(receiver.url, SECRET)) == 1
    (first, _), (second, body) = receiver.came
    assert first["webhook-id"] == second["webhook-id"] == "effective-1-1-every_change-0"
    assert second["webhook-signature"] == sign(KEY, second["webhook-id"], second["webhook-timestamp"], body)
    assert json.loads(body) == {
        "type": "every_change",
        "timestamp": "2026-01-01T01:00:00.000000+00:00",
        "data": {"member": "ada", "before": 0, "after": 3},
    }
    assert states(database) == [("delivered", 2)]


def test_messages_of_a_member_arrive_in_order_also_behind_one_that_fails(
    database: Database, ledger: LedgerScenario
) -> None:
    ledger.given(*[warned(who, hour) for hour in range(1, 5) for who in ("ada", "bob")])
    ledger.catch_up()
    sink = Scripted(lambda message: message.user_id != "ada" or message.attempts > 0)
    deliver(database, log=sink)
    assert [message.user_id for message in sink.given] == ["ada", "bob", "bob", "bob", "bob"]
    for _ in range(4):
        make_due(database)
        deliver(database, log=sink)
    assert [state for state, _ in states(database)] == ["delivered"] * 8
    of_ada = [message.entry for message in sink.given if message.user_id == "ada"]
    assert of_ada == sorted(of_ada)


def test_a_refused_message_is_parked_and_lets_later_ones_pass(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1), warned("ada", 2))
    ledger.catch_up()
    first = outbox(database)[0].id
    sink = Scripted(lambda message: message.entry != first, refused=True)
    deliver(database, log=sink)
    deliver(database, log=sink)
    assert [state for state, _ in states(database)] == ["parked", "delivered"]
    (parked,) = outbox(database, states=["parked"])
    assert parked.error == "not today"


def test_one_that_fails_for_long_is_parked_and_can_be_tried_again(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1))
    ledger.catch_up()
    for _ in DELAYS:
        deliver(database, log=Scripted(lambda message: False))
        assert states(database)[0][0] == "waiting"
        make_due(database)
    deliver(database, log=Scripted(lambda message: False))
    assert states(database) == [("parked", len(DELAYS) + 1)]
    chosen = outbox(database, states=["parked"])
    retry_effects(database, chosen, [], by="ada", catalogue=ledger.catalogue)
    assert deliver(database, log=Scripted()) == 1


def test_a_bad_sink_holds_up_no_other(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(young("ada", 2, 12), young("bob", 1, 12))
    ledger.catch_up()
    inside, free = threading.Event(), threading.Event()

    class Hanging:
        def deliver(self, messages: Sequence[OutboxMessage], connection: Connection) -> Sequence[Attempt]:
            inside.set()
            assert free.wait(60)
            return []

    good = Scripted()
    both = Deliverer(database, {"moderators": Hanging(), "log": good})
    thread = threading.Thread(target=both.run)
    thread.start()
    try:
        assert inside.wait(60)
        while states(database) != [("delivered", 1)] * 2:
            inside.wait(0.01)
    finally:
        both.stop()
        free.set()
        thread.join(60)
    assert not thread.is_alive()


def test_a_sink_that_is_out_of_order_is_not_asked_for_everybody(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(*[warned(f"member-{number}", 1) for number in range(100)])
    ledger.catch_up()
    with receiving(lambda headers, body: (500, {}, b"oh dear")) as receiver:
        deliver(database, log=WebhookSink(receiver.url, SECRET))
    assert len(receiver.came) < 40
    with database.connect(DatabaseRole.READ) as connection:
        (status,) = sink_statuses(connection)
    assert (status.error, status.waiting) == ("answered 500: oh dear", 100)
    assert status.failing_since is not None


def test_one_that_nobody_answers_at_is_tried_later(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1))
    ledger.catch_up()
    with receiving() as gone:
        pass
    deliver(database, log=WebhookSink(gone.url, SECRET))
    (entry,) = outbox(database)
    assert (entry.state, entry.attempts) == ("waiting", 1)
    assert (entry.error or "").startswith("cannot be reached (")


def test_a_redirect_is_not_followed(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1))
    ledger.catch_up()
    with receiving() as elsewhere, receiving(lambda headers, body: (302, {"Location": elsewhere.url}, b"")) as here:
        deliver(database, log=WebhookSink(here.url, SECRET))
    assert (len(here.came), elsewhere.came) == (1, [])


def test_a_discord_channel_is_said_the_content_and_mentions_nobody(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(young("ada", 1, 12))
    ledger.catch_up()
    answers = iter([(429, b'{"retry_after": 0.25}'), (200, b"{}")])

    def answer(headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        status, said = next(answers)
        return status, {}, said

    with receiving(answer) as discord:
        api = discord.url.removesuffix("/hook")
        deliver(database, moderators=ChannelSink("token", "123", api))
        make_due(database)
        deliver(database, moderators=ChannelSink("token", "123", api))
    headers, body = discord.came[-1]
    assert headers["authorization"] == "Bot token"
    assert json.loads(body) == {
        "content": "ada has 12 points",
        "nonce": str(outbox(database, sink="moderators")[0].id),
        "enforce_nonce": True,
        "allowed_mentions": {"parse": []},
    }


def test_a_listener_of_the_database_is_notified_in_order(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1), warned("ada", 2, by="x" * 9_000))
    ledger.catch_up()
    with database.connect(DatabaseRole.READ) as listener:
        listener.execute("listen bots")
        assert deliver(database, log=NotifySink("bots")) == 2
        found = [json.loads(each.payload) for each in listener.notifies(timeout=60, stop_after=2)]
    assert [each["data"]["after"] for each in found] == [1, 2]
    assert found[0]["id"] == "effective-1-1-every_change-0"


def test_data_that_is_too_long_for_a_notification_is_left_in_the_outbox(
    database: Database, ledger: LedgerScenario
) -> None:
    message = OutboxMessage(7, "x-1-1-y-0", "ada", "y", json.dumps({"text": "é" * 5_000}), None, 0)
    with database.connect(DatabaseRole.READ) as listener:
        listener.execute("listen bots")
        NotifySink("bots").deliver([message], listener)
        (found,) = listener.notifies(timeout=60, stop_after=1)
    assert json.loads(found.payload) == {"id": "x-1-1-y-0", "entry": 7, "type": "y", "member": "ada", "data": None}


def test_of_two_deliverers_one_holds_a_sink(database: Database, ledger: LedgerScenario) -> None:
    from uuid import uuid4

    first, second = uuid4(), uuid4()
    with database.connect(DatabaseRole.DELIVER) as one, database.connect(DatabaseRole.DELIVER) as other:
        assert hold_sink(one, "log", first, 30)
        assert not hold_sink(other, "log", second, 30)
        assert hold_sink(one, "log", first, 30)
        one.close()
        while not hold_sink(other, "log", second, 30):
            pass
        assert hold_sink(other, "log", second, -1)
        assert hold_sink(other, "log", first, 30), "a frozen one is replaced when its time is over"


def test_a_failed_function_is_called_again_with_the_change_of_then(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(young("ada", 3, 13), young("ada", 2, 1))
    ledger.catch_up()
    (failed,) = outbox(database, states=["failed"])
    again = retry_effects(database, [failed], [warnings], by="ada", catalogue=ledger.catalogue)
    assert [why for _, why in again.failed] == ["RuntimeError: unlucky"]
    was = warnings.effects["notify_moderators"]
    try:
        object.__setattr__(was, "function", lambda change: warnings.effects["every_change"].function(change))
        done = retry_effects(database, [failed], [warnings], by="ada", catalogue=ledger.catalogue)
    finally:
        del warnings.effects["notify_moderators"]
        from tests.effects.builders import notify_moderators

        warnings.effect(notify_moderators)
    assert done.waiting == 1
    made = [each for each in outbox(database) if each.effect == "notify_moderators"]
    assert [(each.state, each.data) for each in made] == [("waiting", {"member": "ada", "before": 0, "after": 13})]


def test_a_skipped_message_is_not_delivered_and_what_is_delivered_goes_after_some_days(
    database: Database, ledger: LedgerScenario
) -> None:
    ledger.given(warned("ada", 1), warned("bob", 2))
    ledger.catch_up()
    skip_effects(database, outbox(database)[:1], by="ada", reason="test")
    assert deliver(database, log=Scripted()) == 1
    assert [state for state, _ in states(database)] == ["skipped", "delivered"]
    with database.connect(DatabaseRole.DELIVER) as connection:
        assert prune(connection, 1) == 0
        assert prune(connection, 0) == 2


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (500, {}, b"a\x00b", "answered 500: a\\x00b"),
        (500, {}, b"caf\xe9", "answered 500: caf\ufffd"),
        (503, {"Retry-After": "inf"}, b"", "answered 503: "),
        (503, {"Retry-After": "1e300"}, b"", "answered 503: "),
        (429, {}, b'{"retry_after": 1e400}', 'answered 429: {"retry_after": 1e400}'),
        (429, {}, b"[" * 60_000, "answered 429: " + "[" * 200),
    ],
    ids=["NUL", "no UTF-8", "peace for ever", "peace for ages", "peace for ever, by Discord", "deep"],
)
def test_whatever_a_sink_answers_it_is_tried_again_later(
    database: Database, ledger: LedgerScenario, status: int, headers: Mapping[str, str], body: bytes, error: str
) -> None:
    ledger.given(young("ada", 1, 12))
    ledger.catch_up()
    with receiving(lambda *_: (status, headers, body)) as receiver:
        sink = ChannelSink("token", "123", receiver.url.removesuffix("/hook"))
        both = Deliverer(database, {"moderators": sink})
        thread = threading.Thread(target=both.run)
        thread.start()
        try:
            while (entry := outbox(database, sink="moderators")[0]).attempts == 0 and thread.is_alive():
                thread.join(0.01)
            assert (entry.state, entry.error) == ("waiting", error)
            thread.join(0.1)
            assert thread.is_alive()
        finally:
            both.stop()
            thread.join(60)


def test_a_message_is_delivered_once_it_is_accepted_whatever_becomes_of_the_answer(
    database: Database, ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_sink, "TIMEOUT_SECONDS", 1.0)
    ledger.given(warned("ada", 1))
    ledger.catch_up()
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
                ended.wait(60)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            assert deliver(database, log=WebhookSink(url, SECRET)) == 1
        finally:
            ended.set()
            thread.join(60)
    assert states(database) == [("delivered", 1)]


def test_a_sink_whose_code_fails_at_a_message_delivers_the_others_and_says_which(
    database: Database, ledger: LedgerScenario
) -> None:
    ledger.given(*[warned(who, 1) for who in ("ada", "bob", "eve")])
    ledger.catch_up()

    class Failing(Scripted):
        def deliver(self, messages: Sequence[OutboxMessage], connection: Connection) -> Sequence[Attempt]:
            if any(message.user_id == "bob" for message in messages):
                raise RecursionError("so deep")
            return super().deliver(messages, connection)

    sink = Failing()
    for _ in range(3):
        deliver(database, log=sink)
    assert [message.user_id for message in sink.given] == ["ada", "eve"]
    assert [(each.user_id, each.error) for each in outbox(database, states=["waiting"])] == [
        ("bob", "the sink failed (RecursionError)")
    ]


def test_an_address_that_is_no_name_of_a_host_is_a_sink_that_cannot_be_reached(
    database: Database, ledger: LedgerScenario
) -> None:
    ledger.given(warned("ada", 1))
    ledger.catch_up()
    deliver(database, log=WebhookSink(f"http://{'a' * 70}.example/", SECRET))
    assert [each.error for each in outbox(database)] == ["cannot be reached (UnicodeError)"]


def test_what_the_database_refuses_of_one_sink_ends_the_deliverer_with_the_reason(
    database: Database, ledger: LedgerScenario
) -> None:
    ledger.given(young("ada", 1, 12))
    ledger.catch_up()

    class Refused:
        def deliver(self, messages: Sequence[OutboxMessage], connection: Connection) -> Sequence[Attempt]:
            connection.execute("select 1 / 0")
            return []

    with pytest.raises(DatabaseUnavailable, match="sink moderators: the database refused"):
        Deliverer(database, {"moderators": Refused(), "log": Scripted()}).run()
