"""SQL is source code: each statement has one name, and each is used."""

import re
from collections import Counter
from pathlib import Path

from temple_ledger.infrastructure.database.statements import statement, statement_names

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "sql" / "statements").rglob("*.sql"))


def test_a_name_is_unique_in_all_folders() -> None:
    assert [name for name, count in Counter(file.stem for file in FILES).items() if count > 1] == []
    assert statement_names() == sorted(file.stem for file in FILES)
    assert all(statement(file.stem) == file.read_bytes() for file in FILES)


def test_which_timestamps_python_can_hold_is_said_by_the_view_log_row_alone() -> None:
    guarded = re.compile(r"'0*1-01-01|'9999-12-31|'10000-01-01")
    assert [file.stem for file in FILES if guarded.search(file.read_text())] == []


def test_every_statement_is_used() -> None:
    code = "\n".join(file.read_text() for file in (ROOT / "infrastructure").rglob("*.py"))
    quoted = set(re.findall(r'"([a-z_]+)"', code))
    assert [file.stem for file in FILES if file.stem not in quoted] == []


def test_every_statement_that_is_named_is_there() -> None:
    code = "\n".join(file.read_text() for file in (ROOT / "infrastructure").rglob("*.py"))
    assert set(re.findall(r'\bstatement\("([a-z_]+)"\)', code)) - set(statement_names()) == set()
