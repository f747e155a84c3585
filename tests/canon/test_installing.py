"""The SQL canon is installed by migrating, once for each text, and by psql as well."""

import subprocess

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.infrastructure.database import canon
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.read_models.trigger_mode import enable, trigger_status
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import members


def another_text(database: Database) -> None:
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("update ledger_canon set checksum = 'that of another version'")
        owner.execute("drop function validate_ledger_consistency()")


def test_it_is_installed_when_its_text_is_another_and_only_then(database: Database) -> None:
    with database.connect(DatabaseRole.OWNER) as owner, owner.transaction():
        assert canon.is_installed(owner)
        assert not canon.install(owner)
    another_text(database)
    with pytest.raises(SchemaMismatch, match="temple db migrate"):
        enable(database, catalogue=CATALOGUE, by="ada")
    bring_up_to_date(database)
    with database.connect(DatabaseRole.READ) as read:
        assert canon.is_installed(read)
        assert read.execute("select * from validate_ledger_consistency()").fetchall() == []


def test_it_is_replaced_while_the_trigger_is_on(database: Database) -> None:
    enable(database, catalogue=CATALOGUE, by="ada")
    another_text(database)
    bring_up_to_date(database)
    with database.connect(DatabaseRole.READ) as read:
        assert trigger_status(read).problem is None


def test_it_is_not_replaced_under_rows_of_another_version(database: Database) -> None:
    enable(database, catalogue=CATALOGUE, by="ada")
    another_text(database)
    with database.connect(DatabaseRole.OWNER) as owner:
        owner.execute("update projection_checkpoint set version = 9 where projection = 'members'")
    bring_up_to_date(database)
    with database.connect(DatabaseRole.READ) as read:
        assert not canon.is_installed(read)


def test_psql_alone_can_install_it_as_often_as_one_likes(database: Database, server: EmbeddedServer) -> None:
    for _ in range(2):
        done = subprocess.run(
            [server.client_binary("psql"), database.dsn, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1"],
            input=b"set role temple_owner;\n" + canon.text(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    with database.connect(DatabaseRole.READ) as read:
        assert read.execute("select * from validate_member_status_consistency()").fetchall() == []


def test_it_has_the_rules_of_the_projection(database: Database) -> None:
    with database.connect(DatabaseRole.READ) as read:
        assert read.execute("select members_rules_version()").fetchone() == (members.version,)
        names = [(each.event_type, each.action) for each in CATALOGUE]
        names += [("discord_leave", "joined"), ("discord_boost", "started"), ("discord_role_change", "")]
        known = [name for name in names if read.execute("select members_known(%s, %s)", name).fetchone() == (True,)]
    assert set(known) == set(Fold(members, catalogue=CATALOGUE).names)
