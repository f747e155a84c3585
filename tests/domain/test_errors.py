"""An error of ours that comes from another process is the one that was raised there."""

import pickle

import pytest

from temple_ledger.domain.errors import (
    AmbiguousName,
    CannotListen,
    EndlessFold,
    EventConflict,
    ExtraMissing,
    InvalidEvent,
    LedgerError,
    NotFoldedInTime,
    RuleEndedProcess,
    UnknownMember,
    UnknownName,
)
from temple_ledger.domain.position import Position


@pytest.mark.parametrize(
    "error",
    [
        LedgerError("a sentence"),
        InvalidEvent("no time"),
        EventConflict("f3", Position(7)),
        ExtraMissing("./temple extra archive"),
        UnknownName("projection", "membres", ("members",)),
        UnknownMember("Odile"),
        AmbiguousName("Oracle", {"1": "1 (Oracle)", "2": "2 (Oracle)"}),
        CannotListen("port 80 is taken", is_taken=True),
        EndlessFold("members, of 5", 10.0),
        RuleEndedProcess("by signal SIGKILL", "5"),
        NotFoldedInTime("members", Position(1), Position(2), 60.0, "nobody runs it"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_the_same_behind_another_process(error: LedgerError) -> None:
    received = pickle.loads(pickle.dumps(error))  # noqa: S301 -- made here
    assert type(received) is type(error)
    assert str(received) == str(error)
    assert vars(received) == vars(error)
