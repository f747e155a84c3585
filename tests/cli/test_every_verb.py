"""What holds for every verb there is: the tree of commands is walked, so that a new one is tried too."""

import json
import os
import select
import sys
import threading
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import pytest
from click.testing import _NamedTextIOWrapper

from temple_ledger import cli
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
from temple_ledger.infrastructure.terminal.times import Time
from temple_ledger.infrastructure.terminal.utf8 import TEXT
from tests.cli.conftest import Typed
from tests.inbox.builders import Bells, kept
from tests.queries.builders import altered, unfoldable

EVIL: Final = "\x1b[2J\x1b]0;owned\x07a\nforged line\r\u202egnirts\u200b\x9b31m\u2028end"
MEMBER: Final = "500000000000000001"
OTHER: Final = f"{MEMBER}{EVIL}"
ROLE: Final = "400000000000000001"
PARKED: Final = "10"

Path_ = tuple[str, ...]

TYPED: Final[Mapping[Path_, tuple[str, ...]]] = {
    ("status",): (),
    ("doctor",): (),
    ("down",): (),
    ("events", "import"): ("hostile.jsonl",),
    ("events", "export"): (),
    ("events", "append"): ("--type", "discord_join/joined", "--user", MEMBER, "--timestamp", "2026-02-02T00:00:00Z"),
    ("events", "list"): (),
    ("events", "show"): ("3",),
    ("events", "tail"): (),
    ("events", "imports"): (),
    ("events", "retract"): ("import:1",),
    ("events", "reinstate"): ("import:1",),
    ("member", "show"): (MEMBER,),
    ("member", "history"): (OTHER,),
    ("member", "explain"): (OTHER,),
    ("member", "list"): (),
    ("member", "find"): ("a",),
    ("member", "erase"): (OTHER,),
    ("members",): (),
    ("role", "list"): (),
    ("role", "members"): (ROLE,),
    ("role", "history"): (ROLE,),
    ("role", "diff"): (ROLE, "--between", "2025-01-01", "2026-06-01"),
    ("run",): ("--until-caught-up",),
    ("replay",): (),
    ("verify",): ("--events",),
    ("verify", "list"): (),
    ("verify", "show"): ("1",),
    ("repair",): (),
    ("reconcile",): ("--repair-below", "0"),
    ("projection", "list"): (),
    ("projection", "show"): ("members",),
    ("projection", "rows"): ("members", OTHER),
    ("projection", "history"): ("members", OTHER),
    ("projection", "explain"): ("members", OTHER),
    ("projection", "check"): ("temple_ledger.projections.members:members", "--member", OTHER),
    ("projection", "pause"): ("activity", "--reason", EVIL),
    ("projection", "resume"): ("activity",),
    ("projection", "wait"): ("members",),
    ("projection", "lanes"): ("members",),
    ("seal", "status"): (),
    ("seal", "head"): (),
    ("seal", "verify"): (),
    ("seal", "accept"): ("1-2",),
    ("seal", "export"): (),
    ("seal", "run"): ("--until-sealed",),
    ("trigger", "enable"): ("--reason", EVIL),
    ("trigger", "disable"): (),
    ("trigger", "status"): (),
    ("failures", "list"): (),
    ("failures", "show"): (PARKED,),
    ("failures", "retry"): ("--all",),
    ("failures", "skip"): (PARKED, "--reason", EVIL),
    ("effects", "list"): (),
    ("effects", "retry"): ("--all",),
    ("effects", "skip"): ("1", "--reason", EVIL),
    ("feed", "list"): (),
    ("feed", "forget"): ("members", "bot"),
    ("operations", "list"): (),
    ("operations", "show"): ("1",),
    ("inbox", "list"): (),
    ("inbox", "show"): ("3", "--body"),
    ("inbox", "retry"): ("--all",),
    ("inbox", "ignore"): ("3", "--reason", EVIL),
    ("inbox", "set-aside"): ("3", "--reason", EVIL),
    ("inbox", "translate"): (),
    ("inbox", "prune"): (),
    ("inbox", "sources"): (),
    ("db", "migrate"): (),
    ("db", "status"): (),
    ("db", "url"): (),
    ("archive", "write"): ("--archive", "archive"),
    ("archive", "verify"): ("--archive", "archive", "--rows"),
    ("archive", "list"): ("--archive", "archive"),
    ("archive", "erase"): ("--archive", "archive"),
    ("archive", "restore"): ("--archive", "archive"),
    ("monitoring", "export"): ("written",),
    ("config", "show"): (),
    ("demo",): ("--events", "300"),
    ("patreon", "mismatches"): (),
}
"""How each is typed on the hostile ledger."""

