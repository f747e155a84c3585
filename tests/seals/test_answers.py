"""An answer that is made from a log which was changed says so."""

from typing import Final

import pytest

from temple_ledger.infrastructure.database.connection import Database
from tests.cli.conftest import Typed, environment, home, temple
from tests.seals.builders import executed, proof, sealed, tampered

__all__ = ["environment", "home", "temple"]

FORGE: Final = "update webhook_audit_log set target = 'Oracle' where id = 5"
DELETE: Final = "delete from webhook_audit_log where id = 4"
THEN: Final = ("--as-of", "2030-01-01")
OF_MEMBER: Final = (
    ("member", "show", "bo", *THEN),
    ("member", "history", "bo"),
    ("member", "explain", "bo"),
    ("projection", "rows", "role_periods", "bo", *THEN),
    ("projection", "explain", "members", "bo"),
    ("events", "export", "--member", "bo"),
)
OF_ALL: Final = (
    ("role", "members", "role 2", *THEN),
    ("role", "history", "role 2"),
    ("role", "diff", "role 2", "--between", "2020-01-01", "2030-01-01"),
    ("members", *THEN),
    ("events", "export"),
)


@pytest.mark.parametrize("question", OF_MEMBER, ids=" ".join)
def test_of_a_member_an_event_that_was_changed_is_noticed_at_once(
    temple: Typed, database: Database, question: tuple[str, ...]
) -> None:
    sealed(database)
    assert "was changed" not in temple(*question).stderr
    tampered(database, FORGE)
    assert "the LOG was changed at position 5: this answer is from what stands there now" in temple(*question).stderr
    other = tuple("cy" if each == "bo" else each for each in question)
    assert "was changed" not in temple(*other).stderr


@pytest.mark.parametrize("question", [*OF_MEMBER, *OF_ALL], ids=" ".join)
def test_what_a_proof_has_found_is_said_with_every_answer(
    temple: Typed, database: Database, question: tuple[str, ...]
) -> None:
    sealed(database)
    tampered(database, DELETE)
    proof(database)
    assert "the LOG was changed at position 4: this answer is from what stands there now" in temple(*question).stderr


def test_a_trigger_that_is_off_casts_no_doubt_on_answers(temple: Typed, database: Database) -> None:
    sealed(database)
    executed(database, "alter table webhook_audit_log disable trigger webhook_audit_log_is_append_only")
    proof(database)
    assert "was changed" not in temple("member", "explain", "bo").stderr


def test_the_doctor_says_so_before_it_says_repair(temple: Typed, database: Database) -> None:
    sealed(database)
    tampered(database, FORGE)
    proof(database)
    found = {each["check"]: each for each in temple("doctor", "--json").data}
    assert found["seals"]["outcome"] == "fail"
    assert "1 finding of the latest proof" in found["seals"]["found"]
