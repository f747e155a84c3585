"""A disk can be full where somebody may mount one, and where nobody may."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from temple_ledger.infrastructure.embedded_postgres.scratch import in_memory
from tests.chaos.disk import OwnFileSystem
from tests.chaos.server import ChaosServer

GROW = "insert into ballast select repeat('x', 1000) from generate_series(1, 4000)"


@pytest.fixture(params=[True, False], ids=["mounted", "refused by strace"])
def server(request: pytest.FixtureRequest) -> Iterator[ChaosServer]:
    # a short path: it holds the server's socket
    folder = Path(tempfile.mkdtemp(prefix="temple-disk-", dir=in_memory()))
    server = ChaosServer(folder, mounts=request.param)
    try:
        server.start()
        if request.param and not isinstance(server.disk, OwnFileSystem):
            pytest.skip("nobody may mount a file system here")
        if server.disk.why_not is not None:
            pytest.skip(server.disk.why_not)
        yield server
    finally:
        server.remove()
        shutil.rmtree(folder)


def test_nothing_finds_room_until_it_is_emptied(server: ChaosServer) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create unlogged table ballast (filled text)")
        connection.execute(GROW)
        server.disk.fill()
        with pytest.raises(psycopg.errors.DiskFull):
            connection.execute(GROW)
        server.disk.empty()
        connection.execute(GROW)
