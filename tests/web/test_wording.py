"""Whoever looks at a page has no terminal: a command is for whoever runs the ledger, and a page says so."""

import re

import pytest

from temple_ledger.domain.errors import (
    LedgerError,
    Refused,
    SchemaMismatch,
    UnknownMember,
    UnknownName,
)
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.rights import Right
from temple_ledger.infrastructure.web.routes import PAGES
from temple_ledger.infrastructure.web.wording import Wording, wording, wording_of
from tests.web.conftest import BOB, Started
from tests.web.test_rights import PATHS

COMMAND = re.compile(r"\btemple [a-z]+|--[a-z]+")
FOR_WHOM = "For whoever runs the ledger: "


@pytest.mark.parametrize(
    ("sentence", "what", "advice"),
    [
        ("no answer", "No answer.", ""),
        ("The tables agree.", "The tables agree.", ""),
        ("members is paused", "members is paused.", ""),
        ("role_periods is being rebuilt", "role_periods is being rebuilt.", ""),
        ("tables are missing; run: temple db migrate", "Tables are missing.", "run: temple db migrate"),
        (
            "6 % would change; look at them (temple replay without --apply), then allow it with --max-change 100%",
            "6 % would change.",
            "look at them (temple replay without --apply), then allow it with --max-change 100%",
        ),
        ("nothing is described yet: temple patreon webhooks", "Nothing is described yet.", "temple patreon webhooks"),
        ("it carries out no actions: started without --allow-actions", "It carries out no actions.", None),
        ("temple run has ended", "", "temple run has ended"),
    ],
)
def test_a_sentence_begins_with_a_capital_ends_and_has_its_command_apart(
    sentence: str, what: str, advice: str | None
) -> None:
    found = wording(sentence)
    assert found.what == what
    assert advice is None or found.advice == advice
    assert COMMAND.search(found.what) is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnknownMember("zoe"), Wording("There is no member “zoe”.")),
        (
            UnknownName("role", "temple run", ("Temple",)),
            Wording("There is no role “temple run”. Did you mean Temple?"),
        ),
        (Refused("it is maintained by the trigger; run: temple trigger disable"), None),
        (SchemaMismatch("the database is 2 migrations behind (x); run: temple db migrate"), None),
    ],
)
def test_what_is_not_there_is_found_by_links_and_not_by_commands(error: LedgerError, said: Wording | None) -> None:
    found = wording_of(error)
    assert said is None or found == said
    assert COMMAND.search(found.what.replace("“temple run”", "")) is None


NOT_THERE = (
    *("/members/nobody", "/roles/nothing", "/roles/nothing/diff", "/events/999", "/projections/nothing", "/verify/999"),
    *("/inbox/999", "/operations/999", "/nothing", "/nothing/at/all", "/events?from=yesterday", "/events?kind=x"),
)
DELIVERIES = """
    insert into inbox (source, kind, received_at, digest, body, last_received_at, state, note)
    values ('patreon', 'x', now(), 'd', '{}', now(), 'failed', 'no tier'),
        ('patreon', 'y', now(), 'e', '{}', now(), 'waiting', null)
"""
STANDS_STILL = """
    update projection_checkpoint
    set state = 'failed', reason = 'its table has other columns than its code declares; run: temple db migrate'
    where projection = 'activity'
"""
BESIDE = """
    insert into projection_checkpoint (projection, version, position, epoch, state, passed, active)
    select projection, 2, position, epoch, 'paused', passed, false from projection_checkpoint
    where projection = 'members'
"""
DRIFTED = """
    update temple_member_status set patreon_tier = 'Tin' where patreon_tier is not null
"""


@pytest.fixture
def troubled(database: Database, ledger: LedgerScenario) -> Database:
    """Something of every kind is wrong."""
    with database.connect(DatabaseRole.OWNER) as connection:
        for query in (DELIVERIES, STANDS_STILL, BESIDE, DRIFTED):
            connection.execute(query.encode())
    return database


def test_no_page_gives_a_command_to_a_reader_and_each_says_for_whom_it_is(start: Started, troubled: Database) -> None:
    """But for Administration, which is about the installation: its settings are named there."""
    console = start(allow_actions=True)
    reader, operator = console.signed_in(Right.READ), start().signed_in()
    pages = [PATHS[each.path] for each in PAGES if each.path not in ("/admin", "/verify/{number}")]
    for path in (*pages, f"/members/{BOB}", "/events/11", *NOT_THERE):
        read = reader.get(path)
        assert COMMAND.search(read.words) is None, (path, read.words)
        assert FOR_WHOM not in read.words, path
        words = operator.get(path).words
        commands = [found.start() for found in COMMAND.finditer(words)]
        assert all(FOR_WHOM in words[max(0, at - 200) : at] for at in commands), (path, words)
    assert FOR_WHOM + "temple run" in operator.get("/").words
    assert "What has no link is for whoever runs the ledger." in reader.get("/").words


def test_an_error_has_the_menu_and_a_way_back_to_where_one_was(start: Started, ledger: LedgerScenario) -> None:
    reader = start().signed_in(Right.READ)
    for path, words, back in (
        ("/members/nobody", "There is no member “nobody”.", "/members"),
        ("/roles/nothing/diff", "There is no role “nothing”.", "/roles"),
        ("/nothing/at/all", "There is no such page.", "/"),
    ):
        page = reader.get(path)
        assert page.status == 404
        assert words in page.words, path
        assert f'<a class="button" href="{back}">' in page.text, path
        assert '<nav aria-label="Pages">' in page.text, path


def test_whoever_has_no_link_yet_reads_who_makes_one(start: Started) -> None:
    visitor = start().visitor()
    for path in ("/sign-in", "/sign-in/used"):
        assert "Whoever runs the ledger makes" in visitor.get(path).words
