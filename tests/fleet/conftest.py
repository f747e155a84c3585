"""Three ledgers on one server, each with a login of its own, and the file that lists them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
from click.testing import CliRunner

from temple_ledger import cli
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.log_entry import entry_of_event
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.log.append import append_within
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.projections.testing.histories import joined
from tests.cli.conftest import Ended
from tests.clusters import Cluster, cluster

NAMES: Final = ("oracle", "seer", "tavern")
NOWHERE: Final = "postgresql://nobody@127.0.0.1:1/none"
SERVICE: Final = "temple_append, temple_translate, temple_tokens, temple_project, temple_read"


@dataclass(frozen=True)
class Server:
    cluster: Cluster

    def dsn(self, name: str) -> str:
        """As the ledger's own login."""
        return self.cluster.dsn(f"{name}_login", name)

    def owner(self, name: str) -> Database:
        return Database(self.cluster.dsn(database=name), name)

    def append(self, name: str, user: str) -> None:
        with self.owner(name).connect(DatabaseRole.APPEND) as connection, Notifier(self.owner(name)) as notifier:
            append_within(connection, [entry_of_event(joined(user), event_id=uuid4(), catalogue=CATALOGUE)])
            notifier.notify()

    def members(self, name: str) -> list[str]:
        with self.owner(name).connect(DatabaseRole.READ) as connection:
            found = connection.execute("select user_id from temple_member_status order by user_id")
            return [user for (user,) in found]


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    with cluster(16) as found:
        found.execute(f"create database {NAMES[0]}")
        bring_up_to_date(Database(found.dsn(database=NAMES[0])))
        found.execute(*(f"create database {each} template {NAMES[0]}" for each in NAMES[1:]))
        found.execute(*(f"create role {each}_login login in role {SERVICE}" for each in NAMES))
        yield found


@pytest.fixture
def server(running: Cluster) -> Server:
    return Server(running)


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of ledgers: DSNs by name, and what stands above them."""

    def written(dsns: dict[str, str], above: str = "", *, mode: int = 0o600, **also: str) -> Path:
        file = tmp_path / "fleet.toml"
        ledgers = (f'[[ledger]]\nname = "{name}"\ndsn = "{dsn}"\n{also.get(name, "")}\n' for name, dsn in dsns.items())
        file.write_text(f"{above}\n{''.join(ledgers)}")
        file.chmod(mode)
        return file

    return written


@pytest.fixture
def file(write: Write, server: Server) -> Path:
    return write({name: server.dsn(name) for name in NAMES})


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """`temple fleet …` as somebody types it."""
    monkeypatch.chdir(tmp_path)

    def typed(*arguments: str, **environment: str | None) -> Ended:
        fixed = {"TEMPLE_HOME": str(tmp_path / "home"), "TEMPLE_FLEET_FILE": str(tmp_path / "fleet.toml")}
        result = CliRunner().invoke(cli.temple, ["fleet", *arguments], env={**fixed, **environment})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return typed
