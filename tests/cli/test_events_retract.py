"""`temple events import --check`, `imports`, `retract` and `reinstate`: a history is checked, imported, found wrong,
retracted, mended and imported again."""

import json
from pathlib import Path
from typing import Any

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from tests.cli.conftest import ROOT, Typed
from tests.log.builders import as_lines, line

ORACLE = "400000000000000002"


def granted(user: str, **columns: Any) -> dict[str, Any]:
    return line(user, event_id=..., event_type="discord_role_change", action="added", target="Oracle", **columns)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    role = line("guild", event_id=..., event_type="discord_role", action="created", target=ORACLE)
    found = tmp_path / "history.jsonl"
    found.write_bytes(as_lines({**role, "metadata": {"name": "Oracle"}}, granted("700"), granted("701")))
    return found


def holders(temple: Typed) -> list[str]:
    assert temple("run", "--until-caught-up").code == 0
    return sorted(each["user_id"] for each in temple("role", "members", ORACLE, "--json").data)


def test_a_history_is_checked_imported_found_wrong_retracted_mended_and_imported_again(
    temple: Typed, history: Path
) -> None:
    assert temple("events", "import", "--check", str(history)).code == 0
    assert "import:1" in temple("events", "import", str(history)).stdout
    assert holders(temple) == ["700", "701"]

    preview = temple("events", "retract", "import:1")
    assert preview.code == 0
    assert "3 events to retract; 2 members would change" in preview.stdout
    assert "nothing was changed" in preview.stderr
    assert holders(temple) == ["700", "701"]

    applied = temple("events", "retract", "import:1", "--reason", "another server", "--apply")
    assert "3 events retracted; 2 members changed" in applied.stdout
    assert temple("member", "list", "--json").data == []
    assert "retracted" in temple("events", "list").stdout
    assert "retracted by" in temple("events", "show", "2").stdout
    assert temple("verify", "--full").code == 0

    mended = history.read_text().replace('"701"', '"702"')
    history.write_text(mended)
    again = temple("events", "import", str(history))
    assert "3 lines read: 1 added, 0 duplicates, 0 rejected, 2 reinstated" in again.stdout
    assert holders(temple) == ["700", "702"]
    assert temple("verify", "--full").code == 0
    listed = temple("events", "imports", "--json").data
    assert [(each["file"], each["events"], each["retracted"]) for each in listed] == [
        ("history.jsonl", 1, 0),
        ("history.jsonl", 3, 1),
    ]

    assert temple("events", "reinstate", "import:1", "--apply").code == 0
    assert holders(temple) == ["700", "701", "702"]


def test_a_retraction_needs_a_reason(temple: Typed, history: Path) -> None:
    temple("events", "import", str(history))
    assert temple("events", "retract", "import:1", "--apply").code == 2
    assert temple("events", "retract", "import:1", "--apply", "--reason", " ").code == 2


@pytest.mark.parametrize("what", ["import", "import:", "import:x", "-1", "0", "1.5", "import:0"])
def test_what_is_neither_import_nor_position_is_a_usage_error(temple: Typed, what: str) -> None:
    assert temple("events", "retract", "--", what).code == 2


def test_what_is_not_there_is_one_sentence(temple: Typed) -> None:
    assert temple("events", "retract", "import:9").code == 1
    assert temple("events", "retract", "4711").stderr == "temple: no position of the log '4711'\n"


def test_retracted_twice_is_nothing_to_do(temple: Typed, history: Path) -> None:
    temple("events", "import", str(history))
    first, second = [temple("events", "retract", "2", "--reason", "once", "--apply") for _ in range(2)]
    assert (first.code, second.code) == (0, 0)
    assert second.stdout == "nothing to do: they are retracted already\n"
    assert temple("events", "reinstate", "1").stdout == "nothing to do: none is retracted\n"


def test_an_append_of_what_is_retracted_says_so(temple: Typed) -> None:
    fact = json.dumps(line("ada"))
    temple("events", "append", "-", stdin=fact)
    temple("events", "retract", "1", "--reason", "wrong", "--apply")
    ended = temple("events", "append", "-", stdin=fact)
    assert ended.code == 0
    assert "temple events reinstate 1" in ended.stderr
    assert temple("member", "list", "--json").data == []


def test_a_check_writes_nothing_and_ends_with_3_where_a_line_would_be_refused(
    temple: Typed, database: Database, history: Path
) -> None:
    temple("events", "import", str(history))
    bad = [granted("702", source=...), {**granted("703"), "action": "add"}, {**granted("704"), "event_id": "x"}]
    new = [{**granted("705"), "target": "Elder"}, granted("706", minute=2)]
    history.write_bytes(history.read_bytes() + as_lines(*bad, *new, new[0]))
    ended = temple("events", "import", "--check", str(history))
    assert ended.code == 3
    assert "9 lines read: 2 to add, 4 duplicates, 3 to refuse" in ended.stdout
    assert "'Elder' (2)" in ended.stdout
    assert [f"line {number}: " in ended.stdout for number in (4, 5, 6)] == [True] * 3
    (data,) = temple("events", "import", "--check", "--json", str(history)).data
    assert (data["new"], data["members"], data["kinds"]["discord_role_change/added"]) == (2, 4, 5)
    with database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select count(*) from webhook_audit_log").fetchone() == (3,)
        assert connection.execute("select count(*) from log_import").fetchone() == (1,)


