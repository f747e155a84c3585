"""`temple projection check`: a projection of the current folder, tried on the log; the ledger stays as it is."""

from pathlib import Path
from textwrap import dedent

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.cli.conftest import Typed

AUTHOR = """
import ctypes
import faulthandler
import os

from temple_ledger import Event, Row, RoleAdded, Increments, Recorded, Tally, Table, Column, ColumnType, projection


class Tried(Row, table="tried"):
    roles: int = 0
    last: str | None = None


tried = projection("tried", version=1, state=Tried)


@tried.on
def _(row: Tried, event: RoleAdded) -> Tried:
    if event.role == "poison":
        raise ValueError("not this one")
    if event.role == "exit":
        raise SystemExit(9)
    if event.role == "leaves":
        os._exit(0)
    if event.role == "killed":
        os.kill(os.getpid(), 9)
    if event.role == "crashes":
        faulthandler.disable()
        ctypes.string_at(0)
    if event.role == "loud":
        print("a rule that is debugged")
    return row.replace(roles=row.roles + 1, last=event.role)


in_place = projection("in_place", version=1, state=Tried)
seen = []


@in_place.on
def _(row: Tried, event: RoleAdded) -> Tried:
    seen.append(event.role)
    return row.replace(roles=len(seen))


def count(event: Recorded) -> Increments:
    return {(event.target[0],): 1}


letters = Tally(
    "letters",
    version=1,
    table=Table(
        "letters",
        columns=(Column("letter", ColumnType.TEXT), Column("number", ColumnType.BIGINT)),
        key=("letter",),
    ),
    count=count,
)
"""

ELSEWHERE = """
from datetime import date

from temple_ledger import Row, RoleAdded, projection


class Tried(Row, table="tried"):
    roles: int = 0
    last: str | None = None


hashed = projection("hashed", version=1, state=Tried)


@hashed.on
def _(row: Tried, event: RoleAdded) -> Tried:
    return row.replace(last=",".join({event.role, *map(str, range(20))}))


dated = projection("dated", version=1, state=Tried)


@dated.on
def _(row: Tried, event: RoleAdded) -> Tried:
    return row.replace(last=str(date.today()))


zoned = projection("zoned", version=1, state=Tried)


@zoned.on
def _(row: Tried, event: RoleAdded) -> Tried:
    if event.occurred_at.astimezone().hour > 12:
        raise ValueError("too late for this")
    return row.replace(roles=row.roles + 1)
"""


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(joined("ada", at(1)), role_added("ada", "Oracle", at(2)), role_added("ada", "Seeker", at(3)))
    found.given(role_added("bob", "Oracle", at(4)))
    return found


@pytest.fixture
def author(tmp_path: Path) -> str:
    """The name of a module in the folder where the commands run, another one in each test: it stays imported."""
    name = f"author_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(AUTHOR)
    return name


def test_a_member_s_rows_are_shown_after_each_event(temple: Typed, ledger: LedgerScenario, author: str) -> None:
    ended = temple("projection", "check", f"{author}:tried", "--member", "ada")
    assert ended.code == 0
    assert ended.stdout == dedent(
        """\
        2  2026-01-01 02:00:00 UTC  discord_role_change/added  Oracle
          + tried: roles 1, last 'Oracle'
        3  2026-01-01 03:00:00 UTC  discord_role_change/added  Seeker
          - tried: roles 1, last 'Oracle'
          + tried: roles 2, last 'Seeker'
        """
    )
    data = temple("projection", "check", f"{author}:tried", "--member", "ada", "--json").data
    assert [step["rows"]["tried"][0]["roles"] for step in data["steps"]] == [1, 2]


def test_what_a_stranger_wrote_does_not_steer_the_terminal(temple: Typed, ledger: LedgerScenario, author: str) -> None:
    ledger.given(role_added("eve", "\x1b[2J\u202e", at(5)))
    ended = temple("projection", "check", f"{author}:tried", "--member", "eve")
    assert r"added  \x1b[2J\u202e" in ended.stdout
    assert not {"\x1b", "\u202e"} & set(ended.stdout)


def test_everybody_is_folded_and_nothing_is_written(temple: Typed, ledger: LedgerScenario, author: str) -> None:
    ended = temple("projection", "check", f"{author}:tried")
    assert (ended.code, ended.stdout) == (0, "tried: 3 events of 2 members folded, nothing is at fault\n")
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select to_regclass('tried')").fetchone() == (None,)
        assert connection.execute("select count(*) from projection_checkpoint").fetchone() == (3,)


def test_what_a_rule_raises_is_shown_with_file_line_and_function(
    temple: Typed, ledger: LedgerScenario, author: str, tmp_path: Path
) -> None:
    ledger.given(role_added("ada", "poison", at(5)))
    line = 1 + AUTHOR.splitlines().index('        raise ValueError("not this one")')
    for arguments in ((), ("--member", "ada")):
        ended = temple("projection", "check", f"{author}:tried", *arguments)
        assert ended.code == 3
        assert "the event at position 5 cannot be folded: ValueError: not this one" in ended.stdout
        assert f"{tmp_path}/{author}.py:{line} in _" in ended.stdout
    assert "1 member at fault" in temple("projection", "check", f"{author}:tried").stdout
    data = temple("projection", "check", f"{author}:tried", "--json").data
    assert (data["members"], data["events"], data["faults"]) == (2, 4, 1)


