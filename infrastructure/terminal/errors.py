"""However a command ends: one sentence on stderr, and a number."""

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

import click
from click.exceptions import NoArgsIsHelpError

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.observability.redaction import scrubbed
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode, exit_code_of

DEBUG = "TEMPLE_DEBUG"
"""Set to 1 in the environment, it shows the traceback of what should not have happened."""


def ending_of(command: Callable[[], object]) -> int:
    """Runs *command* and returns the exit code: the number that it returned, 0 for anything else."""
    try:
        returned = command()
        sys.stdout.flush()
        return int(returned) if isinstance(returned, int) and not isinstance(returned, bool) else ExitCode.OK
    except BrokenPipeError:
        # `temple … | head` has read enough, which is no failure
        _drop_unwritten()
        return ExitCode.OK
    except (click.Abort, KeyboardInterrupt, EOFError):
        _drop_unwritten()
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except LedgerError as error:
        return _say(str(error), exit_code_of(error), error)
    except Exception as error:  # noqa: BLE001 -- whatever it is, the user gets a sentence
        return _unforeseen(error)


def _show(error: click.ClickException) -> None:
    ctx = getattr(error, "ctx", None)
    if ctx is None or isinstance(error, NoArgsIsHelpError):
        error.show()
    else:
        sentence = error.format_message().rstrip(".").replace("\n", " ")
        click.echo(f"{ctx.command_path}: {sentence}; see: {ctx.command_path} --help", err=True)


def _drop_unwritten() -> None:
    """Python flushes stdout when it ends: into a pipe that nobody reads, it would wait there for good."""
    with suppress(OSError, ValueError):  # no real file, as in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unforeseen(error: Exception) -> ExitCode:
    if "psycopg" in sys.modules:
        import psycopg

        from temple_ledger.infrastructure.database.connection import in_words, passes

        if isinstance(error, psycopg.Error):
            answers = not passes(error)
            return _say(in_words(error), ExitCode.FAILED if answers else ExitCode.UNREACHABLE, error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}", ExitCode.FAILED, error)
    what = f"{type(error).__name__}: {scrubbed(str(error))}".rstrip(": ")
    return _say(f"this should not happen: {what}; {DEBUG}=1 shows where, please report it", ExitCode.FAILED, error)


def _say(sentence: str, code: ExitCode, error: Exception) -> ExitCode:
    if os.environ.get(DEBUG) == "1":
        click.echo(scrubbed("".join(traceback.format_exception(error))), err=True, nl=False)
    click.echo(f"temple: {' '.join(sentence.split())}", err=True)
    return code