ELSEWHERE: Final = frozenset(
    {
        *(("up",), ("receive",), ("discord", "listen"), ("effects", "run"), ("web",)),  # services: they do not end
        *(("web", "link"), ("web", "actions")),  # they have logins of their own
        *(("operate", verb) for verb in ("list", "run", "refuse", "watch")),  # of requests that a console entered
        *(
            ("fleet", each) for each in ("migrate", "status", "verify", "run", "receive", "listen", "doctor")
        ),  # several ledgers
        *(("db", "shell"), ("db", "start"), ("db", "stop")),  # psql, and a server that is not ours
        *(("db", "dump"), ("db", "restore")),  # programs of PostgreSQL
        *(("discord", "setup"), ("patreon", "setup")),
        *(("discord", "backfill"), ("discord", "snapshot"), ("patreon", "snapshot"), ("patreon", "webhooks")),
        *(("projection", "compare"), ("projection", "switch"), ("projection", "drop")),
        ("drift",),  # what mismatches was called before
    }
)
"""Tried by tests of their own: they need a platform, another server, or a second version of a projection."""

SILENT: Final = frozenset({("inbox", "translate"), ("patreon", "mismatches"), ("member", "find")})
"""They print nothing to stdout here."""

TABLES: Final = (
    *(("events", "list"), ("events", "tail"), ("member", "list"), ("member", "history"), ("member", "explain")),
    *(("role", "list"), ("role", "members"), ("role", "history"), ("role", "diff"), ("failures", "list")),
    *(("operations", "list"), ("verify", "list"), ("inbox", "list")),
)


def verbs() -> dict[Path_, click.Command]:
    """Every command that can be typed, by its path; a group is none, and one with verbs is one."""
    ctx = click.Context(cli.temple, info_name="temple")
    found: dict[Path_, click.Command] = {}

    def walk(path: Path_, command: click.Command) -> None:
        further = {**getattr(command, "commands", {}), **getattr(command, "verbs", {})}
        if not isinstance(command, click.Group):
            found[path] = command
        for name, each in further.items():
            walk((*path, name), each)

    for name in [*cli.temple.list_commands(ctx), "drift"]:
        command = cli.temple.get_command(ctx, name)
        assert command is not None
        walk((name,), command)
    return found


def test_every_verb_is_tried_here_or_named_with_the_reason_why_not() -> None:
    assert {*verbs()} == {*TYPED} | ELSEWHERE


