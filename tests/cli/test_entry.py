"""However a command begins and ends: one sentence, and an exit code that says what kind of end it was."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import psycopg
import pytest

from temple_ledger import cli
from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError, Refused, SchemaMismatch, UnknownName
from temple_ledger.infrastructure.terminal.errors import ending_of
from temple_ledger.infrastructure.terminal.lazy import Verb
from tests.cli.conftest import ROOT, Typed
from tests.pipes import UnreadPipe

Spawn = Callable[..., "subprocess.Popen[str]"]


def python(code: str) -> str:
    """What a new interpreter prints for *code*."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_help_names_every_command_that_there_is(temple: Typed) -> None:
    ended = temple("--help")
    assert ended.code == 0
    for section in cli.SECTIONS.values():
        for name, verb in section.items():
            assert f"  {name} " in ended.stdout
            assert verb.load().name == name


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_and_each_of_its_own_has_help(temple: Typed, flag: str) -> None:
    for path in paths():
        ended = temple(*path, flag)
        assert ended.code == 0, path
        assert ended.stdout.startswith("Usage: temple")
        assert max(map(len, ended.stdout.splitlines())) <= 110, path


def paths() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for section in cli.SECTIONS.values():
        for name, verb in section.items():
            command = verb.load()
            found.append((name,))
            if isinstance(command, click.Group):
                found += [(name, each) for each in command.commands]
    return found


def test_the_version_is_known_without_importing_what_commands_need() -> None:
    heavy = ("pydantic", "psycopg", "eventsourcing", "rich", "structlog")
    start = "import sys; from temple_ledger import cli"
    code = f"{start}; cli.main(['--version']); print([name for name in {heavy} if name in sys.modules])"
    said = python(code)
    assert said.startswith("temple ")
    assert said.endswith("[]\n")


def test_help_is_shown_without_importing_what_commands_need() -> None:
    start = "import sys; from temple_ledger import cli"
    code = f"{start}; cli.main(['--help']); print('psycopg' in sys.modules, 'pydantic' in sys.modules)"
    assert python(code).endswith("False False\n")


def test_an_unknown_command_is_a_usage_error_with_near_names(temple: Typed) -> None:
    ended = temple("statsu")
    assert ended.code == 2
    assert ended.stderr == "temple: no command 'statsu'; did you mean status?; see: temple --help\n"


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        (("role", "diff", "Oracle", "--between", "2025-06-01"), "temple role diff"),
        (("events", "list", "--limit"), "temple events list"),
        (("status", "--json=1"), "temple status"),
        (("verify", "list", "--limit"), "temple verify list"),
        (("--home",), "temple"),
    ],
)
def test_an_option_without_its_value_is_refused_like_any_other(
    temple: Typed, typed: tuple[str, ...], command: str
) -> None:
    ended = temple(*typed)
    assert ended.code == 2
    assert ended.stderr.startswith(f"{command}: Option '--")
    assert ended.stderr.endswith(f"; see: {command} --help\n")


def test_a_usage_error_is_one_sentence_that_names_the_help(temple: Typed) -> None:
    ended = temple("db", "migrate", "--fast")
    assert ended.code == 2
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.endswith("see: temple db migrate --help\n")


def test_without_a_command_it_shows_its_help_as_a_usage_error(temple: Typed) -> None:
    ended = temple()
    assert ended.code == 2
    assert "temple up --demo" in ended.stderr + ended.stdout


def test_a_setting_that_can_not_be_is_a_usage_error_that_names_its_source(temple: Typed) -> None:
    ended = temple("config", "show", TEMPLE_LOG_LEVEL="loud")
    assert ended.code == 2
    assert "setting log_level (environment, TEMPLE_LOG_LEVEL)" in ended.stderr


def test_a_database_that_is_not_there_is_exit_code_4_and_one_sentence(temple: Typed, home: Path) -> None:
    nowhere = f"postgresql://temple:hunter2@/temple?host={home}"
    for command in (["status"], ["db", "migrate"], ["db", "status"]):
        ended = temple(*command, TEMPLE_DATABASE_URL=nowhere)
        assert ended.code == 4
        assert ended.stderr.startswith("temple: ")
        assert ended.stderr.count("\n") == 1
        assert "hunter2" not in ended.stderr


