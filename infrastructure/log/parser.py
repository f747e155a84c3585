"""Lines of a file, parsed a chunk at a time: here, or ahead of whoever stores them in a process of its own.

Storing a chunk is mostly waiting for the server, and a thread that waits gets the interpreter back from one that parses
only after some milliseconds, each time: the two took turns instead of working side by side.
"""

import os
import pickle
import signal
import struct
import threading
import traceback
import warnings
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import BinaryIO, Final, NoReturn, Self

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.log.admission import Admission
from temple_ledger.infrastructure.log.file_forms import event_lines
from temple_ledger.infrastructure.log.import_chunk import Chunk
from temple_ledger.infrastructure.log.lines import Line
from temple_ledger.infrastructure.log.parsed_chunk import ParsedChunk
from temple_ledger.infrastructure.log.plain_lines import PlainLines

MOST_BYTES: Final = 16 * 1024 * 1024
CHUNKS_AHEAD: Final = 1
"""Asked for while one is stored; another one is parsed and waits to be read: what bounds the memory."""

_REQUEST: Final = struct.Struct("=q")
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_forking: Final = threading.Lock()
"""So that no other process holds an end of a pipe that is about to be closed here."""


class ParserEnded(LedgerError):
    """The process that parses has ended by itself."""


class Parser:
    """Of one source, in the order of its lines."""

    def __init__(self, source: BinaryIO, catalogue: Catalogue, admission: Admission | None) -> None:
        self._lines: Iterator[Line] = event_lines(source)
        self._catalogue = catalogue
        self._admission = admission
        self._plain = PlainLines(catalogue, admission)
        self.source = source
        self._read_bytes = 0
        self.ended = False

    def next_chunk(self, most_lines: int) -> ParsedChunk | None:
        """None at the end of the file. Raises OSError and UnreadableFile."""
        chunk = Chunk(self._catalogue, self._admission, self._plain)
        for number, text, length, problem in self._lines:
            self._read_bytes += length
            if problem is not None:
                chunk.reject(number, problem, text)
            else:
                chunk.add(number, text)
            if chunk.lines >= most_lines or chunk.size >= MOST_BYTES:
                break
        else:
            self.ended = True
        return chunk.parsed(self._read_bytes) if chunk.lines else None


class ParserProcess:
    """A parser that goes on in a copy of this process, which does nothing else and ends with it.

    Two pipes: here is written how many lines the next chunk may have, there each chunk. The copy has the parser as it
    stands, with the authors' event types and whatever it has read ahead; it touches no connection of this process. From
    now on the parser is the copy's.
    """

    def __init__(self, parser: Parser, most_lines: int) -> None:
        """*most_lines* of the first chunk. Raises OSError."""
        with _forking:
            requested, requests = os.pipe()
            answers, answered = os.pipe()
            try:
                self.pid = _fork()
            except OSError:
                for number in (requested, requests, answers, answered):
                    os.close(number)
                raise
            if not self.pid:
                _serve(parser, requested, answered)
            os.close(requested)
            os.close(answered)
        self._ended = False
        self._requests = requests
        self._answers = os.fdopen(answers, "rb")
        for _ in range(CHUNKS_AHEAD):
            self._request(most_lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        os.close(self._requests)
        self._answers.close()

    def end(self) -> None:
        """Whoever waits for a chunk, in another thread, gets ParserEnded."""
        if not self._ended:
            self._ended = True
            # whatever it is at, it has nothing to lose
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def next_chunk(self, most_lines: int) -> ParsedChunk | None:
        """One that was asked for before; *most_lines* are those of a later one.

        Raises what the parser raises, and ParserEnded.
        """
        try:
            self._request(most_lines)
            answer: ParsedChunk | Exception | None = pickle.load(self._answers)  # noqa: S301 - our own process wrote it
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            raise ParserEnded(
                "the process that parsed the file was ended from outside, perhaps for want of memory; import the file "
                "again for the rest"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _request(self, most_lines: int) -> None:
        os.write(self._requests, _REQUEST.pack(most_lines))


def ahead_of(parser: Parser, most_lines: int, stack: ExitStack) -> ParserProcess | None:
    """The rest of the file, parsed ahead of whoever asks for it until *stack* ends; None where there is no room for a
    process."""
    try:
        return stack.enter_context(ParserProcess(parser, most_lines))
    except OSError:
        return None


def _fork() -> int:
    with warnings.catch_warnings():
        # of threads that hold a lock for good in the copy: it runs none of their code
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _serve(parser: Parser, requested: int, answered: int) -> NoReturn:
    """Until the other end is closed, whoever closes it. Nothing of this process's own end is run: it is a copy's."""
    try:
        _close_all_but({0, 1, 2, requested, answered, *_files_of(parser.source)})
        for number in _STOPPING:
            # a terminal sends them to both: the one that stores decides
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        wanted: SimpleQueue[int] = SimpleQueue()
        threading.Thread(target=_receive, args=(requested, wanted), daemon=True).start()
        while True:
            _send(answered, _next(parser, wanted.get()))
    finally:
        os._exit(1)


def _close_all_but(needed: Collection[int]) -> None:
    """A connection would stay open for as long as this process has it, whoever closes it on the other side."""
    for number in Path("/dev/fd").iterdir():
        if int(number.name) not in needed:
            # the one by which they were listed is closed already
            with suppress(OSError):
                os.close(int(number.name))


def _files_of(source: BinaryIO) -> Iterator[int]:
    with suppress(OSError):
        yield source.fileno()


def _receive(requested: int, wanted: SimpleQueue[int]) -> None:
    """Ends the process with the other one, also while it waits for a line that never comes."""
    while request := os.read(requested, _REQUEST.size):
        wanted.put(*_REQUEST.unpack(request))
    os._exit(0)


def _next(parser: Parser, most_lines: int) -> ParsedChunk | Exception | None:
    try:
        return parser.next_chunk(most_lines)
    except Exception as error:  # noqa: BLE001 - raised again, where somebody is
        if not isinstance(error, LedgerError | OSError):
            error.add_note("".join(traceback.format_exception(error)))
        return error


def _send(answered: int, answer: ParsedChunk | Exception | None) -> None:
    try:
        text = pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - an author's exception, which cannot be sent
        text = pickle.dumps(RuntimeError(f"{answer!r} ({error})"))
    rest = memoryview(text)
    with suppress(BrokenPipeError):
        while rest:
            rest = rest[os.write(answered, rest) :]
