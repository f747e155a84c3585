"""A log that was changed behind the ledger's back: each page that shows something of it says so."""

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.rights import Right
from tests.seals.builders import proof, seal, tampered
from tests.web.conftest import Started


def test_what_a_proof_found_is_listed_and_on_the_page_of_each_event(
    start: Started, ledger: LedgerScenario, database: Database
) -> None:
    seal(database)
    visitor = start().signed_in(Right.READ)
    assert "latest proof" not in visitor.get("/events/5").words
    tampered(
        database,
        "update webhook_audit_log set target = 'Forged' where id = 5",
        "delete from webhook_audit_log where id = 3",
    )
    proof(database)
    overview = visitor.get("/")
    assert "The log is not what was sealed: 2 findings of the latest proof" in overview.words
    found = visitor.get(overview.link("What was found"))
    assert "the event at position 3 is gone" in found.words
    assert "the event at position 5 is not what was sealed" in found.words
    changed = visitor.get(found.link("no. 5"))
    assert "The latest proof of the log: the event at position 5 is not what was sealed." in changed.words
    assert visitor.get(changed.link("What was found").partition("#")[0]).status == 200
    gone = visitor.get("/events/3")
    assert (gone.status, "The event at position 3 is gone: it was sealed" in gone.words) == (404, True), gone.words
    assert "latest proof" not in visitor.get("/events/6").words


def test_the_page_of_a_member_whose_event_was_changed_says_so(
    start: Started, ledger: LedgerScenario, database: Database
) -> None:
    seal(database)
    visitor = start().signed_in(Right.READ)
    with database.connect(DatabaseRole.READ) as connection:
        ((user_id,),) = connection.execute("select user_id from webhook_audit_log where id = 5").fetchall()
    assert "LOG was changed" not in visitor.get(f"/members/{user_id}").words
    tampered(database, "update webhook_audit_log set target = 'Forged' where id = 5")
    assert "LOG was changed at position 5" in visitor.get(f"/members/{user_id}").words
