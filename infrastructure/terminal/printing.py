"""The one way to stdout and stderr: nothing that data carries reaches a terminal raw, and a report that nobody reads
any more ends no work.

When its reader has gone, a command goes on in silence, so that whatever it was called for is done; `ending_of` then
ends it with 141. A command that only streams asks `nobody_reads` and stops.
"""

import errno
import os
import select
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import wraps
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

import click

from temple_ledger.infrastructure.observability.escaping import printable, printable_json
from temple_ledger.infrastructure.terminal.folding import fold

P = ParamSpec("P")
R = TypeVar("R")


class Styled(NamedTuple):
    """A part of a line, in colour on a terminal."""

    text: str
    fg: str | None = None
    bold: bool | None = None


class _Output:
    """What became of stdout: `error` is the first thing that went wrong with it. `ours` is what it was, while whoever
    else prints does so to stderr."""

    ours: Any = None
    error: OSError | None = None
    pieces = 0
    notes_are_logs = False


_OUTPUT: Final = _Output()
_ALONE: Final[set[Callable[..., Any]]] = set()
"""Commands that have stdout to themselves already."""


def stdout() -> Any:
    """Where data goes."""
    return sys.stdout if _OUTPUT.ours is None else _OUTPUT.ours


def with_stdout_to_itself(command: Callable[P, R]) -> Callable[P, R]:
    """Decorates a command: what an author's rule or package prints meanwhile goes to stderr, and not among the data."""

    if command in _ALONE:
        return command

    @wraps(command)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        if _OUTPUT.ours is not None or sys.stdout is None:
            return command(*args, **kwargs)
        before = sys.stdout
        _OUTPUT.ours, sys.stdout = before, sys.stderr
        try:
            return command(*args, **kwargs)
        finally:
            _OUTPUT.ours, sys.stdout = None, before

    _ALONE.add(alone)
    return alone


def print_line(*parts: str | Styled, err: bool = False) -> None:
    """One line: whatever is in *parts* that would steer the terminal, or begin a line, is shown as an escape.

    On a terminal that is too narrow it is folded between its words.
    """
    styled = [each if isinstance(each, Styled) else Styled(each) for each in parts]
    shown = [each._replace(text=printable(each.text)) for each in styled]
    width = terminal_width(sys.stderr if err else stdout())
    if width is None:
        _write(f"{_cut(shown, slice(0, None))}\n", err=err)
        return
    for indent, part in fold("".join(each.text for each in shown), width):
        _write(f"{' ' * indent}{_cut(shown, part)}\n", err=err)


def print_whole(line: str, *, err: bool = False) -> None:
    """One line that is never folded: a command, for one, which is copied."""
    _write(f"{printable(line)}\n", err=err)


def print_text(text: str, *, err: bool = False) -> None:
    """Lines that are divided by \\n on purpose, such as a body or a traceback."""
    for line in text.split("\n"):
        print_whole(line, err=err)


def print_document(document: str) -> None:
    """JSON, or lines of JSON; it stands for the same values."""
    _write(f"{printable_json(document)}\n", err=False)


def print_part(document: str) -> None:
    """The same, of which more follows on the line."""
    _write(printable_json(document), err=False)


def print_bytes(content: bytes) -> None:
    """As they are: never to a terminal."""
    _write(content, err=False)


def print_note(text: str) -> None:
    """To stderr: what is going on. Of a service whose stderr is no terminal, it is a line of the log."""
    if _OUTPUT.notes_are_logs and not is_terminal(sys.stderr):
        _log(text, "info")
    else:
        print_line(text, err=True)


def print_failure(sentence: str, *, of: str = "temple") -> None:
    """To stderr: why the command ends; *of* is what it is called."""
    if _OUTPUT.notes_are_logs and not is_terminal(sys.stderr):
        _log(" ".join(sentence.split()), "error")
    else:
        print_line(f"{of}: {' '.join(sentence.split())}", err=True)


