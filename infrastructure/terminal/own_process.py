"""Work in a process of its own, since an author's code may end the one that it is called in: `os._exit`, a crash in C,
memory that runs out. Whoever asked for the work goes on, and can say so."""

import mmap
import os
import pickle
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from multiprocessing.connection import Connection, Pipe
from typing import Any, Final, Generic, TypeVar

from temple_ledger.domain.errors import LedgerError, RuleEndedProcess
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line, stdout

SIZE: Final = 4_096

Result = TypeVar("Result")
About = Callable[[str], None]
"""Called before something is begun, with what it is about."""


class OwnProcess(Generic[Result]):
    """A copy of this process that has begun with *work*. What it returns, or raises, comes back."""

    def __init__(self, work: Callable[[About, Callable[[], None]], Result]) -> None:
        """*work* is called with what notes whom it is about, and with what counts one that is done."""
        self._about = mmap.mmap(-1, SIZE)
        self._answers, answering = Pipe(duplex=False)
        stdout().flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            self._answers.close()
            _work(work, answering, self._note)
        answering.close()

    def result(self, each: Callable[[], None]) -> Result:
        """Calls *each* for each one that is done, and puts out on stderr what an author's code prints.

        Raises what *work* raised, and RuleEndedProcess.
        """
        try:
            while not isinstance(answer := self._answers.recv(), tuple):
                if answer is None:
                    each()
                elif line := answer.rstrip("\n"):
                    print_line(line, err=True)
        except EOFError:
            code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            raise RuleEndedProcess(_described(code), self._about[:].rstrip(b"\x00").decode(errors="replace")) from None
        except BaseException:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            raise
        os.waitpid(self._pid, 0)
        result: Any
        result, error = answer
        if error is not None:
            raise error
        found: Result = result
        return found

    def _note(self, about: str) -> None:
        self._about[:] = about.encode()[:SIZE].ljust(SIZE, b"\x00")


def _work(work: Callable[[About, Callable[[], None]], object], answering: Connection, about: About) -> None:
    """In the copy, which ends here whatever happens."""
    code = ExitCode.OK
    try:
        try:
            with redirect_stdout(_Sent(answering)):
                answer: tuple[object, Exception | None] = work(about, lambda: answering.send(None)), None
        except Exception as error:  # noqa: BLE001 - raised again where the work was asked for
            answer = None, _that_can_be_sent(error)
        answering.send(answer)
    except BaseException:  # noqa: BLE001 - such as Ctrl-C, which the one who asked gets too
        code = ExitCode.INTERRUPTED
    finally:
        sys.stderr.flush()
        os._exit(code)


class _Sent(StringIO):
    def __init__(self, answering: Connection) -> None:
        super().__init__()
        self._answering = answering

    def write(self, text: str) -> int:
        self._answering.send(text)
        return len(text)


def _that_can_be_sent(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made a moment ago
    except Exception:  # noqa: BLE001 - whatever its class makes of it
        return LedgerError(str(error)) if isinstance(error, LedgerError) else RuntimeError(repr(error))
    return error


def _described(code: int) -> str:
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
