"""`temple member erase`: shows by default, asks at a terminal, and journals without the id."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from tests.cli.conftest import Typed
from tests.erasure.builders import MODERATOR, OTHER, PERSON, ROLE, found_in
from tests.queries.builders import altered

REASON = ("--reason", "asked us to on 3 March")


@pytest.fixture(autouse=True)
def ledger(database: Database) -> LedgerScenario:
    made = LedgerScenario(database)
    made.given(joined(PERSON), joined(OTHER), role_added(OTHER, ROLE, at(1), by=PERSON), left(PERSON, at(2)))
    made.catch_up()
    return made


def test_without_apply_it_shows_what_there_is_and_changes_nothing(temple: Typed, database: Database) -> None:
    ended = temple("member", "erase", PERSON)
    assert ended.code == 0
    assert "2 events about them" in ended.stdout
    assert "1 event of others" in ended.stdout
    assert "nothing was changed" in ended.stderr
    assert "webhook_audit_log" in found_in(database, PERSON)


def test_with_apply_it_is_done_and_the_journal_has_it_without_the_id(temple: Typed, database: Database) -> None:
    ended = temple("member", "erase", PERSON, *REASON, "--apply", "--yes")
    assert ended.code == 0, ended.stderr
    assert found_in(database, PERSON) == set()
    (entry,) = [each for each in temple("operations", "list", "--json").data if each["kind"] == "erase"]
    assert entry["reason"] == REASON[1]
    assert PERSON not in json.dumps(entry)
    assert temple("member", "show", PERSON).code == 1
    assert temple("verify", "--full").code == 0


def test_results_of_verify_and_the_journal_of_repairs_lose_the_id(temple: Typed, database: Database) -> None:
    altered(database, f"update temple_member_status set status = 'active' where user_id = '{PERSON}'")
    assert temple("verify", "--full").code == 3
    assert temple("repair", "--apply", "--reason", f"rows of {PERSON}").code == 0
    assert {"verification", "ledger_operation"} <= found_in(database, PERSON)
    assert temple("member", "erase", PERSON, *REASON, "--apply").code == 0
    assert found_in(database, PERSON) == set()
    assert {"verification", "ledger_operation"} <= found_in(database, "erased:")


def test_doctor_names_an_erasure_that_was_not_finished(temple: Typed, database: Database) -> None:
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute(
            "insert into erasure (words, pseudonyms, notes, secret) values (%s, '{erased:x}', '{}', 'x')", ([PERSON],)
        )
    (unfinished,) = [each for each in temple("doctor", "--json").data if each["check"] == "erasures"]
    assert unfinished["outcome"] == "warn"
    assert "begun before" in temple("member", "erase", PERSON).stdout
    assert temple("member", "erase", PERSON, *REASON, "--apply").code == 0
    assert "webhook_audit_log" in found_in(database, "erased:x"), "it went on with the same pseudonym"
    (finished,) = [each for each in temple("doctor", "--json").data if each["check"] == "erasures"]
    assert finished["outcome"] == "ok"


def test_off_a_terminal_nobody_is_asked(temple: Typed, database: Database) -> None:
    assert temple("member", "erase", PERSON, *REASON, "--apply").code == 0
    assert found_in(database, PERSON) == set()


@pytest.mark.parametrize(("answer", "more", "code"), [("n", (), 1), ("y", (), 0), ("", ("--yes",), 0)])
def test_at_a_terminal_it_asks_once(
    environment: dict[str, str], database: Database, tmp_path: Path, answer: str, more: tuple[str, ...], code: int
) -> None:
    terminal, typed = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "temple_ledger.cli", "member", "erase", PERSON, *REASON, "--apply", *more],
        cwd=tmp_path,
        env={**os.environ, **environment},
        stdin=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(terminal, f"{answer}\n".encode())
    _, stderr = process.communicate(timeout=60)
    os.close(terminal)
    os.close(typed)
    assert process.returncode == code, stderr
    assert ("Erase them for good?" in stderr) == (more == ())
    assert ("webhook_audit_log" in found_in(database, PERSON)) == (code == 1)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "name one id"),
        ((PERSON, "--apply"), 2, "--reason"),
        ((PERSON, "--apply", "--reason", f"{PERSON} asked"), 5, "names the person"),
        (("7",), 1, "no member '7'"),
        (("guild",), 5, "no person"),
        (("--again", "missing.txt"), 2, "missing.txt"),
    ],
)
def test_what_cannot_be_done_says_so_in_a_sentence(
    temple: Typed, database: Database, arguments: tuple[str, ...], code: int, says: str
) -> None:
    ended = temple("member", "erase", *arguments)
    assert (ended.code, says in ended.stderr) == (code, True), ended.stderr
    assert "webhook_audit_log" in found_in(database, PERSON)


def test_a_list_of_ones_own_erases_again_who_came_back(temple: Typed, database: Database, tmp_path: Path) -> None:
    temple("member", "erase", PERSON, *REASON, "--apply")
    LedgerScenario(database).given(joined(PERSON, at(9)), joined(MODERATOR))
    file = tmp_path / "erased.txt"
    file.write_text(f"# asked us to\n{PERSON}\n\n1141786282152360000\n{MODERATOR}\n{PERSON}\n")
    ended = temple("member", "erase", "--again", str(file), *REASON, "--apply")
    assert ended.code == 0, ended.stderr
    assert "1 id of the list: nothing is here" in ended.stdout
    assert found_in(database, PERSON, MODERATOR) == set()


def test_json_has_what_is_shown_and_whether_it_was_done(temple: Typed) -> None:
    shown = temple("member", "erase", PERSON, "--json").data
    assert [(each["events"], each["events_that_name_them"], each["applied"]) for each in shown] == [(2, 1, False)]
    done = temple("member", "erase", PERSON, *REASON, "--apply", "--yes", "--json").data
    assert [each["applied"] for each in done] == [True]


def test_a_list_that_is_no_text_is_refused(temple: Typed, tmp_path: Path) -> None:
    file = tmp_path / "erased.txt"
    file.write_bytes(b"\xff\xfe1\x00")
    ended = temple("member", "erase", "--again", str(file))
    assert (ended.code, "UTF-8" in ended.stderr) == (2, True)


def test_a_table_of_somebody_else_is_named(temple: Typed, database: Database) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("create table shop_order (buyer text)")
    assert "does not own them: shop_order" in temple("member", "erase", PERSON).stdout


@pytest.mark.parametrize(
    ("user_id", "code", "why"),
    [
        (ROLE, 5, "is a role, and no person"),
        ("Oracle", 1, "no member 'Oracle'"),
        ("0", 1, "no member '0'"),
        ("true", 1, "no member 'true'"),
        ("999999999999999999", 1, "no member '999999999999999999'"),
    ],
)
def test_what_is_no_person_is_refused_and_nothing_changes(
    temple: Typed, database: Database, ledger: LedgerScenario, user_id: str, code: int, why: str
) -> None:
    ledger.given(role_added(OTHER, "Oracle" if user_id != "Oracle" else ROLE, at(3)))
    with database.connect(DatabaseRole.READ) as connection:
        before = connection.execute("select * from webhook_audit_log order by id").fetchall()
        for arguments in ([], [*REASON, "--apply", "--yes"]):
            ended = temple("member", "erase", user_id, *arguments)
            assert (ended.code, why in ended.stderr) == (code, True), ended.stderr
        assert connection.execute("select * from webhook_audit_log order by id").fetchall() == before
    assert [each["kind"] for each in temple("operations", "list", "--json").data] == []


def test_a_moderator_who_never_was_a_member_is_erased_too(
    temple: Typed, database: Database, ledger: LedgerScenario
) -> None:
    ledger.given(role_added(OTHER, ROLE, at(3), by=MODERATOR))
    assert "webhook_audit_log" in found_in(database, MODERATOR)
    assert temple("member", "erase", MODERATOR, *REASON, "--apply", "--yes").code == 0
    assert found_in(database, MODERATOR) == set()


def test_a_refusal_says_nothing_of_what_was_done(temple: Typed) -> None:
    ended = temple("member", "erase", PERSON, "--reason", f"{PERSON} wants it", "--apply", "--yes")
    assert ended.code == 5
    assert "not finished" not in ended.stderr


@pytest.mark.parametrize(("listed", "names_it"), [(PERSON, True), (OTHER, False)])
def test_a_file_of_nicknames_that_still_names_the_person_is_named(
    temple: Typed, home: Path, listed: str, names_it: bool
) -> None:
    home.mkdir()
    (home / "nicknames.csv").write_text(f"{listed},Ada\n")
    ended = temple("member", "erase", PERSON, *REASON, "--apply", "--yes")
    assert ended.code == 0
    assert ("nicknames.csv still has a name for them" in ended.stderr) is names_it
    assert "Ada" in (home / "nicknames.csv").read_text()


def test_refused_lines_of_imports_lose_the_person(temple: Typed, home: Path, tmp_path: Path) -> None:
    lines = [{"user_id": PERSON, "name": "Ada"}, {"user_id": OTHER}, {"user_id": f"1{PERSON}"}, {"actor": PERSON}]
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    temple("events", "import", str(tmp_path / "history.jsonl"))
    (file,) = (home / "rejects").iterdir()
    before = file.read_text()
    ended = temple("member", "erase", PERSON, *REASON, "--apply")
    assert ended.code == 0, ended.stderr
    assert f"2 refused lines of imports emptied in {file.parent}" in ended.stderr
    kept = [json.loads(each) for each in file.read_text().splitlines()]
    assert [each["text"] != "" for each in kept] == [False, True, True, False]
    assert ("Ada" in file.read_text(), len(file.read_text())) == (False, len(before))
    assert temple("member", "erase", OTHER, *REASON, "--apply").code == 0


def test_who_stands_only_in_the_tables_of_a_source_is_found_and_erased(
    temple: Typed, database: Database, tmp_path: Path
) -> None:
    """As after a restore to a point before the first event about them."""
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        connection.execute("insert into discord_member (user_id, present) values (%s, true)", (MODERATOR,))
    file = tmp_path / "erased.txt"
    file.write_text(f"{MODERATOR}\n")
    ended = temple("member", "erase", "--again", str(file), *REASON, "--apply")
    assert ended.code == 0, ended.stderr
    assert "1 row about them in tables of the sources" in ended.stdout
    assert found_in(database, MODERATOR) == set()
