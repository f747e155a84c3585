"""An event of an author's own is decoded wherever an event is: nothing below the commands assumes our catalogue."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.projection import ApplicationSubscription, ProjectionRunner

import temple_ledger
from temple_ledger.domain.event import Event
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.eventsourcing_adapter.application import TempleLedger
from temple_ledger.infrastructure.eventsourcing_adapter.projection import ProjectionCheckpoint, under_the_library
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections import registry
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.members import Member, members
from temple_ledger.projections.testing.histories import at, joined
from temple_ledger.projections.testing.specification import Specification
from tests.cli.conftest import Typed
from tests.examples.installing import install_points
from tests.examples.tavern import TABS, DrinkServed, tabs
from tests.log.builders import as_lines, line

OLD_SHAPE = {"event_type": "tavern", "action": "served", "target": "mead"}
ENTRY_POINTS = {
    registry.EVENTS: {"tavern": "tests.examples.tavern:EVENTS"},
    registry.PROJECTIONS: {"tabs": "tests.examples.tavern:tabs"},
}


@pytest.fixture(autouse=True)
def tavern(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The package is installed, and `members` has a rule for its event: a drink is a sign of life."""
    monkeypatch.syspath_prepend(install_points(tmp_path_factory.mktemp("packages") / "site", ENTRY_POINTS))
    steps: dict[type[Event], Any] = {**members.steps, DrinkServed: _seen}
    monkeypatch.setattr(members, "steps", steps)
    registry.loaded.cache_clear()
    yield
    registry.loaded.cache_clear()


def _seen(member: Member, event: DrinkServed) -> Member:
    return member._replace(last_activity=event.occurred_at)


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=[*BUILT_IN, tabs])


@pytest.fixture
def served(ledger: LedgerScenario) -> LedgerScenario:
    """Ada joined at position 1; meads at 2 and 3."""
    ledger.given(joined("ada", at(0)), mead(1), mead(2))
    ledger.catch_up()
    return ledger


def mead(hours: float, size: str = "horn") -> DrinkServed:
    return DrinkServed(user_id="ada", occurred_at=at(hours), source="tavern", drink="mead", size=size)


def stored_tabs(ledger: LedgerScenario) -> Sequence[Any]:
    return ledger.rows(tabs, TABS.name, "ada")


def alter(ledger: LedgerScenario, statement: str) -> None:
    with ledger.database.connect(DatabaseRole.OWNER) as connection:
        connection.execute(statement.encode())


def test_the_kits_decode_it_without_being_given_a_catalogue(ledger: LedgerScenario) -> None:
    spec = Specification(tabs)
    spec.given(mead(1)).when(mead(2))
    spec.then_rows("ada", TABS.name, [("mead", "horn", 2)])
    ledger.when(mead(1), mead(2))
    ledger.then_rows(tabs, TABS.name, "ada", [("mead", "horn", 2)])


def test_the_author_s_own_call_encodes_it() -> None:
    entry = temple_ledger.entry_of_event(mead(1), event_id=UUID(int=1))
    assert (entry.event_type, entry.action, entry.target) == ("tavern", "served", "mead")
    assert json.loads(entry.metadata or "") == {"size": "horn", "event_version": 2}


def test_import_reads_its_older_shape_and_refuses_what_it_does_not_decode(
    ledger: LedgerScenario, temple: Typed, tmp_path: Path
) -> None:
    history = tmp_path / "history.jsonl"
    history.write_bytes(as_lines({**line("ada"), **OLD_SHAPE}, {**line("bob"), **OLD_SHAPE, "target": None}))
    ended = temple("events", "import", str(history))
    assert "1 added, 0 duplicates, 1 rejected" in ended.stdout
    assert temple("run", "--until-caught-up").code == 0
    assert stored_tabs(ledger) == [("mead", "pint", 1)]


def test_append_refuses_what_it_does_not_decode(ledger: LedgerScenario, temple: Typed) -> None:
    append = ("events", "append", "--type", "tavern/served", "--user", "ada")
    refused = temple(*append)
    assert (refused.code, "tavern/served needs one" in refused.stderr) == (1, True)
    assert temple(*append, "--target", "mead").code == 0
    assert temple("run", "--until-caught-up").code == 0
    assert stored_tabs(ledger) == [("mead", "pint", 1)]


