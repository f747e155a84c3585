"""The logins of docs/database-roles.md, made by the SQL of that page, run what it says that they run."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.migrations import migrate, packaged
from temple_ledger.infrastructure.database.roles import ROLES
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.database.service_logins import EFFECTS, RECEIVE, RUN, SEAL
from temple_ledger.infrastructure.sources.discord.login import SERVICE as LISTENS
from tests.cli.conftest import Typed
from tests.clusters import Cluster, cluster, programs
from tests.deploy.documented import ROOT

PAGE = ROOT / "docs" / "database-roles.md"
MAKES_LOGINS, GRANTS = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
APPEND = ["events", "append", "--type", "discord_join/joined", "--user", "ada"]


@pytest.fixture(scope="module")
def machine() -> Iterator[Cluster]:
    """As the page has it: everything from nothing, by typing what is there."""
    with cluster(16) as running:
        running.execute(*filter(str.strip, MAKES_LOGINS.split(";")))
        yield running


@pytest.fixture(scope="module")
def migrated(machine: Cluster) -> Cluster:
    bring_up_to_date(Database(machine.dsn("temple_migrate", "temple")))
    machine.execute(*filter(str.strip, GRANTS.split(";")), login="temple_migrate", database="temple")
    return machine


SERVICES = {
    "temple_run_service": (
        [
            ["run", "--until-caught-up"],
            ["reconcile"],
            # what `temple run` starts where one was killed
            ["replay", "--apply"],
            ["verify"],
            ["projection", "list"],
            ["member", "list"],
        ],
        [APPEND, ["inbox", "retry", "--all"], ["trigger", "enable"]],
    ),
    "temple_seal_service": (
        [["seal", "run", "--until-sealed"], ["seal", "status"], ["seal", "verify"]],
        [APPEND, ["run", "--until-caught-up"], ["repair", "--apply", "--reason", "x"]],
    ),
    "temple_receive_service": (
        [APPEND, ["inbox", "list"], ["inbox", "retry", "--all"], ["member", "list"]],
        [["run", "--until-caught-up"], ["repair", "--apply", "--reason", "x"]],
    ),
    "temple_discord_service": (
        [APPEND, ["inbox", "prune", "--older-than-days", "9"], ["role", "list"]],
        [["replay", "--apply"]],
    ),
    "temple_operator": (
        [
            APPEND,
            ["run", "--until-caught-up"],
            ["replay", "--apply"],
            ["repair"],
            ["events", "list"],
            ["operations", "list"],
        ],
        [["trigger", "enable"], ["db", "migrate"]],
    ),
}


@pytest.mark.parametrize("login", SERVICES)
def test_a_service_does_what_is_its_own_and_is_refused_the_rest(
    temple: Typed,
    migrated: Cluster,
    login: str,
) -> None:
    dsn = migrated.dsn(login, "temple")
    own, others = SERVICES[login]
    for command in (*own, ["status"], ["db", "status"]):
        ended = temple(*command, TEMPLE_DATABASE_URL=dsn, TEMPLE_METRICS_PORT="0")
        assert ended.code == 0, (command, ended.stderr, ended.stdout)
    for command in others:
        ended = temple(*command, TEMPLE_DATABASE_URL=dsn, TEMPLE_METRICS_PORT="0")
        assert ended.code == 5, (command, ended.stdout)
        assert re.search(rf'run: grant temple_\w+ to "{login}";', ended.stderr), ended.stderr


@pytest.mark.parametrize("login", [*SERVICES, "temple_migrate"])
def test_doctor_works_for_a_service(temple: Typed, migrated: Cluster, login: str) -> None:
    checks = {
        each["check"]: each
        for each in temple("doctor", "--json", TEMPLE_DATABASE_URL=migrated.dsn(login, "temple")).data
    }
    for name in ("login", "append-only", "roles", "gap proof", "migrations", "encoding"):
        assert checks[name]["outcome"] == "ok", checks[name]
    assert "temple_read" in checks["login"]["found"]


def test_doctor_has_the_sql_for_a_login_that_lacks_its_roles(temple: Typed, migrated: Cluster) -> None:
    migrated.execute("create role newcomer login; grant temple_append to newcomer")
    dsn = migrated.dsn("newcomer", "temple")
    for outcome in ("fail", "warn"):
        (login,) = (
            each for each in temple("doctor", "--json", TEMPLE_DATABASE_URL=dsn).data if each["check"] == "login"
        )
        assert login["outcome"] == outcome
        migrated.execute(login["advice"].split(" run: ")[1])
    assert "newcomer may act as" in temple("doctor", TEMPLE_DATABASE_URL=dsn).stdout
    assert temple("status", TEMPLE_DATABASE_URL=dsn).code == 0


@pytest.mark.parametrize("command", [["status"], ["db", "status"], ["member", "list"], ["run", "--until-caught-up"]])
def test_a_login_without_rights_ends_with_5_and_the_sql_to_type(
    temple: Typed, migrated: Cluster, command: list[str]
) -> None:
    migrated.execute("drop role if exists stranger", "create role stranger login")
    ended = temple(*command, TEMPLE_DATABASE_URL=migrated.dsn("stranger", "temple"))
    assert ended.code == 5
    assert re.search(r'run: grant temple_(read|project) to "stranger";$', ended.stderr), ended.stderr


def test_an_operator_who_wants_what_the_owner_does_is_sent_to_the_login_that_migrates(
    temple: Typed, migrated: Cluster
) -> None:
    ended = temple("db", "dump", "x.dump", TEMPLE_DATABASE_URL=migrated.dsn("temple_operator", "temple"))
    assert ended.code == 5
    assert "may not act as temple_owner; use the login that migrates" in ended.stderr


def test_a_statement_that_a_role_may_not_run_ends_with_5(temple: Typed, migrated: Cluster) -> None:
    dsn = migrated.dsn("temple_operator", "temple")
    migrated.execute("revoke select on projection_checkpoint from temple_read", database="temple")
    try:
        ended = temple("status", TEMPLE_DATABASE_URL=dsn)
    finally:
        migrated.execute("grant select on projection_checkpoint to temple_read", database="temple")
    assert ended.code == 5
    assert "permission denied for table projection_checkpoint" in ended.stderr


def test_a_grant_that_was_taken_from_a_role_is_shown_with_the_sql(temple: Typed, migrated: Cluster) -> None:
    owner = Database(migrated.dsn("temple_migrate", "temple"))
    with owner.connect(DatabaseRole.OWNER) as connection:
        connection.execute("revoke insert, update on projection_checkpoint from temple_project")
    dsn = migrated.dsn("temple_operator", "temple")
    ended = temple("repair", "--apply", "--reason", "x", TEMPLE_DATABASE_URL=dsn)
    found = {each["check"]: each for each in temple("doctor", "--json", TEMPLE_DATABASE_URL=dsn).data}["roles"]
    assert found["found"] == "temple_project may not move a checkpoint"
    with owner.connect(DatabaseRole.OWNER) as connection:
        connection.execute(found["advice"].split(" run: ")[1].encode())
    assert temple("doctor", TEMPLE_DATABASE_URL=dsn).stdout.count("may not move a checkpoint") == 0
    assert "Traceback" not in ended.stderr


def test_the_page_lists_every_role() -> None:
    assert re.findall(r"^\| `(temple_\w+)` \|", PAGE.read_text(), re.MULTILINE) == list(ROLES)


def test_an_upgrade_prints_the_grants_for_older_logins(temple: Typed, machine: Cluster) -> None:
    machine.execute("create database upgraded owner temple_migrate encoding 'UTF8' template template0")
    database = Database(machine.dsn("temple_migrate", "upgraded"))
    migrate(database, [each for each in packaged() if each.number <= 11])
    machine.execute("create role older login; grant temple_append, temple_read to older")
    ended = temple("db", "migrate", TEMPLE_DATABASE_URL=database.dsn)
    assert ended.code == 0
    assert 'grant temple_tokens, temple_translate to "older";' in ended.stderr


LONG_RUNNING = {
    ("run",): "temple_run_service",
    ("run", "--until-caught-up"): "temple_run_service",
    ("receive",): "temple_receive_service",
    ("seal", "run"): "temple_seal_service",
    ("effects", "run"): "temple_effects_service",
    ("discord", "listen"): "temple_discord_service",
}
SET_UP = {
    "TEMPLE_PATREON_SECRETS": "planted-0123456789abcdef",
    "TEMPLE_DISCORD_TOKEN": "a-token",
    "TEMPLE_SINKS": '{"own": {"kind": "notify", "channel": "own"}}',
    "TEMPLE_METRICS_PORT": "0",
}


@pytest.mark.parametrize("verb", LONG_RUNNING)
@pytest.mark.parametrize(("login", "what"), [("super", "is a superuser"), ("temple_migrate", "may act as the owner")])
def test_a_service_does_not_log_in_as_who_could_change_the_log(
    temple: Typed, migrated: Cluster, verb: tuple[str, ...], login: str, what: str
) -> None:
    ended = temple(*verb, TEMPLE_DATABASE_URL=migrated.dsn(login, "temple"), **SET_UP)
    assert (ended.code, ended.stdout) == (5, "")
    assert f"the login {login} {what}" in ended.stderr
    assert f"create role {LONG_RUNNING[verb]} login; grant temple_" in ended.stderr
    assert "TEMPLE_SERVICES_AS_OWNER=true" in ended.stderr


def test_a_setting_allows_it(temple: Typed, migrated: Cluster) -> None:
    owner = {"TEMPLE_DATABASE_URL": migrated.dsn("temple_migrate", "temple"), "TEMPLE_METRICS_PORT": "0"}
    assert temple("run", "--until-caught-up", TEMPLE_SERVICES_AS_OWNER="true", **owner).code == 0


def test_the_page_makes_the_logins_that_the_refusals_name() -> None:
    for service in (RUN, RECEIVE, SEAL, EFFECTS, LISTENS):
        made = f"create role {service.name} login;\ngrant {', '.join(service.roles)} to {service.name};"
        assert made in GRANTS
        assert made in (ROOT / "deploy" / "postgresql" / "logins.sql").read_text()


def test_compose_gives_each_login_the_password_of_its_secret(migrated: Cluster, tmp_path: Path) -> None:
    """Where the database has them already; the script is the one of the container, with this machine's paths."""
    for name in ("postgres", "run", "seal", "receive", "discord", "console", "console_sign_in"):
        (tmp_path / f"{name}_password").write_text(f"of-{name}'s\n")
    script = (ROOT / "deploy" / "compose" / "logins.sh").read_text().replace("/run/secrets", str(tmp_path))
    folder = programs(16)
    assert folder is not None
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PGHOST": str(migrated.sockets),
        "PGUSER": "super",
        "PGDATABASE": "temple",
    }
    done = subprocess.run(["sh"], input=script, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with psycopg.connect(migrated.dsn("super", "temple")) as admin:
        found = admin.execute("select rolname::text from pg_authid where rolpassword is not null order by 1").fetchall()
    assert [name for (name,) in found] == [
        "temple_console",
        "temple_console_sign_in",
        "temple_discord_service",
        "temple_receive_service",
        "temple_run_service",
        "temple_seal_service",
    ]


def test_whatever_runs_as_a_service_says_which() -> None:
    """The console has two logins of its own; `up` migrates and `operate` does what only the owner may."""
    modules = [*(ROOT / "infrastructure").rglob("*.py")]
    services = {each.stem for each in modules if "session.is_service()" in each.read_text()}
    checked = {each.stem for each in modules if "session.serves_as(" in each.read_text()}
    assert services - checked == {"web", "up", "operate"}
