"""Where a storm is: a folder, a server, a ledger with its logins, and the wires to it; nothing of it is anybody's."""

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import psycopg

from temple_ledger import deploy
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.embedded_postgres.scratch import in_memory
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.projections import registry
from temple_ledger.projections.built_in import BUILT_IN
from tests.chaos.processes import Child, Death, start
from tests.chaos.server import ChaosServer
from tests.examples.installing import install_points
from tests.log.faulty_wire import FaultyWire, faulty_wire
from tests.versions.standing import first, second
from tests.webhooks.builders import SECRET

NAME: Final = "temple"
MIGRATE: Final = "temple_migrate"
OPERATOR: Final = "temple_operator"
ROOT: Final = Path(__file__).parents[2]
SQL: Final = Path(str(deploy.__path__[0])) / "postgresql"
VERSIONS: Final = {
    registry.PROJECTIONS: {
        "standing_1": "tests.versions.standing:first",
        "standing_2": "tests.versions.standing:second",
    }
}
"""An installed projection in two versions: whoever has `packages` on the path carries it."""


@dataclass
class Site:
    """`wire` is what the services go through, `append_wire` one of the appenders. `discord`: its settings."""

    folder: Path
    server: ChaosServer
    wire: FaultyWire
    append_wire: FaultyWire
    port: int
    discord: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _children: list[Child] = field(default_factory=list)
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _ended: bool = False

    def admin(self) -> psycopg.Connection:
        """As the superuser, beside everything."""
        return psycopg.connect(self.server.dsn(database=NAME), autocommit=True, connect_timeout=5)

    def database(self, login: str = OPERATOR) -> Database:
        return Database(self.server.dsn(login, NAME))

    @property
    def packages(self) -> Sequence[str]:
        return [str(self.folder / "packages"), str(ROOT)]

    def temple(
        self,
        *arguments: str,
        login: str = OPERATOR,
        through: FaultyWire | None = None,
        packages: bool = False,
        death: Death | None = None,
    ) -> Child:
        """`temple …` as a process of its own."""
        words = "-".join(each for each in arguments[:2] if each.isalpha())
        output = self.folder / "output" / f"{next(self._numbers):05}-{words}.txt"
        dsn = self.server.dsn(login, NAME) if through is None else through.database.dsn.replace(OPERATOR, login)
        paths = self.packages if packages else [str(ROOT)]
        with self._starting:
            if self._ended:
                raise RuntimeError("the storm has ended")
            child = start(words, arguments, self._environment(dsn), output, paths=paths, death=death)
            self._children = [each for each in self._children if each.ended() is None] + [child]
        return child

    def end(self) -> None:
        """Every process that was started here, and none that was not."""
        with self._starting:
            self._ended = True
        for child in self._children:
            child.kill()

    def _environment(self, dsn: str) -> Mapping[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("TEMPLE_")},
            **self.discord,
            "TEMPLE_DATABASE_URL": dsn,
            "TEMPLE_HOME": str(self.folder / "home"),
            "TEMPLE_CONFIG_FILE": "",
            "TEMPLE_LOG_LEVEL": "warning",
            "TEMPLE_METRICS_PORT": "0",
            "TEMPLE_RECEIVE_METRICS_PORT": "0",
            "TEMPLE_RECEIVE_PORT": str(self.port),
            "TEMPLE_PATREON_SECRETS": SECRET,
            "TEMPLE_OPERATOR": "storm",
            "TEMPLE_RECONCILE_EVERY_SECONDS": "0",
            "TEMPLE_SEAL_EVERY_SECONDS": "1",
        }


@contextmanager
def open_site() -> Iterator[Site]:
    """Gone when the block ends, however it ends."""
    folder = Path(tempfile.mkdtemp(prefix="temple-chaos-", dir=in_memory()))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        server = ChaosServer(folder)
        stack.callback(server.remove)
        server.start()
        for name in ("output", "home"):
            (folder / name).mkdir()
        install_points(folder / "packages", VERSIONS)
        _make_ledger(server)
        wires = [stack.enter_context(faulty_wire(Database(server.dsn(OPERATOR, NAME)))) for _ in range(2)]
        site = Site(folder, server, wires[0], wires[1], _free_port())
        stack.callback(site.end)
        yield site


def _make_ledger(server: ChaosServer) -> None:
    _execute(server.dsn(), SQL / "database.sql")
    database = Database(server.dsn(MIGRATE, NAME))
    bring_up_to_date(database, [*BUILT_IN, first, second])
    for version in (first, second):
        rebuild(database, version, catalogue=CATALOGUE, by="storm")
    _execute(server.dsn(database=NAME), SQL / "logins.sql")


def _execute(dsn: str, file: Path) -> None:
    with psycopg.connect(dsn, autocommit=True) as admin:
        for each in file.read_text().split(";"):
            if each.strip():
                admin.execute(each.encode())


def _free_port() -> int:
    """On loopback. Free a moment ago: whoever takes it meanwhile makes the receiver end with one sentence."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