def test_a_dsn_that_is_none_is_not_repeated(temple: Typed) -> None:
    for command in (["status"], ["db", "shell"]):
        ended = temple(*command, TEMPLE_DATABASE_URL="postgresql://u:hunter2@[half")
        assert ended.code == 4
        assert "hunter2" not in ended.stderr
        assert "cannot be read" in ended.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LedgerError("it went wrong"), 1),
        (UnknownName("role", "Orakle", ("Oracle",)), 1),
        (DatabaseUnavailable("it is not there"), 4),
        (psycopg.OperationalError("server closed"), 4),
        (psycopg.errors.UniqueViolation("Key (user_id)=(ada@example.org) exists"), 1),
        (SchemaMismatch("it is newer"), 5),
        (Refused("it would lose rows"), 5),
        (OSError(28, "No space left on device", "/var/rejects"), 1),
        (ValueError("ada@example.org at postgresql://u:hunter2@h/d"), 1),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (BrokenPipeError(), 1),
    ],
)
def test_every_error_ends_in_one_sentence_and_its_code(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise error

    assert ending_of(command) == code
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for secret in ("Traceback", "hunter2", "ada@example.org"):
        assert secret not in said


def test_a_traceback_is_shown_to_who_asks_for_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPLE_DEBUG", "1")

    def command() -> None:
        raise ValueError("postgresql://u:hunter2@h/d")

    assert ending_of(command) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "hunter2" not in said


def test_what_a_command_returns_is_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ending_of(lambda: 3) == 3
    assert ending_of(lambda: None) == 0
    assert ending_of(lambda: True) == 0


def test_a_verb_that_is_no_command_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError):
        Verb("temple_ledger.infrastructure.terminal.lazy:Verb", "").load()


def test_a_reader_that_has_read_enough_ends_it_quietly(spawn: Spawn) -> None:
    writing = spawn("demo", "--events", "50000")
    assert writing.stdout is not None
    assert writing.stdout.readline().startswith("{")
    writing.stdout.close()
    assert writing.wait(60) == 141
    assert writing.stderr is not None
    assert writing.stderr.read() == ""


@pytest.fixture
def unread(tmp_path: Path) -> Iterator[UnreadPipe]:
    pipe = UnreadPipe(tmp_path / "unread")
    yield pipe
    pipe.close()


def test_ctrl_c_ends_a_command_that_writes_to_a_file_which_nobody_reads(spawn: Spawn, unread: UnreadPipe) -> None:
    then_ctrl_c_ends_it(spawn("demo", "-o", str(unread.path)), unread)


def test_ctrl_c_ends_a_command_whose_output_nobody_reads(spawn: Spawn, unread: UnreadPipe) -> None:
    then_ctrl_c_ends_it(spawn("demo", stdout=unread.writer), unread)


def test_ctrl_c_ends_an_import_whose_rejects_nobody_reads(spawn: Spawn, unread: UnreadPipe, tmp_path: Path) -> None:
    (tmp_path / "refused.jsonl").write_text("not an event\n" * 10_000)
    then_ctrl_c_ends_it(spawn("events", "import", "refused.jsonl", "--rejects", str(unread.path)), unread)


def then_ctrl_c_ends_it(writing: "subprocess.Popen[str]", unread: UnreadPipe) -> None:
    """With 130 and no traceback, while the pipe is full."""
    unread.wait_until_full()
    writing.send_signal(signal.SIGINT)
    assert writing.wait(60) == 130
    assert writing.stderr is not None
    assert writing.stderr.read().splitlines()[-1] == "interrupted"


INTERRUPTED = """
import sys
from temple_ledger.infrastructure.terminal.errors import ending_of

def command():
    sys.stdout.write("not flushed yet")
    raise KeyboardInterrupt

sys.exit(ending_of(command))
"""


def test_output_that_was_not_flushed_when_ctrl_c_came_does_not_wait_for_a_reader(unread: UnreadPipe) -> None:
    unread.fill()
    done = subprocess.run(
        [sys.executable, "-I", "-c", INTERRUPTED], cwd=ROOT, stdout=unread.writer, timeout=60, check=False
    )
    assert done.returncode == 130


def test_no_colours_where_there_is_no_terminal(temple: Typed) -> None:
    for command in (["status"], ["doctor"], ["projection", "list"]):
        ended = temple(*command)
        assert "\x1b" not in ended.stdout + ended.stderr