@pytest.fixture
def hostile(temple: Typed, database: Database, tmp_path: Path) -> Database:
    """A ledger in which every text that data can bring steers a terminal, and nearly every verb has something to show.

    Position 10 is parked, delivery 3 failed, one member drifted.
    """
    lines: list[dict[str, Any]] = [
        {
            "event_type": "discord_role",
            "action": "created",
            "user_id": "guild",
            "target": ROLE,
            "metadata": {"name": EVIL},
        },
        *(
            {"event_type": "discord_join", "action": "joined", "user_id": user, "source": EVIL}
            for user in (MEMBER, OTHER)
        ),
        *(
            {"event_type": "discord_role_change", "action": "added", "user_id": user, "target": target}
            | {"metadata": {"granted_by": EVIL}}
            for user in (MEMBER, OTHER)
            for target in (ROLE, EVIL)
        ),
        {"event_type": f"own{EVIL}", "action": EVIL, "user_id": MEMBER, "target": EVIL, "metadata": {EVIL: EVIL}},
        {"event_type": "discord_role_change", "action": "removed", "user_id": OTHER, "target": ROLE},
    ]
    whole = [{"timestamp": "2026-01-01T00:00:00Z", "source": "discord", **line} for line in lines]
    text = "".join(json.dumps(line) + "\n" for line in whole)
    (tmp_path / "hostile.jsonl").write_text(text + f'{{"event_id": "{EVIL}"}}\nno JSON {EVIL}\n', encoding="utf-8")
    imported = temple("events", "import", "-", "--keep-names", stdin=text)
    assert imported.code == 0, imported.stderr
    assert unfoldable(database, OTHER, datetime(2026, 1, 2, tzinfo=UTC)) == int(PARKED)
    temple("run", "--until-caught-up")
    Bells.table(database)
    bodies = ("ada", "test", f"eve{EVIL}!")
    kept(
        database,
        *(
            Delivery("bells", f"rung{EVIL}", each.encode(), digest_of(b"", each.encode()), datetime.now(UTC))
            for each in bodies
        ),
    )
    with TranslationWorker(database, Bells()) as worker:
        worker.step()
    temple("seal", "run", "--until-sealed")
    temple("projection", "pause", "activity", "--reason", EVIL)
    temple("projection", "resume", "activity")
    altered(database, f"update temple_member_status set status = 'inactive' where user_id = '{MEMBER}'")
    temple("verify")
    assert temple("archive", "write", "--archive", "archive").code == 0
    return database


def harmful(text: str) -> list[str]:
    """What would steer a terminal, but for the ends of lines."""
    return [
        ascii(each) for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") and each != "\n"
    ]


def test_nothing_that_data_carries_reaches_a_terminal_raw(temple: Typed, hostile: Database) -> None:
    for path, arguments in TYPED.items():
        for flags in [(), *([("--json",)] if _has_json(path) else [])]:
            ended = temple(*path, *arguments, *flags)
            assert ended.code in (0, 1, 3, 5), (path, ended.stderr)
            assert harmful(ended.stdout + ended.stderr) == [], (path, flags)
            forged = [line for line in ended.stdout.splitlines() if line.startswith("forged")]
            # a body that is no JSON, and what a trial found, have lines of their own
            assert not forged or path in (("inbox", "show"), ("projection", "check")), path
            if flags and ended.code in (0, 3):
                assert [json.loads(line) for line in ended.stdout.splitlines()], path


def test_what_is_exported_with_hostile_characters_is_what_is_in_the_log(temple: Typed, hostile: Database) -> None:
    exported = [json.loads(line) for line in temple("events", "export").stdout.splitlines()]
    assert exported[1]["source"] == EVIL
    assert exported[7]["metadata"] == {EVIL: EVIL}
    again = temple("events", "import", "-", "--json", stdin=temple("events", "export").stdout)
    # all but the one that an import would have refused the first time
    assert (again.data[0]["duplicates"], again.data[0]["conflicts"]) == (len(exported) - 1, 0)


def _has_json(path: Path_) -> bool:
    return any("--json" in param.opts for param in verbs()[path].params)