def test_a_rule_that_is_not_pure_is_found(temple: Typed, ledger: LedgerScenario, author: str) -> None:
    ended = temple("projection", "check", f"{author}:in_place")
    assert (ended.code, "looks at something that is not in the event" in ended.stdout) == (3, True)


def test_a_tally_is_tried_event_by_event(temple: Typed, ledger: LedgerScenario, author: str) -> None:
    ended = temple("projection", "check", f"{author}:letters")
    assert ended.code == 3
    assert "the event at position 1 cannot be folded: TypeError" in ended.stdout
    assert "letters: 4 events folded, 1 event at fault" in ended.stdout
    assert temple("projection", "check", f"{author}:letters", "--member", "ada").code == 2


def test_ours_can_be_tried_too(temple: Typed, ledger: LedgerScenario) -> None:
    assert temple("projection", "check", "temple_ledger.projections.members:members").code == 0


@pytest.mark.parametrize(
    ("place", "code", "why"),
    [
        ("grants", 2, "'grants' is no MODULE:NAME"),
        (":grants", 2, "is no MODULE:NAME"),
        ("no_such_module:grants", 1, "there is no module no_such_module; run this in the folder that holds it"),
        ("AUTHOR:tired", 1, "did you mean tried?"),
        ("AUTHOR:count", 1, "AUTHOR:count is a function, and no projection; it has tried, in_place, letters"),
        ("./grants.py:grants", 1, "is a path; write the module's name, grants:NAME"),
        ("BROKEN:tried", 1, "module BROKEN cannot be loaded: NameError: name 'nothing' is not defined"),
        ("LACKING:tried", 1, "module LACKING cannot be loaded: ModuleNotFoundError: No module named 'no_such_library'"),
        ("EXITING:tried", 1, "module EXITING cannot be loaded: SystemExit: 7"),
    ],
)
def test_what_cannot_be_loaded_is_a_sentence(
    temple: Typed, author: str, tmp_path: Path, place: str, code: int, why: str
) -> None:
    broken, lacking, exiting = (f"{word}_{author}" for word in ("broken", "lacking", "exiting"))
    (tmp_path / f"{broken}.py").write_text("tried = nothing\n")
    (tmp_path / f"{lacking}.py").write_text("import no_such_library\n")
    (tmp_path / f"{exiting}.py").write_text("raise SystemExit(7)\n")
    names = {"AUTHOR": author, "BROKEN": broken, "LACKING": lacking, "EXITING": exiting}
    for word, name in names.items():
        place, why = place.replace(word, name), why.replace(word, name)
    ended = temple("projection", "check", place)
    assert (ended.code, ended.stdout) == (code, "")
    assert why in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_rule_that_exits_or_prints_neither_ends_the_check_nor_stands_in_its_result(
    temple: Typed, ledger: LedgerScenario, author: str
) -> None:
    ledger.given(role_added("ada", "exit", at(5)), role_added("bob", "loud", at(6)))
    ended = temple("projection", "check", f"{author}:tried", "--json")
    assert ended.code == 3
    (fault,) = ended.data["listed"]
    assert "SystemExit: 9" in fault
    assert "a rule that is debugged" in ended.stderr


@pytest.mark.parametrize("of", ["hashed", "dated", "zoned"])
def test_a_rule_that_gives_other_rows_in_another_process_is_at_fault(
    temple: Typed, ledger: LedgerScenario, author: str, tmp_path: Path, of: str
) -> None:
    (tmp_path / f"elsewhere_{author}.py").write_text(ELSEWHERE)
    ended = temple("projection", "check", f"elsewhere_{author}:{of}")
    assert ended.code == 3
    assert "has other rows in another process (-) than in this one (+)" in ended.stdout
    assert "the order of a set, hash(), or the local time" in ended.stdout


@pytest.mark.parametrize(
    ("role", "how"),
    [("leaves", "with exit code 0"), ("killed", "by signal SIGKILL"), ("crashes", "by signal SIGSEGV")],
)
def test_a_rule_that_ends_its_process_is_at_fault_and_its_member_named(
    temple: Typed, ledger: LedgerScenario, author: str, role: str, how: str
) -> None:
    ledger.given(role_added("eve", role, at(5)))
    everybody = temple("projection", "check", f"{author}:tried")
    assert everybody.code == 3
    assert f"a rule ended the process in which it was folded, {how}" in everybody.stdout
    assert "it was folding member eve" in everybody.stdout
    assert "the log has no event" not in everybody.stdout
    one = temple("projection", "check", f"{author}:tried", "--member", "eve", "--json")
    assert (one.code, how in one.data["fault"]) == (3, True)