def test_list_and_show_have_it(served: LedgerScenario, temple: Typed) -> None:
    listed = temple("events", "list", "--type", "tavern/served", "--json").data
    assert [event["id"] for event in listed] == [2, 3]
    assert temple("events", "show", "3", "--json").data["metadata"] == {"size": "horn", "event_version": 2}


def test_history_as_of_and_explain_fold_it(served: LedgerScenario, temple: Typed) -> None:
    assert "not folded" not in temple("member", "history", "ada").stdout
    then = temple("member", "show", "ada", "--as-of", at(1).isoformat(), "--json").data
    assert then["last_activity"] == "2026-01-01T01:00:00.000000+00:00"
    causes = temple("member", "explain", "ada", "--json").data
    assert [cause["event"]["id"] for cause in causes if cause["column"] == "last_activity"] == [3]


def test_verify_finds_its_drift_and_repair_mends_it(served: LedgerScenario, temple: Typed) -> None:
    assert [each["ok"] for each in temple("verify", "--json").data] == [True] * 4
    alter(served, "update tavern_tabs set times = 7")
    for kind in ("--full", "--since-last"):
        (found,) = temple("verify", "tabs", kind, "--json").data
        (difference,) = found["differences"]
        assert (difference["stored"], difference["folded"]) == (7, 2)
        assert [event["id"] for event in difference["events"]] == [2, 3]
    assert temple("repair", "tabs", "--apply", "--reason", "a test").code == 0
    assert stored_tabs(served) == [("mead", "horn", 2)]


def test_reconcile_repairs_it(served: LedgerScenario, temple: Typed) -> None:
    alter(served, "delete from tavern_tabs")
    assert temple("reconcile").code == 0
    assert stored_tabs(served) == [("mead", "horn", 2)]


def test_replay_folds_it_again(served: LedgerScenario, temple: Typed) -> None:
    alter(served, "delete from tavern_tabs")
    assert temple("replay", "tabs", "--apply", "--reason", "a test").code == 0
    assert stored_tabs(served) == [("mead", "horn", 2)]


def test_retry_and_skip_fold_its_member_again(served: LedgerScenario, temple: Typed) -> None:
    """A row that came by another way than import and append: from tomorrow's version of the package."""
    with served.database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)"
            " values (gen_random_uuid(), '2026-02-01Z', 'tavern', 'ada', 'served', 'ale', %s, 'tavern')",
            ('{"event_version": 3}',),
        )
    served.when(mead(9))
    served.catch_up()
    assert temple("failures", "retry", "ada", "--projection", "tabs").code == 1
    skipped = temple("failures", "skip", "4", "--projection", "tabs", "--reason", "a test")
    assert skipped.code == 0
    assert stored_tabs(served) == [("mead", "horn", 3)]


def test_what_is_exported_is_the_same_event_when_it_is_imported(
    served: LedgerScenario, temple: Typed, tmp_path: Path
) -> None:
    exported = tmp_path / "exported.jsonl"
    assert temple("events", "export", "--output", str(exported)).code == 0
    assert "0 added, 3 duplicates, 0 rejected" in temple("events", "import", str(exported)).stdout


def test_the_library_decodes_it_and_runs_its_projection(ledger: LedgerScenario) -> None:
    env = {"TEMPLE_DATABASE_URL": ledger.database.dsn}
    with TempleLedger(env) as application:
        application.save(mead(1), mead(2))
        with ApplicationSubscription(application) as subscription:
            event, _ = next(subscription)
    assert isinstance(event, DrinkServed)
    with ProjectionRunner(
        application_class=TempleLedger,
        projection_class=under_the_library(tabs),
        view_class=ProjectionCheckpoint,
        env={**env, "PERSISTENCE_MODULE": "temple_ledger.infrastructure.eventsourcing_adapter.factory"},
    ) as runner:
        runner.wait(runner.app.recorder.max_notification_id(), timeout=60.0)
    assert stored_tabs(ledger) == [("mead", "horn", 2)]
