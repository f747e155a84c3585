"""`temple events import`: JSON lines into the log; what is good is kept."""

import io
import json
import stat
import sys
from pathlib import Path

import click
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.demo import Community, write_history
from temple_ledger.infrastructure.terminal.given_file import opened
from tests.cli.conftest import Typed
from tests.log.builders import as_lines, line


def in_log(database: Database) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select count(*) from webhook_audit_log").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def history(tmp_path: Path) -> Path:
    found = tmp_path / "history.jsonl"
    found.write_bytes(as_lines(line("ada", 1), line("bob", 2), line("cleo", 3)))
    return found


def test_every_line_is_in_the_log_and_a_sentence_says_so(temple: Typed, database: Database, history: Path) -> None:
    ended = temple("events", "import", str(history))
    assert ended.code == 0
    summary = "history.jsonl: 3 lines read: 3 added, 0 duplicates, 0 rejected, 0 conflicts, in "
    assert ended.stdout.startswith(summary)
    assert in_log(database) == 3


def test_an_import_may_be_repeated(temple: Typed, database: Database, history: Path) -> None:
    temple("events", "import", str(history))
    ended = temple("events", "import", str(history))
    assert ended.code == 0
    assert "3 lines read: 0 added, 3 duplicates" in ended.stdout
    assert in_log(database) == 3


def test_a_bad_line_is_a_sentence_with_file_line_and_reason_and_the_rest_is_imported(
    temple: Typed, database: Database, tmp_path: Path, home: Path
) -> None:
    file = tmp_path / "mixed.jsonl"
    file.write_bytes(as_lines(line("ada"), line("")) + b"not JSON\n" + as_lines(line("cleo")))
    ended = temple("events", "import", str(file))
    assert ended.code == 1
    assert "4 lines read: 2 added, 0 duplicates, 2 rejected" in ended.stdout
    assert "mixed.jsonl, line 2: user_id is empty" in ended.stderr
    assert "mixed.jsonl, line 3: not JSON" in ended.stderr
    assert in_log(database) == 2
    (rejects,) = (home / "rejects").iterdir()
    assert f"they are in {rejects}, with the reasons" in ended.stderr
    assert [json.loads(each)["line"] for each in rejects.read_text().splitlines()] == [2, 3]
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600


def test_only_the_first_bad_lines_are_told_the_file_has_them_all(temple: Typed, tmp_path: Path) -> None:
    file, rejects = tmp_path / "bad.jsonl", tmp_path / "refused.jsonl"
    file.write_text("1\n" * 12)
    ended = temple("events", "import", str(file), "--rejects", str(rejects))
    assert ended.code == 1
    assert ended.stderr.count("not a JSON object") == 5
    assert f"7 lines more are in {rejects}, with the reasons" in ended.stderr
    assert len(rejects.read_text().splitlines()) == 12


def test_an_event_id_with_another_content_is_a_conflict(temple: Typed, tmp_path: Path) -> None:
    first = line("ada")
    file = tmp_path / "conflict.jsonl"
    file.write_bytes(as_lines(first, {**first, "user_id": "bob"}))
    ended = temple("events", "import", str(file))
    assert ended.code == 1
    assert "1 added, 0 duplicates, 0 rejected, 1 conflict" in ended.stdout
    assert "conflict.jsonl, line 2: event_id" in ended.stderr


@pytest.mark.parametrize("kept_out", ["true", "new.user_id = 'bob'"])
def test_a_trigger_that_keeps_events_out_is_named_and_nothing_is_imported(
    temple: Typed, database: Database, history: Path, kept_out: str
) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(
            f"""create function keep_out() returns trigger language plpgsql as
            $$begin if {kept_out} then return null; end if; return new; end$$""".encode()
        )
        connection.execute(
            "create trigger other before insert on webhook_audit_log for each row execute function keep_out()"
        )
    ended = temple("events", "import", str(history))
    assert (ended.code, in_log(database)) == (5, 0)
    assert "a trigger of webhook_audit_log that is not ours keeps them out" in ended.stderr


