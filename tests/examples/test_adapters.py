"""What docs/writing-an-adapter.md promises to authors."""

import json
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.worker import Stepped, TranslationWorker
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.processes import sources as registry
from temple_ledger.infrastructure.processes.sources import TRANSLATORS, translators
from temple_ledger.infrastructure.settings import Settings
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at
from tests.examples.forum import TABLE, ForumTranslator, receive
from tests.examples.installing import SHOP
from tests.examples.shop import Order, append_orders
from tests.inbox.builders import rows

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "writing-an-adapter.md"

ORDERS = [Order("A-1", "ada", "Oracle", at(1)), Order("A-2", "bob", "Oracle", at(2))]


def test_an_order_that_is_told_again_adds_nothing(database: Database) -> None:
    with LogAppender(database) as appender:
        assert append_orders(ORDERS, appender) == (2, [])
        assert append_orders([*ORDERS, Order("A-3", "ada", "Seeker", at(3))], appender) == (1, [])
    ledger = LedgerScenario(database)
    ledger.then_roles("ada", ["Oracle", "Seeker"])


def test_an_order_that_is_told_otherwise_is_a_conflict_and_the_others_count(database: Database) -> None:
    with LogAppender(database) as appender:
        append_orders(ORDERS, appender)
        added, conflicts = append_orders(
            [ORDERS[0]._replace(role="Seeker"), ORDERS[1]._replace(number="A-9")], appender
        )
    assert added == 1
    assert [each.position for each in conflicts] == [1]


@pytest.fixture
def forum(database: Database) -> Iterator[TranslationWorker]:
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(TABLE)
    with TranslationWorker(database, ForumTranslator()) as worker:
        yield worker


def told(database: Database, *bodies: bytes, kind: str = "badges") -> None:
    with database.connect(DatabaseRole.APPEND) as connection:
        for minute, body in enumerate(bodies):
            receive(connection, kind, body, at(minute))


def badges(member: str, *held: str, seen: int = 0) -> bytes:
    return json.dumps({"member": member, "badges": held, "seen": seen}).encode()


def test_a_difference_becomes_an_event_and_the_same_again_none(database: Database, forum: TranslationWorker) -> None:
    told(
        database, badges("ada", "Oracle"), badges("ada", "Oracle", "Seeker"), badges("ada", "Oracle", "Seeker", seen=1)
    )
    assert forum.step() == Stepped(deliveries=3, events=2, drained=True)
    LedgerScenario(database).then_roles("ada", ["Oracle", "Seeker"])
    assert rows(database, "note") == [None, None, "nothing new"]


def test_a_badge_that_is_lost_and_won_again_is_three_events(database: Database, forum: TranslationWorker) -> None:
    told(database, badges("ada", "Oracle"), badges("ada"), badges("ada", "Oracle", seen=1))
    assert forum.step() == Stepped(deliveries=3, events=3, drained=True)
    LedgerScenario(database).then_roles("ada", ["Oracle"])


def test_what_is_not_about_badges_or_not_to_be_read_is_kept(database: Database, forum: TranslationWorker) -> None:
    told(database, b"hello", kind="ping")
    told(database, b"hello", b'{"member": 7}', badges("x" * 200, "Oracle"), badges("bob", "Oracle"))
    assert forum.step() == Stepped(deliveries=5, events=1, failed=1, drained=True)
    assert rows(database, "state") == ["set_aside", "unparseable", "unparseable", "failed", "translated"]


def install(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """As if a package were installed that has this entry point."""
    found = EntryPoints([EntryPoint(name, value, TRANSLATORS)])
    monkeypatch.setattr(registry, "entry_points", lambda: found)


def test_a_translator_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "forum", "tests.examples.forum:forum_translator")
    assert "forum" in [each.source for each in translators(Settings()).made]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("forum", "tests.examples.nowhere:forum_translator", "cannot make its translator: ModuleNotFoundError"),
        ("forum", "tests.examples.forum:SOURCE", "cannot make its translator: TypeError"),
        ("board", "tests.examples.forum:forum_translator", "source board has a translator of source forum"),
    ],
)
def test_an_entry_point_that_is_no_translator_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv("TEMPLE_PATREON_SECRETS", "0123456789abcdef0123456789abcdef")
    install(monkeypatch, name, value)
    found = translators(Settings())
    assert [each.source for each in found.made] == ["patreon"]
    assert reason in str(found.failed[name])


def test_the_page_shows_code_that_these_tests_run() -> None:
    files = [HERE / "shop.py", HERE / "forum.py", *sorted((SHOP / "temple_shop").glob("[a-z]*.py"))]
    examples = {file: file.read_text("utf-8") for file in files}
    blocks = re.findall(r"```python\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    shown = [[name for name, code in examples.items() if block.strip() in code] for block in blocks]
    assert [] not in shown
    assert {name for names in shown for name in names} == set(examples)


def test_the_page_declares_the_shop_as_its_package_does() -> None:
    blocks = re.findall(r"```toml\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (declared,) = [block for block in blocks if "temple_shop" in block]
    assert declared in (SHOP / "pyproject.toml").read_text("utf-8")
