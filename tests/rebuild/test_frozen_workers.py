"""A worker that stands still in the middle of a replay is not waited for without an end."""

import multiprocessing
import os
import signal
import threading
from functools import partial
from multiprocessing.connection import Pipe, wait

import pytest

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.read_models.rebuild import in_processes, rebuild
from temple_ledger.infrastructure.read_models.rebuild.fold_ranges import RangeFolder
from temple_ledger.infrastructure.read_models.rebuild.piece_pipe import ArrivingPieces, send_piece
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from tests.rebuild.test_rebuild import history, nothing_is_left
from tests.rebuild.test_straight_fill import applied, divided, replay, stored


def test_the_rest_of_a_piece_is_not_waited_for() -> None:
    receiver, sender = Pipe(duplex=False)
    arriving = ArrivingPieces(receiver)
    whole, sent = Pipe(duplex=False)
    send_piece(sent, ["a piece"])
    packed = os.read(whole.fileno(), 1_000)
    for cut in range(len(packed)):
        os.write(sender.fileno(), packed + packed[:cut])
        assert list(arriving.read()) == [["a piece"]]
        assert list(arriving.read()) == []
        os.write(sender.fileno(), packed[cut:] + packed)
        assert list(arriving.read()) == [["a piece"], ["a piece"]]
    os.write(sender.fileno(), packed[:-1])
    sender.close()
    assert list(arriving.read()) == []
    with pytest.raises(EOFError):
        list(arriving.read())


def test_a_piece_may_be_longer_than_a_pipe() -> None:
    receiver, sender = Pipe(duplex=False)
    arriving, piece = ArrivingPieces(receiver), "x" * 1_000_000
    found: list[object] = []
    sending = threading.Thread(target=send_piece, args=(sender, piece), daemon=True)
    sending.start()
    while not found:
        wait([receiver])
        found += arriving.read()
    sending.join()
    assert found == [piece]


@pytest.mark.parametrize("moment", ["between two pieces", "in the middle of a piece"])
def test_a_worker_that_stands_still_ends_the_replay_and_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    ledger = LedgerScenario(database)
    for number in range(30):
        history(ledger, f"m{number:02}")

    with monkeypatch.context() as frozen:
        if moment == "between two pieces":
            frozen.setattr(RangeFolder, "fold", lambda *_: os.kill(os.getpid(), signal.SIGSTOP))
        else:
            frozen.setattr(in_processes, "send_piece", half_of)
        frozen.setattr(rebuild, "fold_in_processes", partial(in_processes.fold_in_processes, piece_seconds=0.05))
        with pytest.raises(
            DatabaseUnavailable, match=r"stood still for more than .*; nothing was changed, run it again$"
        ):
            applied(divided(ledger), 2)
    assert multiprocessing.active_children() == []
    assert stored(ledger) == 0
    nothing_is_left(ledger)
    assert applied(replay(ledger)).changed_members == 30
    ledger.then_verified()


def half_of(pipe: multiprocessing.connection.Connection, piece: object) -> None:
    receiver, sender = Pipe(duplex=False)
    send_piece(sender, piece)
    os.write(pipe.fileno(), os.read(receiver.fileno(), 50))
    os.kill(os.getpid(), signal.SIGSTOP)
