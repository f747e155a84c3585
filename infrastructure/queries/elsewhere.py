"""Histories folded again in two processes that differ in what no rule may look at: the seed of hashes, on which the
order of a set hangs, and the time zone, so far apart that it is never the same day in both.

A rule that looks at it agrees with itself in one process, and drifts as soon as another one folds.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.loading import load_projection
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.registry import catalogue
from temple_ledger.projections.tables import Rows
from temple_ledger.projections.testing.as_stored import as_stored
from temple_ledger.projections.testing.comparison import require_same

PLACES: Final = ({"PYTHONHASHSEED": "1", "TZ": "EAST-14"}, {"PYTHONHASHSEED": "2", "TZ": "WEST+12"})
SECONDS: Final = 600
"""For the events of all members, which were folded within seconds before."""

WHY: Final = (
    "has other rows in another process (-) than in this one (+): a rule looks at something that is not in the event, "
    "such as the order of a set, hash(), or the local time"
)

Histories = Mapping[str, Sequence[Recorded]]
Found = Mapping[str, tuple[Rows, Position | None]]
"""Of each member the rows, and the position at which the member would be parked."""


def faults_elsewhere(place: str, fold: Fold[Any], histories: Histories) -> Sequence[str]:
    """One for each member who has other rows there; *place* is MODULE:NAME of the projection."""
    here = _folded(fold, histories)
    work = pickle.dumps((sys.path, place, histories))
    begun = [_begin(each) for each in PLACES]
    faults: dict[str, str] = {}
    try:
        for process in begun:
            there = _answer_of(process, work)
            for user_id, found in here.items():
                fault = _difference(fold.projection, user_id, there[user_id], found)
                if fault is not None:
                    faults.setdefault(user_id, fault)
    except subprocess.SubprocessError as error:
        return [f"the first members cannot be folded in another process: {error}"]
    finally:
        for process in begun:
            process.kill()
            process.wait()
    return list(faults.values())


def _answer_of(process: "subprocess.Popen[bytes]", work: bytes) -> Found:
    """Raises SubprocessError where a rule ended that process, or does not end there."""
    answer, _ = process.communicate(work, timeout=SECONDS)
    if process.returncode != 0:
        raise subprocess.SubprocessError(f"it ended with exit code {process.returncode}")
    found: Found = pickle.loads(answer)  # noqa: S301 - of our own process
    return found


def _difference(projection: MemberProjection[Any], user_id: str, there: Any, here: Any) -> str | None:
    try:
        require_same(projection.tables, there[0], here[0], f"{user_id} {WHY}")
    except AssertionError as error:
        return str(error)
    return None if there[1] == here[1] else f"{user_id} {WHY}"


def _begin(environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-P", "-c", f"from {__name__} import answer; answer()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    )


def answer() -> None:
    """In the other process: what a rule prints goes to stderr, as everywhere."""
    wire = os.dup(1)
    os.dup2(2, 1)
    path, place, histories = pickle.load(sys.stdin.buffer)  # noqa: S301 - of our own process
    sys.path.extend(each for each in path if each not in sys.path)
    projection: Any = load_projection(place)
    found = _folded(Fold(projection, catalogue().with_models(projection.steps)), histories)
    with os.fdopen(wire, "wb") as stream:
        pickle.dump(found, stream)


def _folded(fold: Fold[Any], histories: Histories) -> Found:
    found = {user_id: fold.whole_of_known(known) for user_id, known in histories.items()}
    tables = fold.projection.tables
    return {user_id: (as_stored(tables, each.rows), each.parked_at) for user_id, each in found.items()}