def test_a_dash_is_stdin(temple: Typed, database: Database, history: Path) -> None:
    ended = temple("events", "import", "-", stdin=history.read_bytes())
    assert (ended.code, ended.stdout.startswith("stdin: 3 lines read: 3 added")) == (0, True)
    assert in_log(database) == 3


def test_several_files_have_a_sentence_and_a_rejects_file_each(temple: Typed, tmp_path: Path, history: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("1\n")
    rejects = tmp_path / "refused.jsonl"
    ended = temple("events", "import", str(bad), str(history), str(bad), "--rejects", str(rejects))
    assert ended.code == 1
    assert [each.split(":")[0] for each in ended.stdout.splitlines()] == [
        "bad.jsonl",
        "history.jsonl",
        "bad.jsonl",
    ]
    assert rejects.exists()
    assert rejects.with_name("refused.jsonl.3").exists()


@pytest.mark.parametrize("rejects", ["bad.jsonl", "linked.jsonl", "refused"])
def test_refused_lines_are_never_written_over_a_file_that_is_read(
    temple: Typed, database: Database, history: Path, tmp_path: Path, rejects: str
) -> None:
    bad, second = tmp_path / "bad.jsonl", tmp_path / "refused.2"
    bad.write_text("1\n")
    second.write_text("2\n")
    (tmp_path / "linked.jsonl").symlink_to(bad)
    ended = temple("events", "import", str(history), str(bad), str(second), "--rejects", str(tmp_path / rejects))
    assert ended.code == 2
    assert "which is read; name another file" in ended.stderr
    assert (in_log(database), bad.read_text(), second.read_text()) == (0, "1\n", "2\n")


def test_a_stdin_that_is_closed_is_a_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(click.UsageError, match="stdin is closed"), opened("-"):
        pass


def test_no_file_is_imported_where_the_refused_lines_of_one_could_not_be_written(
    temple: Typed, database: Database, history: Path, tmp_path: Path
) -> None:
    (tmp_path / "refused.2").mkdir()
    ended = temple("events", "import", str(history), str(history), "--rejects", str(tmp_path / "refused"))
    assert ended.code == 1
    assert "refused.2: cannot be written: it is a directory" in ended.stderr
    assert in_log(database) == 0


def test_json_has_what_became_of_the_lines(temple: Typed, history: Path) -> None:
    (done,) = temple("events", "import", str(history), "--json").data
    assert (done["file"], done["read"], done["added"], done["rejects"]) == ("history.jsonl", 3, 3, None)
    assert (done["first"], done["last"]) == (1, 3)


def test_a_file_that_is_not_there_is_a_usage_error(temple: Typed) -> None:
    ended = temple("events", "import", "nowhere.jsonl")
    assert ended.code == 2
    assert "nowhere.jsonl" in ended.stderr


def test_where_nobody_runs_it_says_what_folds_the_events(temple: Typed, history: Path) -> None:
    assert "temple run --until-caught-up" in temple("events", "import", str(history)).stderr


def test_an_import_a_run_a_verify_and_a_replay_agree_on_a_generated_history(
    temple: Typed, database: Database, tmp_path: Path
) -> None:
    stream = io.StringIO()
    lines = write_history(Community.sized(seed=11, members=60, events=1_500), stream, malformed=20)
    file = tmp_path / "community.jsonl"
    file.write_text(stream.getvalue(), encoding="utf-8")
    imported = temple("events", "import", str(file), "--json")
    assert imported.code == 1
    (done,) = imported.data
    assert done["read"] == lines + 20
    assert done["added"] + done["duplicates"] == lines
    assert done["rejected"] + done["conflicts"] == 20
    assert in_log(database) == done["added"]
    assert temple("run", "--until-caught-up").code == 0
    assert temple("verify", "--full").code == 0
    assert temple("replay", "--apply").code == 0
    assert temple("verify", "--full").code == 0
