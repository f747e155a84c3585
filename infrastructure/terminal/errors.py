"""However a command ends: one sentence on stderr, and a number."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from click.exceptions import NoArgsIsHelpError

from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.raised import describe_raised
from temple_ledger.infrastructure.observability.redaction import scrubbed
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode, exit_code_of
from temple_ledger.infrastructure.terminal.printing import (
    begin_output,
    drop_unwritten,
    is_closed_pipe,
    output_error,
    print_failure,
    print_note,
    print_text,
)

if TYPE_CHECKING:
    import psycopg

DEBUG = "TEMPLE_DEBUG"
"""Set to 1 in the environment, it shows the traceback of what should not have happened."""


def ending_of(command: Callable[[], object]) -> int:
    """Runs *command* and returns the exit code: the number that it returned, 0 for anything else.

    One that did its work, but whose output could not be written, ends with 141 where the reader of a pipe had read
    enough, and as a failure otherwise.
    """
    begin_output()
    try:
        code = _ran(command)
    except (click.Abort, KeyboardInterrupt, EOFError):
        drop_unwritten()
        print_note("interrupted")
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except LedgerError as error:
        return _fail(str(error), exit_code_of(error), error)
    except Exception as error:  # noqa: BLE001 -- whatever it is, the user gets a sentence
        return _unforeseen(error)
    return code


def _ran(command: Callable[[], object]) -> int:
    returned = command()
    code = int(returned) if isinstance(returned, int) and not isinstance(returned, bool) else ExitCode.OK
    error = output_error()
    return code if error is None or code != ExitCode.OK else _unwritten(error, "standard output")


def _unwritten(error: OSError, where: str) -> int:
    if is_closed_pipe(error):
        # `temple … | head` has read enough, which is no failure
        drop_unwritten()
        return ExitCode.PIPE_CLOSED
    return _fail(f"{where}: {error.strerror or error}", ExitCode.FAILED, error)


def _show(error: click.ClickException) -> None:
    ctx = getattr(error, "ctx", None)
    if isinstance(error, NoArgsIsHelpError):
        error.show()
        return
    sentence = " ".join(error.format_message().rstrip(".").split("\n"))
    if ctx is None:
        print_failure(sentence, of="Error")
    else:
        print_failure(f"{sentence}; see: {ctx.command_path} --help", of=ctx.command_path)


def _unforeseen(error: Exception) -> int:
    if "psycopg" in sys.modules:
        import psycopg

        from temple_ledger.infrastructure.database.connection import in_words

        if isinstance(error, psycopg.Error):
            return _fail(in_words(error), _code_of(error), error)
    if isinstance(error, OSError):
        if error is output_error():
            return _unwritten(error, "standard output")
        if error.filename is None:
            return _fail(error.strerror or str(error), ExitCode.FAILED, error)
        return _unwritten(error, str(error.filename))
    what = scrubbed(describe_raised(error))
    return _fail(f"this should not happen: {what}; {DEBUG}=1 shows where, please report it", ExitCode.FAILED, error)


def _code_of(error: "psycopg.Error") -> ExitCode:
    import psycopg

    from temple_ledger.infrastructure.database.connection import passes

    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ExitCode.REFUSED
    return ExitCode.UNREACHABLE if passes(error) else ExitCode.FAILED


def _fail(sentence: str, code: ExitCode, error: Exception) -> ExitCode:
    if os.environ.get(DEBUG) == "1":
        print_text(scrubbed("".join(traceback.format_exception(error))).rstrip("\n"), err=True)
    print_failure(sentence)
    return code
