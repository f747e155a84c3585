"""The ledger as an application of the library."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, DomainEventProtocol
from eventsourcing.persistence import (
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    NotSupportedError,
)
from eventsourcing.projection import ApplicationSubscription

from temple_ledger.domain.event import Event
from temple_ledger.domain.events import RoleAdded
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.eventsourcing_adapter.application import TempleLedger
from temple_ledger.infrastructure.eventsourcing_adapter.factory import LedgerFactory
from temple_ledger.infrastructure.eventsourcing_adapter.mapper import UndecodableRow
from tests.eventsourcing_adapter.builders import insert_undecodable, joined, role_added


@pytest.fixture
def ledger(database: Database) -> Iterator[TempleLedger]:
    with TempleLedger({"TEMPLE_DATABASE_URL": database.dsn}) as ledger:
        yield ledger


def test_what_is_saved_comes_back_with_its_position(ledger: TempleLedger) -> None:
    recordings = ledger.save(joined("ada"), role_added("ada", "Oracle", granted_by="grace"))

    assert [each.notification.id for each in recordings] == [1, 2]
    assert [each.notification.originator_version for each in recordings] == [1, 2]
    assert [each.domain_event for each in recordings] == list(ledger.events.get("ada"))


def test_a_fact_that_is_saved_twice_is_kept_once(ledger: TempleLedger) -> None:
    (first,) = ledger.save(joined("ada"))
    (again,) = ledger.save(joined("ada"))

    assert again.notification.id == first.notification.id


def test_an_event_that_was_read_is_not_saved_again(ledger: TempleLedger) -> None:
    ledger.save(joined("ada"))
    (read,) = ledger.events.get("ada")

    with pytest.raises(IntegrityError):
        ledger.save(read)


def test_a_subscription_yields_domain_events_with_their_tracking(ledger: TempleLedger) -> None:
    ledger.save(joined("ada"), role_added("ada", "Oracle"))

    with ApplicationSubscription(ledger) as subscription:
        pairs = list(islice(subscription, 2))

    assert [type(event).__name__ for event, _ in pairs] == ["MemberJoined", "RoleAdded"]
    assert [(each.application_name, each.notification_id) for _, each in pairs] == [
        ("TempleLedger", 1),
        ("TempleLedger", 2),
    ]


def test_a_row_that_can_not_be_decoded_does_not_stop_a_subscription(database: Database, ledger: TempleLedger) -> None:
    position = insert_undecodable(database, "ada")
    ledger.save(joined("grace"))

    with ApplicationSubscription(ledger) as subscription:
        bad, good = (event for event, _ in islice(subscription, 2))

    assert isinstance(bad, UndecodableRow)
    assert (bad.user_id, bad.position) == ("ada", position)
    assert good.originator_id == "grace"


def test_the_notification_log_has_sections(ledger: TempleLedger) -> None:
    ledger.save(*(joined(f"member{n}") for n in range(15)))

    section = ledger.notification_log["1,10"]

    assert section.id == "1,10"
    assert section.next_id == "11,20"
    assert [each.id for each in section.items] == list(range(1, 11))


class Roles:
    """A state that the library's repository can hold; ours is in the tables."""

    def __init__(self, user_id: str, version: int, held: frozenset[str]) -> None:
        self.id = user_id
        self.version = version
        self.held = held


def test_the_repository_folds_a_member_as_of_a_position(ledger: TempleLedger) -> None:
    def fold(roles: Any, events: Iterable[DomainEventProtocol[str]]) -> Any:
        for event in events:
            held = roles.held if roles else frozenset()
            added = {event.role} if isinstance(event, RoleAdded) else set()
            roles = Roles(event.originator_id, event.originator_version, held | added)
        return roles

    ledger.save(joined("ada"), role_added("ada", "Oracle"), role_added("ada", "Seeker"))

    assert ledger.repository.get("ada", projector_func=fold).held == {"Oracle", "Seeker"}
    assert ledger.repository.get("ada", version=2, projector_func=fold).held == {"Oracle"}


def test_an_environment_that_is_meant_for_projections_does_not_move_the_log(database: Database) -> None:
    env = {
        "TEMPLE_DATABASE_URL": database.dsn,
        "PERSISTENCE_MODULE": "eventsourcing.popo",
        "IS_SNAPSHOTTING_ENABLED": "y",
        "COMPRESSOR_TOPIC": "eventsourcing.compressor:ZlibCompressor",
    }

    with TempleLedger(env) as ledger:
        ledger.save(joined("ada"))

        assert len(list(ledger.events.get("ada"))) == 1


def test_the_database_of_one_application_can_be_named_apart(database: Database) -> None:
    env = {"TEMPLE_DATABASE_URL": "host=/nowhere", "TEMPLELEDGER_TEMPLE_DATABASE_URL": database.dsn}

    with TempleLedger(env) as ledger:
        assert ledger.recorder.max_notification_id() is None


def test_without_a_database_one_sentence_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TEMPLE_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InfrastructureFactoryError, match="TEMPLE_DATABASE_URL is not set"):
        TempleLedger()


def test_the_database_of_the_settings_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: Database
) -> None:
    monkeypatch.delenv("TEMPLE_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temple.toml").write_text(f"database_url = '{database.dsn}'\n")

    with TempleLedger() as ledger:
        assert ledger.recorder.max_notification_id() is None


def test_the_librarys_own_name_for_a_persistence_module_finds_ours(database: Database) -> None:
    env = {
        "PERSISTENCE_MODULE": "temple_ledger.infrastructure.eventsourcing_adapter.factory",
        "TEMPLE_DATABASE_URL": database.dsn,
    }

    factory = InfrastructureFactory.construct(env)

    assert isinstance(factory, LedgerFactory)
    for unsupported in (factory.aggregate_recorder, factory.process_recorder):
        with pytest.raises(NotSupportedError):
            unsupported()


def test_an_application_of_aggregates_is_told_that_the_log_keeps_facts(database: Database) -> None:
    env = {
        "PERSISTENCE_MODULE": "temple_ledger.infrastructure.eventsourcing_adapter.factory",
        "TEMPLE_DATABASE_URL": database.dsn,
    }
    app: Application[Any] = Application(env)

    with app, pytest.raises(IntegrityError, match="version 1"):
        app.save(Aggregate())


def test_every_event_of_ours_is_one_of_the_librarys() -> None:
    assert isinstance(joined("ada"), Event)
    assert isinstance(joined("ada"), DomainEventProtocol)
