"""A ledger on somebody's PostgreSQL, by logins that are no superusers: of each version that there are programs for."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from temple_ledger.domain.errors import Refused, RoleNotGranted, SchemaMismatch
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.migrations import migrate, packaged, require_current
from temple_ledger.infrastructure.database.roles import ROLES
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from tests.clusters import INSTALLED_BY_CI, MAJORS, Cluster, cluster, programs

BEFORE_THE_ROLES = [each for each in packaged() if each.number <= 11]
"""Those of the release before the list of roles was whole."""


@pytest.fixture(scope="module", params=MAJORS)
def machine(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    if programs(request.param) is None:
        assert not (os.environ.get("CI") and request.param in INSTALLED_BY_CI), f"no PostgreSQL {request.param}"
        pytest.skip(f"there are no programs of PostgreSQL {request.param} here")
    with cluster(request.param) as running:
        yield running


@pytest.fixture(autouse=True)
def _none_of_our_roles(machine: Cluster) -> Iterator[None]:
    """Roles belong to the cluster: each test begins with none of ours."""
    yield
    with psycopg.connect(machine.dsn(), autocommit=True) as admin:
        for (name,) in admin.execute(
            "select quote_ident(datname) from pg_database where datname like 'of %'"
        ).fetchall():
            admin.execute(f"drop database {name} with (force)".encode())
        roles = "select quote_ident(rolname) from pg_roles where rolname ~ '^temple_|^login ' order by rolname"
        for (name,) in admin.execute(roles.encode()).fetchall():
            admin.execute(f"drop owned by {name} cascade; drop role {name}".encode())


def works(dsn: str) -> None:
    """Each role can be taken, and reads what it needs to begin."""
    for role in DatabaseRole:
        with Database(dsn).connect(role) as connection:
            require_current(connection)


def test_the_owner_of_the_database_who_may_create_roles_migrates(machine: Cluster) -> None:
    dsn = machine.own_database("login one", "of one")
    bring_up_to_date(Database(dsn))
    works(dsn)


def test_a_login_that_inherits_nothing_migrates_too(machine: Cluster) -> None:
    dsn = machine.own_database("login one", "of one", "createrole noinherit")
    bring_up_to_date(Database(dsn))
    assert list(migrate(Database(dsn))) == []


def test_a_schema_public_of_somebody_else_is_asked_for_with_the_sql(machine: Cluster) -> None:
    """As in a database that comes from PostgreSQL 14: there a grant by another is no error, only a warning."""
    dsn = machine.own_database("login one", "of one")
    machine.execute("alter schema public owner to super", database="of one")
    with pytest.raises(Refused, match="schema public does not belong") as refused:
        bring_up_to_date(Database(dsn))
    machine.execute(str(refused.value).split(" run: ")[1], database="of one")
    bring_up_to_date(Database(dsn))
    works(dsn)


def test_a_ledger_of_the_release_before_is_migrated_by_its_owner(machine: Cluster) -> None:
    """It was begun by a superuser, or by an owner of PostgreSQL 15: their roles are there, and granted otherwise."""
    dsn = machine.own_database("login one", "of one")
    migrate(Database(machine.dsn(database="of one")), BEFORE_THE_ROLES)
    machine.execute('grant temple_owner, temple_append, temple_project, temple_read to "login one" with admin option')
    bring_up_to_date(Database(dsn))
    works(dsn)


def test_where_0001_has_created_the_roles_the_login_may_take_them_afterwards(machine: Cluster) -> None:
    """PostgreSQL 16 lets who creates a role administer it, and not take it."""
    dsn = machine.own_database("login one", "of one")
    with psycopg.connect(dsn) as connection:
        connection.execute(packaged()[0].text)
    bring_up_to_date(Database(dsn))
    works(dsn)


def test_roles_that_somebody_else_created_are_asked_for_with_the_sql(machine: Cluster) -> None:
    bring_up_to_date(Database(machine.own_database("login one", "of one")))
    dsn = machine.own_database("login two", "of two")
    if machine_is_older_than_16(machine):
        bring_up_to_date(Database(dsn))
        return
    with pytest.raises(Refused, match="as a superuser, or as who created that role, run: ") as refused:
        bring_up_to_date(Database(dsn))
    machine.execute(str(refused.value).split(" run: ")[1])
    bring_up_to_date(Database(dsn))
    assert list(migrate(Database(dsn))) == []


def test_who_may_not_create_roles_is_given_the_sql(machine: Cluster) -> None:
    dsn = machine.own_database("login one", "of one", "nocreaterole")
    with pytest.raises(Refused, match="may not create the roles") as refused:
        bring_up_to_date(Database(dsn))
    machine.execute(str(refused.value).split(" run: ")[1])
    bring_up_to_date(Database(dsn))
    works(dsn)


def test_a_login_without_a_role_is_given_the_sql(machine: Cluster) -> None:
    bring_up_to_date(Database(machine.own_database("login one", "of one")))
    machine.execute('create role "login two" login')
    service = Database(machine.dsn("login two", "of one"))
    with pytest.raises(SchemaMismatch, match="may not act as temple_read") as refused:
        service.connect(DatabaseRole.READ)
    machine.execute(str(refused.value).split(" run: ")[1], login="login one")
    service.connect(DatabaseRole.READ).close()


def test_a_login_of_the_release_before_goes_on_as_what_it_has(
    machine: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    bring_up_to_date(Database(machine.own_database("login one", "of one")))
    machine.execute('create role "login two" login', 'grant temple_project to "login two"')
    with Database(machine.dsn("login two", "of one")).connect(DatabaseRole.SEAL) as connection:
        assert connection.execute("select current_user::text").fetchone() == ("temple_project",)
    assert 'grant temple_seal to "login two";' in caplog.text


def test_who_appends_does_not_translate_and_is_given_the_sql(machine: Cluster) -> None:
    bring_up_to_date(Database(machine.own_database("login one", "of one")))
    machine.execute('create role "login two" login', 'grant temple_append to "login two"')
    service = Database(machine.dsn("login two", "of one"))
    with pytest.raises(RoleNotGranted, match="may not act as temple_translate") as refused:
        service.connect(DatabaseRole.TRANSLATE)
    machine.execute(str(refused.value).split(" run: ")[1], login="login one")
    service.connect(DatabaseRole.TRANSLATE).close()


def rights_of_public(machine: Cluster, database: str) -> set[str]:
    """On the database itself."""
    with psycopg.connect(machine.dsn()) as admin:
        found = admin.execute(
            "select acl.privilege_type from pg_database"
            " cross join lateral aclexplode(coalesce(datacl, acldefault('d', datdba))) as acl"
            " where datname = %s and acl.grantee = 0",
            (database,),
        )
        return {right for (right,) in found}


def taken(machine: Cluster, rights: str) -> str:
    """The DSN of a new database from whose PUBLIC these rights were taken."""
    dsn = machine.own_database("login one", "of one")
    if rights:
        machine.execute(f'revoke {rights} on database "of one" from public')
    return dsn


@pytest.mark.parametrize("rights", ["", "temporary", "all"])
def test_what_everybody_may_in_somebodys_database_stays_as_it_was(machine: Cluster, rights: str) -> None:
    dsn = taken(machine, rights)
    before = rights_of_public(machine, "of one")
    bring_up_to_date(Database(dsn))
    assert rights_of_public(machine, "of one") == before
    assert list(migrate(Database(dsn))) == []


@pytest.mark.parametrize(("rights", "left"), [("", {"CONNECT", "TEMPORARY"}), ("all", set())])
def test_what_a_former_release_took_from_everybody_is_given_back(machine: Cluster, rights: str, left: set[str]) -> None:
    """As it was before: 0001 alone took temporary tables from everybody."""
    dsn = taken(machine, rights)
    migrate(Database(dsn), [each for each in packaged() if each.number <= 30])
    machine.execute('revoke temporary on database "of one" from public', login="login one", database="of one")
    bring_up_to_date(Database(dsn))
    assert rights_of_public(machine, "of one") == left


def test_a_database_that_is_not_in_utf8_is_refused(machine: Cluster) -> None:
    machine.execute("create database \"of one\" encoding 'LATIN1' locale 'C' template template0")
    machine.execute('create role "login one" login createrole')
    with pytest.raises(Refused, match="is in LATIN1") as refused:
        bring_up_to_date(Database(machine.dsn("login one", "of one")))
    # typed as it is printed, it makes one that the same login can migrate
    machine.execute(str(refused.value).split("in UTF8: ")[1].replace("NAME", '"of two"'))
    bring_up_to_date(Database(machine.dsn("login one", "of two")))


def test_the_list_of_roles_is_what_the_migrations_create(machine: Cluster) -> None:
    bring_up_to_date(Database(machine.own_database("login one", "of one")))
    with psycopg.connect(machine.dsn()) as admin:
        found = admin.execute("select rolname::text from pg_roles where rolname ~ '^temple_' order by 1").fetchall()
    assert [name for (name,) in found] == sorted(ROLES)


def test_0001_is_what_every_ledger_has() -> None:
    assert packaged()[0].checksum == FIRST_CHECKSUM


FIRST_CHECKSUM = "293e40413698ef6d1e71ae31dcb878038aebfc3a06e546f6bbbe82aa2c6cbd23"


def machine_is_older_than_16(machine: Cluster) -> bool:
    with psycopg.connect(machine.dsn()) as admin:
        return admin.info.server_version < 160_000


def test_programs_of_the_machine_are_found(tmp_path: Path) -> None:
    assert programs(3) is None
