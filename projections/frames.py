"""Where an author's code raised: without a value, since a value may be somebody's."""

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MOST_FRAMES: Final = 5
_OURS: Final = Path(__file__).resolve().parent.parent
_FOLDERS: Final = frozenset({"domain", "projections", "infrastructure"})


def last_frames(error: BaseException) -> str | None:
    """`FILE, line N, in FUNCTION`, innermost last, one to a line; None where all of it is ours."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.name]
    begun = next((number for number, frame in enumerate(frames) if not _is_ours(frame.filename)), None)
    return None if begun is None else "\n".join(_shown(frames[begun:]))


def _shown(frames: Sequence[traceback.FrameSummary]) -> list[str]:
    return [f"{frame.filename}, line {frame.lineno}, in {frame.name}" for frame in frames[-MOST_FRAMES:]]


def _is_ours(file: str) -> bool:
    path = Path(file).resolve()
    return path.is_relative_to(_OURS) and path.relative_to(_OURS).parts[0] in _FOLDERS
