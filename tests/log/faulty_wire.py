"""A wire between client and server that can be cut: real connections, through a socket of our own."""

import selectors
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from temple_ledger.infrastructure.database.connection import Database

LISTENING_SECONDS = 0.05


class FaultyWire:
    """Passes everything on until it is told to lose answers, or to be cut off."""

    def __init__(self, database: Database) -> None:
        given = conninfo_to_dict(database.dsn)
        self._server = f"{given['host']}/.s.PGSQL.{given['port']}"
        # socket addresses are short: not below pytest's long paths
        self._folder = Path(tempfile.mkdtemp(prefix="wire-"))
        self.database = Database(make_conninfo(database.dsn, host=str(self._folder)))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / f".s.PGSQL.{given['port']}"))
        self._listener.listen()
        self._listener.settimeout(LISTENING_SECONDS)
        self._lose_answer_to: bytes | None = None
        self._cuts = 0
        self._down = threading.Event()
        self._swallows = threading.Event()
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def lose_the_answer_to(self, part: bytes) -> None:
        """Once: the next request that has these bytes reaches the server, and its answer nobody."""
        self._lose_answer_to = part

    @property
    def lost_it(self) -> bool:
        """Whether that has happened."""
        return self._lose_answer_to is None

    def cut(self) -> None:
        """From now on nobody gets through, and whoever was connected is no more."""
        self._cuts += 1
        self._down.set()

    def swallow(self) -> None:
        """From now on connections stay, new ones too, and nothing gets through."""
        self._swallows.set()

    def mend(self) -> None:
        """From now on everybody gets through who comes anew."""
        self._down.clear()
        self._swallows.clear()

    def close(self) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join(60)
        self._listener.close()
        shutil.rmtree(self._folder)

    def _accept(self) -> None:
        while not self._closed.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._carry, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _carry(self, client: socket.socket) -> None:
        # whoever is at an end of it may be gone at any moment
        with (
            suppress(OSError),
            client,
            socket.socket(socket.AF_UNIX) as server,
            selectors.DefaultSelector() as selector,
        ):
            cuts = self._cuts
            if self._down.is_set():
                return
            server.connect(self._server)
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while not self._closed.is_set() and cuts == self._cuts:
                for key, _ in selector.select(LISTENING_SECONDS):
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    data = source.recv(65536)
                    if not data:
                        return
                    if self._swallows.is_set():
                        continue
                    key.data.sendall(data)
                    if source is client and self._lose_answer_to is not None and self._lose_answer_to in data:
                        self._lose_answer_to = None
                        # the server has done it once it answers
                        server.recv(65536)
                        return


@contextmanager
def faulty_wire(database: Database) -> Iterator[FaultyWire]:
    wire = FaultyWire(database)
    try:
        yield wire
    finally:
        wire.close()
