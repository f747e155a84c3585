"""The same on Ray: rows, marks, and what is said where it cannot be."""

import signal
from pathlib import Path

import pytest

from temple_ledger.domain.errors import ArchiveUnavailable
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.archive.folder_place import FolderPlace
from temple_ledger.infrastructure.archive.manifest import require
from temple_ledger.infrastructure.archive.shared import shared_archive
from temple_ledger.infrastructure.commands.engine_options import database_of_worker
from temple_ledger.infrastructure.engines.engine import ALL_BUCKETS, Engine, EngineFailed
from temple_ledger.infrastructure.engines.no_database import no_database
from temple_ledger.infrastructure.engines.ray_engine import THIS_MACHINE, RayEngine
from temple_ledger.infrastructure.read_models.rebuild.fold_buckets import FoldBuckets
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection
from tests.archive.builders import append, archived, everything
from tests.engines.builders import Alone, Deadly, Losing, Twice, emptied, marks, noting_marks, rebuilt_from, rows_of
from tests.thorough import THOROUGH

DEATHS = 20 if THOROUGH else 6
"""Ray takes a second to make a worker."""


@pytest.fixture
def ledger(ledger: LedgerScenario, folder: Path) -> LedgerScenario:
    append(ledger.database, everything(1, 150), gap=True)
    archived(ledger.database, folder)
    append(ledger.database, everything(2, 50))
    ledger.catch_up()
    return ledger


def test_rows_are_those_that_were_folded_live_and_each_range_is_put_once(
    ledger: LedgerScenario, folder: Path, tmp_path: Path
) -> None:
    """Where workers are killed again and again, and where they reach no database, and one process writes."""
    end = Position(require(FolderPlace(folder))[0].upto)
    alone = Alone(Twice(RayEngine(THIS_MACHINE, 2, no_database(), no_database)), folder)
    (tmp_path / "deaths").mkdir()
    ray = RayEngine(THIS_MACHINE, 2, ledger.database, database_of_worker)
    deadly = Deadly(Twice(ray), tmp_path / "deaths", DEATHS, "after")
    noting_marks(ledger.database)
    engines: list[tuple[Projection, Engine, Position | None]] = [
        (activity, deadly, None),
        (members, alone, end),
    ]
    for projection, engine, most in engines:
        live = rows_of(ledger.database, projection.name)
        emptied(ledger.database, projection.name)
        before = marks(ledger.database)
        rebuilt_from(ledger.database, folder, projection, engine, most=most, one_writer=engine is alone)
        assert marks(ledger.database) == sorted([*before, *range(16)])
        assert rows_of(ledger.database, projection.name) == live
    assert len(list((tmp_path / "deaths").iterdir())) == DEATHS
    ledger.then_verified()


def test_a_cluster_that_does_not_answer_is_one_sentence(ledger: LedgerScenario, folder: Path) -> None:
    with pytest.raises(ArchiveUnavailable, match=r"Ray at 127\.0\.0\.1:1 cannot be reached"):
        rebuilt_from(ledger.database, folder, members, RayEngine("127.0.0.1:1", 1, ledger.database, database_of_worker))


def test_workers_that_stand_still_are_not_waited_for_where_somebody_cannot(
    ledger: LedgerScenario, folder: Path, tmp_path: Path
) -> None:
    task = FoldBuckets(shared_archive(ledger.database, FolderPlace(folder)), members.key, Position(1), 1)
    ray = RayEngine(THIS_MACHINE, 1, ledger.database, database_of_worker)
    with pytest.raises(EngineFailed, match=r"stood still for more than 5 s; run it again$"):
        list(Losing(ray, tmp_path, 1, signal.SIGSTOP).run(task, [ALL_BUCKETS], within=5.0))
