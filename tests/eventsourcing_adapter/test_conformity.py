"""The library's own tests for application recorders, run on our log.

They append toy events, `topic1` with the state `b"state1"`, of aggregates with UUIDs, at versions that the
writer chooses. The log takes none of that, so a translation stands between: the toy event travels in the
metadata, and its aggregate and version make an event_id, so that a version which is taken is an id which is.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent, Subscription

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.eventsourcing_adapter.recorder import LogRecorder
from tests.eventsourcing_adapter.shipped import persistence as shipped

PREFIX = "toy/"


class ToyRecorder(ApplicationRecorder):
    def __init__(self, database: Database) -> None:
        self.log = LogRecorder(database, catalogue=CATALOGUE)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        return self.log.insert_events([_to_log(each) for each in stored_events], **kwargs)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        selected = self.log.select_events(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)
        return [_from_log(each) for each in selected]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        found = self.log.select_notifications(
            start, limit, stop, _topics_in_log(topics), inclusive_of_start=inclusive_of_start
        )
        return [_notification_from_log(each) for each in found]

    def max_notification_id(self) -> int | None:
        return self.log.max_notification_id()

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        return ToySubscription(self, gt, topics)


class ToySubscription(Subscription[ToyRecorder]):
    def __init__(self, recorder: ToyRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._ours = recorder.log.subscribe(gt, _topics_in_log(topics))

    def __enter__(self) -> "ToySubscription":
        self._ours.__enter__()
        return self

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        self._ours.__exit__(*args, **kwargs)

    def stop(self) -> None:
        self._ours.stop()

    def __next__(self) -> Notification:
        return _notification_from_log(next(self._ours))


class TestTheLibrarysContract(shipped.ApplicationRecorderTestCase[ToyRecorder]):
    @pytest.fixture(autouse=True)
    def _given_a_ledger(self, database: Database) -> Iterator[None]:
        self.database = database
        self.recorders: list[ToyRecorder] = []
        yield
        for recorder in self.recorders:
            recorder.log.close()

    def create_recorder(self) -> ToyRecorder:
        recorder = ToyRecorder(self.database)
        self.recorders.append(recorder)
        return recorder

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


def _to_log(toy: StoredEvent) -> StoredEvent:
    originator_id = UUID(str(toy.originator_id))
    row = {
        "event_id": str(uuid5(originator_id, str(toy.originator_version))),
        "timestamp": "2026-01-02T03:04:05Z",
        "event_type": PREFIX.rstrip("/"),
        "user_id": str(originator_id),
        "action": toy.topic,
        "source": "test",
        "metadata": {
            "version": toy.originator_version,
            "state": base64.b64encode(toy.state).decode(),
            # the library's recorders refuse the same event again; ours takes it, and adds nothing
            "attempt": uuid4().hex,
        },
    }
    return StoredEvent(str(originator_id), 0, PREFIX + toy.topic, json.dumps(row).encode())


def _from_log(stored: StoredEvent) -> StoredEvent:
    metadata = json.loads(stored.state)["metadata"]
    return StoredEvent(
        originator_id=UUID(str(stored.originator_id)),
        originator_version=metadata["version"],
        topic=stored.topic.removeprefix(PREFIX),
        state=base64.b64decode(metadata["state"]),
    )


def _notification_from_log(notification: Notification) -> Notification:
    toy = _from_log(notification)
    return Notification(toy.originator_id, toy.originator_version, toy.topic, toy.state, notification.id)


def _topics_in_log(topics: Sequence[str]) -> Sequence[str]:
    return [PREFIX + topic for topic in topics]