def notes_go_to_the_log() -> None:
    """From now on this process is a service: its notes, its log and what its threads fail at have one form."""
    _OUTPUT.notes_are_logs = True
    if not is_terminal(sys.stderr):
        threading.excepthook = _log_thread


def pieces_written() -> int:
    """How much went to stdout so far: what a command has printed cannot be taken back."""
    return _OUTPUT.pieces


def nobody_reads() -> bool:
    """Whether the reader of stdout has gone, or stdout cannot be written any more."""
    if _OUTPUT.error is None and _has_lost_its_reader(stdout()):
        _stop_output(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
    return _OUTPUT.error is not None


def require_reader() -> None:
    """Raises OSError where nobody reads: for a command that does nothing but write."""
    if nobody_reads() and _OUTPUT.error is not None:
        raise _OUTPUT.error


class OutputStream:
    """Stdout for many lines of JSON: it ends as soon as nobody reads. Raises OSError."""

    def write(self, lines: str, /) -> None:
        print_document(lines.removesuffix("\n"))
        require_reader()


def begin_output() -> None:
    """Before a command: what another one in this process met is forgotten."""
    _OUTPUT.error = None
    _OUTPUT.notes_are_logs = False


def output_error() -> OSError | None:
    """After a command: what went wrong with stdout, its last buffer included."""
    if _OUTPUT.error is None:
        try:
            stdout().flush()
        except OSError as error:
            _stop_output(error)
        except (AttributeError, ValueError):
            # there is none
            pass
    return _OUTPUT.error


def drop_unwritten() -> None:
    """Python flushes stdout when it ends: into a pipe that nobody reads, it would wait there for good."""
    with suppress(OSError, ValueError, AttributeError):  # no real file, as in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout().fileno())


def is_closed_pipe(error: OSError) -> bool:
    return isinstance(error, BrokenPipeError) or error.errno == errno.EPIPE


def terminal_width(stream: Any) -> int | None:
    """None of what is no terminal: a program reads a row in each line."""
    if not is_terminal(stream):
        return None
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _cut(parts: Iterable[Styled], cut: slice) -> str:
    """That part of the line that they are one after the other, with their styles."""
    pieces, begin = [], 0
    for each in parts:
        end = len(each.text) if cut.stop is None else max(0, cut.stop - begin)
        piece = each.text[max(0, cut.start - begin) : end]
        if piece:
            styled = each.fg is not None or each.bold is not None
            pieces.append(click.style(piece, fg=each.fg, bold=each.bold) if styled else piece)
        begin += len(each.text)
    return "".join(pieces)


def _write(text: str | bytes, *, err: bool) -> None:
    if err:
        # a note that cannot be written has nobody who could be notified of it
        with suppress(OSError):
            click.echo(text, err=True, nl=False)
        return
    if _OUTPUT.error is not None:
        return
    _OUTPUT.pieces += 1
    try:
        click.echo(text, stdout(), nl=False)
    except OSError as error:
        _stop_output(error)


def _has_lost_its_reader(stream: Any) -> bool:
    """Of a pipe; nothing has to be written to find out."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    pipe = select.poll()
    pipe.register(descriptor, 0)
    return any(happened & select.POLLERR for _, happened in pipe.poll(0))


def _stop_output(error: OSError) -> None:
    _OUTPUT.error = error
    drop_unwritten()


def is_terminal(stream: Any) -> bool:
    """Also of a stream that is closed, or that there is none of."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def _log_thread(failed: threading.ExceptHookArgs) -> None:
    import structlog

    name = failed.thread.name if failed.thread is not None else "?"
    error = failed.exc_value
    structlog.get_logger("temple").error("a thread failed", thread=name, exc_info=error)


def _log(text: str, level: str) -> None:
    import structlog

    from temple_ledger.infrastructure.observability.logging import log_to_stderr

    if not structlog.is_configured():
        log_to_stderr(None)
    structlog.get_logger("temple").log(_LEVELS[level], text)


_LEVELS: Final = {"info": 20, "error": 40}
