"""Where an author's code was when it raised: file, line and function, and never a value."""

import linecache
import traceback
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from temple_ledger.domain.errors import LedgerError

_OURS: Final = "temple_ledger."
_PASSED_OVER: Final = (_OURS, "pydantic.", "pydantic_core.")
MOST_FRAMES: Final = 5


class Frame(NamedTuple):
    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


def author_frames(error: BaseException) -> tuple[Frame, ...]:
    """The last frames of the code that raised, the innermost last; ours and pydantic's are left out.

    Of an error within our own rules all frames are ours: then the innermost one. Empty for an error that was never
    raised, and for a refusal of ours that no code of theirs led to.
    """
    origin = origin_of(error)
    walked = list(traceback.walk_tb(origin.__traceback__))
    theirs = [each for each in walked if not f"{each[0].f_globals.get('__name__', '')}.".startswith(_PASSED_OVER)]
    ours = walked[-1:] if not isinstance(origin, LedgerError) else []
    chosen = theirs[-MOST_FRAMES:] or ours
    return tuple(Frame(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in chosen)


def origin_of(error: BaseException) -> BaseException:
    """What an author's code raised, where an error of ours says that it did."""
    while type(error).__module__.startswith(_OURS) and error.__cause__ is not None:
        error = error.__cause__
    return error


def with_source(frames: Sequence[Frame]) -> Iterator[str]:
    """Each frame as a line, and below it the line of the source where it can be read."""
    for frame in frames:
        yield str(frame)
        source = linecache.getline(frame.file, frame.line).strip()
        if source:
            yield f"    {source}"


def place_of(error: BaseException) -> str:
    """Where an author's module raised while it was loaded, in brackets, after a space; "" where that is not known."""
    frames = [frame for frame in author_frames(error) if "importlib" not in frame.file]
    return f" ({frames[-1]})" if frames else ""


def frames_as_text(error: BaseException) -> str | None:
    """A line for each, the innermost last; None for an error that was never raised."""
    return "\n".join(map(str, author_frames(error))) or None