def test_a_check_says_what_an_import_then_does(temple: Typed, history: Path) -> None:
    temple("events", "import", str(history))
    temple("events", "retract", "2", "--reason", "wrong", "--apply")
    history.write_bytes(history.read_bytes() + as_lines(granted("702"), granted("702")))
    (checked,) = temple("events", "import", "--check", "--json", str(history)).data
    (done,) = temple("events", "import", "--json", str(history)).data
    assert (checked["new"], checked["duplicates"], checked["retracted"], checked["refused"]) == (1, 3, 1, 0)
    assert (done["added"], done["duplicates"], done["reinstated"], done["rejected"]) == (1, 3, 1, 0)


def test_what_counts_again_is_said_with_the_reason_before_and_after(temple: Typed, history: Path) -> None:
    temple("events", "import", str(history))
    temple("events", "retract", "import:1", "--reason", "another server", "--apply")
    history.write_bytes(history.read_bytes() + as_lines(granted("702")))
    of_import = "3 of import:1, retracted with the reason: another server"
    checked = temple("events", "import", "--check", str(history))
    assert f"3 retracted events would count again: {of_import}" in checked.stdout
    assert "4 lines read: 1 to add, 0 duplicates, 3 to reinstate, 0 to refuse" in checked.stdout
    again = temple("events", "import", str(history))
    assert f"3 retracted events count again: {of_import}" in again.stderr


def test_the_preview_names_what_the_file_only_let_count_again(temple: Typed, history: Path) -> None:
    temple("events", "import", str(history))
    temple("events", "retract", "import:1", "--reason", "another server", "--apply")
    history.write_bytes(history.read_bytes() + as_lines(granted("702")))
    temple("events", "import", str(history))
    preview = temple("events", "retract", "import:2")
    assert "1 event to retract" in preview.stdout
    assert "3 events that the file has too were there before and stay: they are of import:1" in preview.stderr
    both = temple("events", "retract", "import:1", "import:2")
    assert "4 events to retract" in both.stdout
    assert "were there before" not in both.stderr


def test_a_check_has_every_problem_in_json_and_as_many_as_are_asked_for(temple: Typed, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("1\n" * 12)
    assert temple("events", "import", "--check", str(file)).stdout.count("not a JSON object") == 5
    asked = temple("events", "import", "--check", str(file), "--limit", "11")
    assert asked.stdout.count("not a JSON object") == 11
    assert "and 1 line more to refuse; --limit shows more" in asked.stdout
    (data,) = temple("events", "import", "--check", "--json", str(file)).data
    assert [each["line"] for each in data["problems"]] == list(range(1, 13))
    assert temple("events", "import", str(file), "--limit", "11").stderr.count("not a JSON object") == 11


def test_an_import_names_what_a_check_names(temple: Typed, tmp_path: Path) -> None:
    file = tmp_path / "odd.jsonl"
    early = {**granted("700"), "target": "Elder", "timestamp": "0026-05-01T10:00:00Z"}
    file.write_bytes(as_lines(early, {**granted("700"), "event_type": "shop_order"}))
    checked = temple("events", "import", "--check", str(file))
    done = temple("events", "import", str(file))
    for sentence in (
        "roles that neither the ledger nor the file names, stored as they are: 'Elder' (1)",
        "1 event dated before 2015; is the year right? discord_role_change/added (1)",
    ):
        assert sentence in checked.stdout
        assert f"odd.jsonl: {sentence}" in done.stderr
    assert "from 0026-05-01 10:00 to" in checked.stdout
    assert "1 event of a kind that nothing reads: shop_order/added (1)" in done.stderr
    appended = temple("events", "append", "--type", "discord_role_change/added", "--user", "7", "--target", "Elder")
    assert "stored as they are: 'Elder' (1)" in appended.stderr


def test_a_check_without_a_ledger_makes_none(temple: Typed, history: Path, home: Path) -> None:
    ended = temple("events", "import", "--check", str(history), TEMPLE_DATABASE_URL=None)
    assert ended.code == 0
    assert "there is no ledger yet" in ended.stderr
    assert not (home / "postgres").exists()


@pytest.mark.parametrize("verb", [["import"], ["import", "--check"]])
def test_a_form_that_is_not_read_is_one_sentence(temple: Typed, tmp_path: Path, verb: list[str]) -> None:
    file = tmp_path / "history.zip"
    file.write_bytes(b"PK\x03\x04 and so on")
    ended = temple("events", *verb, str(file))
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.startswith("temple: history.zip: the file is no text: it looks like a ZIP file")


def test_the_example_of_the_readme_works_as_it_is_printed(temple: Typed, tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    printed = [each.strip() for each in text.splitlines() if each.startswith('    {"timestamp"')]
    (tmp_path / "history.jsonl").write_text("\n".join(printed) + "\n")
    commands = [each.split() for each in text.splitlines() if each.startswith("    ./temple")]
    start = commands.index(["./temple", "events", "import", "--check", "history.jsonl"])
    done = [temple(*arguments) for _, *arguments in commands[start : start + 4]]
    assert [ended.code for ended in done] == [0] * 4, [ended.stderr for ended in done]
    assert "400000000000000002" in done[-1].stdout


def test_what_came_by_sql_and_is_dated_ahead_is_named_until_it_is_retracted(temple: Typed, database: Database) -> None:
    with database.connect(DatabaseRole.APPEND) as connection:
        for timestamp in ("2062-01-01", "infinity"):
            connection.execute(
                "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source)"
                " values (gen_random_uuid(), %s, 'discord_join', 'ada', 'joined', 'sql')",
                (timestamp,),
            )
    assert "2 events dated more than a day ahead" in temple("status").stdout
    assert "temple events retract 1 2" in temple("doctor").stdout
    temple("events", "retract", "1", "2", "--reason", "dated 2062", "--apply")
    assert "dated more than a day ahead" not in temple("status").stdout