@pytest.fixture
def typed_into(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Types a command whose stdout is a descriptor; gives its exit code."""
    monkeypatch.chdir(tmp_path)

    def typed(descriptor: int, *arguments: str) -> int:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stdout, monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", stdout)
            for name, value in environment.items():
                patched.setenv(name, value)
            return cli.main(list(arguments))

    return typed


def unread() -> int:
    """The writing end of a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def test_every_verb_whose_reader_has_gone_ends_quietly_with_141_or_with_what_it_found(
    hostile: Database, typed_into: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    for path, arguments in TYPED.items():
        code = typed_into(unread(), *path, *arguments)
        assert code in ((0, 1, 5) if path in SILENT else (1, 3, 5, 141)), path
        said = capsys.readouterr().err
        assert "Broken pipe" not in said, path
        assert "Traceback" not in said, path


LISTS: Final = tuple(path for path in TYPED if path[-1] in ("list", "export", "tail", "history", "members", "sources"))


def test_every_list_whose_reader_has_gone_ends_with_141(hostile: Database, typed_into: Callable[..., int]) -> None:
    assert {path: typed_into(unread(), *path, *TYPED[path]) for path in LISTS} == dict.fromkeys(LISTS, 141)


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (("replay", "--apply"), "select count(*) from ledger_operation where kind = 'replay'"),
        (("repair", "--apply", "--reason", "x"), "select count(*) from ledger_operation where kind = 'repair'"),
        (("events", "retract", "import:1", "--apply", "--reason", "x"), "select count(*) from retracted_range"),
        (("failures", "skip", PARKED, "--reason", "x"), "select count(*) from skipped_position"),
        (("projection", "pause", "members"), "select count(*) from projection_checkpoint where state = 'paused'"),
        (("trigger", "enable"), "select count(*) from projection_checkpoint where state = 'trigger'"),
        (("inbox", "ignore", "3", "--reason", "x"), "select count(*) from inbox where note like '%by%: x'"),
        (("events", "append", "--type", "discord_join/joined", "--user", "eve"),
         "select count(*) from webhook_audit_log where user_id = 'eve'"),
    ],
)  # fmt: skip
def test_a_command_that_changes_things_does_so_though_nobody_reads_its_report(
    hostile: Database, typed_into: Callable[..., int], arguments: Path_, question: str
) -> None:
    def done() -> int:
        with hostile.connect(DatabaseRole.LOGIN) as connection:
            row = connection.execute(question.encode()).fetchone()
            return 0 if row is None else int(row[0])

    before = done()
    assert typed_into(unread(), *arguments) == 141
    assert done() > before


def test_output_that_cannot_be_written_is_a_failure_and_the_change_is_made(
    hostile: Database, typed_into: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    assert typed_into(full, "projection", "pause", "members") == 1
    assert capsys.readouterr().err.endswith("temple: standard output: No space left on device\n")
    with hostile.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select state from projection_checkpoint where projection = 'members'").fetchone()
    assert row == ("paused",)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, typed_into: Callable[..., int]) -> Callable[..., str]:
    """What a command prints on a terminal that is so many columns wide."""

    def printed(columns: int, *arguments: str) -> str:
        ours, theirs = os.openpty()
        read: list[bytes] = []
        ended = threading.Event()

        def reading() -> None:
            while not (ended.is_set() and not select.select([ours], [], [], 0.1)[0]):
                if select.select([ours], [], [], 0.1)[0]:
                    try:
                        read.append(os.read(ours, 65_536))
                    except OSError:
                        return

        reader = threading.Thread(target=reading, daemon=True)
        reader.start()
        with monkeypatch.context() as patched:
            patched.setenv("COLUMNS", str(columns))
            patched.setenv("NO_COLOR", "1")
            typed_into(theirs, *arguments)
        ended.set()
        reader.join(60)
        os.close(ours)
        return b"".join(read).decode().replace("\r\n", "\n")

    return printed


@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_narrow_terminal_no_id_no_time_and_no_name_is_cut(
    temple: Typed, hostile: Database, terminal: Callable[..., str], columns: int
) -> None:
    for path in TABLES:
        wide = temple(*path, *TYPED[path]).stdout
        narrow = terminal(columns, *path, *TYPED[path])
        assert harmful(narrow) == [], path
        assert sorted(narrow.split()) == sorted(wide.split()), path


def test_times_in_tables_and_fields_say_utc(temple: Typed, hostile: Database) -> None:
    for path in (("events", "list"), ("member", "list"), ("operations", "list"), ("verify", "list"), ("inbox", "list")):
        assert "(UTC)" in temple(*path).stdout.splitlines()[0], path
    for typed in (("events", "show", "3"), ("member", "show", MEMBER), ("projection", "show", "members")):
        assert " UTC\n" in temple(*typed).stdout, typed
    assert " UTC  " in temple("events", "tail").stdout


def test_a_time_as_a_table_shows_it_can_be_typed(temple: Typed, hostile: Database) -> None:
    shown = temple("events", "tail", "-n", "1").stdout.split("  ")
    (when,) = [each for each in shown if each.endswith(" UTC")]
    assert temple("events", "list", "--until", when).code == 0


def test_running_without_a_runner_is_idle(temple: Typed, hostile: Database) -> None:
    for path in (("projection", "list"), ("projection", "show", "members"), ("status",)):
        shown = temple(*path).stdout
        assert "idle" in shown, path
        assert " running " not in shown.replace("running   ", ""), path


def times() -> list[tuple[Path_, click.Parameter, str]]:
    """Every option that takes a time, with what a reader types to try it."""
    found = []
    for path, command in verbs().items():
        for param in command.params:
            types = param.type.types if isinstance(param.type, click.Tuple) else [param.type]
            if any(isinstance(each, Time) for each in types):
                found.append((path, param, param.opts[0]))
    return found


QUESTIONS: Final = (
    (("replay", "members"), "Put this in place?"),
    (("repair", "--reason", "x"), "Put this right?"),
    (("events", "retract", "import:1", "--reason", "x"), "Retract this?"),
)


@pytest.mark.parametrize(("arguments", "question"), QUESTIONS)
def test_apply_previews_and_asks_at_a_terminal_and_yes_skips_the_question(
    temple: Typed, hostile: Database, monkeypatch: pytest.MonkeyPatch, arguments: Path_, question: str
) -> None:
    def done() -> list[Any]:
        data: list[Any] = temple("operations", "list", "--json").data
        return data

    before = done()
    assert question not in temple(*arguments).stderr
    monkeypatch.setattr(_NamedTextIOWrapper, "isatty", lambda _: True)
    assert question not in temple(*arguments).stderr
    refused = temple(*arguments, "--apply", stdin="n\n")
    assert (refused.code, question in refused.stderr) == (1, True)
    assert done() == before
    assert question not in temple(*arguments, "--apply", "--yes").stderr
    assert len(done()) == len(before) + 1


def test_off_a_terminal_apply_asks_nothing_and_yes_alone_is_a_mistake(temple: Typed, hostile: Database) -> None:
    for arguments, question in QUESTIONS:
        if arguments[0] != "replay":
            assert temple(*arguments, "--yes").code == 2
        ended = temple(*arguments, "--apply", stdin="")
        assert ended.code in (0, 3)
        assert question not in ended.stderr


def test_what_acts_with_apply_has_yes_too_and_nothing_else_asks() -> None:
    for path, command in verbs().items():
        options = {option: param for param in command.params for option in param.opts}
        if "--apply" in options:
            assert "--yes" in options, path
        elif "--yes" in options:
            assert getattr(options["--yes"], "hidden", False), path


def test_every_option_that_takes_a_time_takes_a_date_and_says_so_but_that_of_a_fact() -> None:
    found = times()
    assert len(found) > 15
    for path, param, option in found:
        if path == ("events", "append"):
            continue
        context = click.Context(verbs()[path])
        values = ("2026-02-03", "2026-02-03") if param.nargs == 2 else "2026-02-03"
        converted = param.type_cast_value(context, values)
        first, last = converted if isinstance(converted, tuple) else (converted, converted)
        day = (datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 2, 3, 23, 59, 59, 999_999, tzinfo=UTC))
        beginning = option in ("--since", "--between")
        assert first == (day[0] if beginning else day[1]), (path, option)
        assert last == (day[0] if option == "--since" else day[1]), (path, option)
        assert "date" in str(getattr(param, "help", "")), (path, option)


def test_bytes_that_are_no_utf_8_are_a_usage_error_of_every_verb_that_takes_text(
    temple: Typed, database: Database
) -> None:
    tried = 0
    for path, command in verbs().items():
        arguments = [param for param in command.params if param.type is TEXT]
        for param in arguments:
            flag = [] if isinstance(param, click.Argument) else [param.opts[0]]
            ended = temple(*path, *flag, "caf\udce9")
            assert (ended.code, ended.stdout) == (2, ""), (path, param.name)
            assert r"'caf\xe9' is not UTF-8" in ended.stderr, (path, param.name)
            tried += 1
    assert tried > 40


def test_a_file_may_have_any_name(temple: Typed, database: Database, tmp_path: Path) -> None:
    (tmp_path / "caf\udce9.jsonl").write_text("")
    assert temple("events", "import", "caf\udce9.jsonl").code == 0
