"""A database that has the canon's tables in use becomes a ledger like any other, or stays as it was."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from tests.cli.conftest import Typed

CANON = Path(__file__).with_name("canon.sql").read_text()
_numbers = count(1)

Before = list[tuple[object, ...]]


@pytest.fixture
def database(server: EmbeddedServer) -> Iterator[Database]:
    """The canon's tables and nothing of ours; stands in for the migrated database of other tests."""
    name = f"canon_{next(_numbers)}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        with psycopg.connect(server.dsn(name), autocommit=True) as theirs:
            theirs.execute(CANON)
        yield Database(server.dsn(name))
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def canon(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect(DatabaseRole.LOGIN) as connection:
        yield connection


def append(canon: psycopg.Connection, number: int, user_id: str, action: str, role: str, at: str | None) -> None:
    canon.execute(
        "insert into webhook_audit_log"
        " (event_id, timestamp, event_type, user_id, action, target, metadata, source)"
        " values (%s, %s, 'discord_role_change', %s, %s, %s, %s, 'discord')",
        (UUID(int=number), at, user_id, action, role, '{"granted_by": "300"}'),
    )


@pytest.fixture
def in_use(canon: psycopg.Connection) -> psycopg.Connection:
    """Three members, of whom two are derived rightly; a position was drawn and rolled back."""
    append(canon, 1, "101", "added", "700", "2026-01-01T10:00:00Z")
    append(canon, 2, "102", "added", "700", "2026-01-02T10:00:00Z")
    append(canon, 3, "102", "removed", "700", "2026-01-03T10:00:00Z")
    with canon.transaction(force_rollback=True):
        append(canon, 4, "103", "added", "700", "2026-01-03T10:00:00Z")
    append(canon, 5, "103", "added", "701", "2026-01-04T10:00:00Z")
    canon.execute("update webhook_audit_log set processed_at = null where id = 5")
    canon.execute("delete from discord_user_current_roles where user_id = '103'")
    canon.execute("insert into temple_member_status (user_id, total_roles_count) values ('101', 1), ('102', 7)")
    return canon


EVENTS = """
    select id, event_id, timestamp, event_type, user_id, action, target, metadata, source
    from webhook_audit_log
"""


def test_adoption_keeps_every_event_at_its_position(temple: Typed, in_use: psycopg.Connection) -> None:
    before = in_use.execute(f"{EVENTS} order by id").fetchall()
    ended = temple("db", "migrate")
    assert ended.code == 0, ended.stderr
    assert "0002_log, with what was there" in ended.stdout
    assert "stand as they were found, and nothing changes them before a replay" in ended.stderr
    assert "not filled from the log yet: members; run: temple replay members --apply\n" in ended.stderr
    assert temple("db", "migrate").stderr == ""
    assert in_use.execute(f"{EVENTS} order by id").fetchall() == before
    assert [row[0] for row in before] == [1, 2, 3, 5]


def test_recorded_at_is_when_the_canon_processed_an_event_or_else_when_it_happened(
    temple: Typed, in_use: psycopg.Connection
) -> None:
    expected = in_use.execute("select id, coalesce(processed_at, timestamp) from webhook_audit_log order by id")
    before = expected.fetchall()
    temple("db", "migrate")
    assert in_use.execute("select id, recorded_at from webhook_audit_log order by id").fetchall() == before


def test_an_adopted_database_has_the_shape_of_a_new_one(
    temple: Typed, in_use: psycopg.Connection, template: str, server: EmbeddedServer
) -> None:
    temple("db", "migrate")
    with psycopg.connect(server.dsn(template)) as new:
        for question in SHAPE:
            assert in_use.execute(question).fetchall() == new.execute(question).fetchall()


SHAPE = (
    """
    select class.relname, class.relkind, pg_get_userbyid(class.relowner), class.reloptions, class.relacl::text
    from pg_class as class where relnamespace = 'public'::regnamespace order by 1
    """,
    """
    select attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, attidentity::text,
           attcollation::regcollation::text, pg_get_expr(adbin, adrelid), attacl::text
    from pg_attribute
    join pg_class on pg_class.oid = attrelid
                 and relnamespace = 'public'::regnamespace
                 and relkind in ('r', 'v')
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where attnum > 0 and not attisdropped order by 1, attnum
    """,
    "select indexdef from pg_indexes where schemaname = 'public' order by 1",
    """
    select tgrelid::regclass::text, tgname, tgenabled::text
    from pg_trigger where not tgisinternal order by 1, 2
    """,
    "select proname from pg_proc where pronamespace = 'public'::regnamespace order by 1",
    "select number, name, checksum from ledger_migration order by 1",
    "select nspname from pg_namespace where nspname like 'temple%'",
)


def test_positions_go_on_behind_all_that_were_ever_drawn(temple: Typed, in_use: psycopg.Connection) -> None:
    with in_use.transaction(force_rollback=True):
        append(in_use, 6, "104", "added", "700", "2026-01-05T10:00:00Z")
    temple("db", "migrate")
    append(in_use, 7, "104", "added", "700", "2026-01-05T10:00:00Z")
    assert in_use.execute("select max(id) from webhook_audit_log").fetchone() == (7,)


def test_an_empty_canon_begins_at_position_1(temple: Typed, canon: psycopg.Connection) -> None:
    assert temple("db", "migrate").code == 0
    append(canon, 1, "101", "added", "700", "2026-01-01T10:00:00Z")
    assert canon.execute("select id from webhook_audit_log").fetchall() == [(1,)]


def test_who_could_append_and_read_still_can_and_can_do_no_more(temple: Typed, in_use: psycopg.Connection) -> None:
    in_use.execute("create role bot_of_the_canon nologin")
    try:
        in_use.execute("grant select, insert, update, delete on webhook_audit_log to bot_of_the_canon")
        in_use.execute("grant select on discord_user_current_roles to bot_of_the_canon")
        temple("db", "migrate")
        in_use.execute("set role bot_of_the_canon")
        append(in_use, 8, "101", "added", "702", "2026-02-01T10:00:00Z")
        assert in_use.execute("select count(*) from discord_user_current_roles").fetchone() == (1,)
        for statement in ("update webhook_audit_log set source = 'x'", "delete from webhook_audit_log"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                in_use.execute(statement)
    finally:
        in_use.execute("reset role")
        in_use.execute("drop owned by bot_of_the_canon")
        in_use.execute("drop role bot_of_the_canon")


def test_derived_rows_stay_as_they_were_found_until_a_replay(temple: Typed, in_use: psycopg.Connection) -> None:
    temple("db", "migrate")
    roles = "select user_id, role from discord_user_current_roles order by 1, 2"
    needed = "temple replay members --apply"
    verified = temple("verify", "--full")
    assert (verified.code, verified.stderr.count("temple repair")) == (3, 0)
    assert f"members: not verified, its tables are not filled from the log yet; run: {needed}\n" in verified.stdout
    for verb in (["reconcile"], ["repair", "--apply", "--reason", "none"], ["run", "--until-caught-up"]):
        ended = temple(*verb)
        assert needed in ended.stdout + ended.stderr
    trouble = {"what": "members stands still (needs replay)", "next": needed}
    assert trouble in temple("status", "--json").data["troubles"]
    assert f"      run: {needed}\n" in temple("doctor").stdout
    assert in_use.execute(roles).fetchall() == [("101", "700")]
    assert "  1 member gains 701\n" in temple("replay", "members").stdout
    assert temple("replay", "members", "--apply").code == 0
    assert temple("verify", "--full").code == 0
    assert in_use.execute(roles).fetchall() == [("101", "700"), ("103", "701")]
    assert in_use.execute("select user_id, total_roles_count from temple_member_status order by 1").fetchall() == [
        ("101", 1),
        ("102", 0),
        ("103", 1),
    ]


def test_after_the_replay_a_runner_goes_on(temple: Typed, in_use: psycopg.Connection) -> None:
    temple("db", "migrate")
    assert temple("replay", "members", "--apply").code == 0
    append(in_use, 9, "101", "removed", "700", "2026-02-01T10:00:00Z")
    assert temple("run", "--until-caught-up").code == 0
    assert temple("verify", "--full").code == 0
    assert in_use.execute("select user_id, role from discord_user_current_roles").fetchall() == [("103", "701")]


REFUSED: dict[str, tuple[str, str]] = {
    "a null timestamp": (
        (
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source)"
            " values (gen_random_uuid(), null, 'a', 'b', 'c', 'd')"
        ),
        "webhook_audit_log has 1 rows without a timestamp, the first with id 1",
    ),
    "a column of another type": (
        "alter table webhook_audit_log alter column id type integer",
        "webhook_audit_log.id is integer, not bigint",
    ),
    "a text that is too long": (
        (
            "alter table webhook_audit_log alter column target type text;"
            "insert into webhook_audit_log (event_id, event_type, user_id, action, source, target)"
            " values (gen_random_uuid(), 'a', 'b', 'c', 'd', repeat('x', 101))"
        ),
        "webhook_audit_log has 1 rows with more than 100 characters in target, the first with id 1",
    ),
    "a null where none may be": (
        (
            "alter table webhook_audit_log alter column source drop not null;"
            "insert into webhook_audit_log (event_id, event_type, user_id, action, source)"
            " values (gen_random_uuid(), 'a', 'b', 'c', null)"
        ),
        "webhook_audit_log has 1 rows without a source",
    ),
    "an id below 1": (
        (
            "insert into webhook_audit_log (id, event_id, event_type, user_id, action, source)"
            " values (0, gen_random_uuid(), 'a', 'b', 'c', 'd')"
        ),
        "webhook_audit_log has 1 rows with an id below 1",
    ),
    "a missing column": (
        "alter table temple_member_status drop column patreon_tier",
        "temple_member_status has no column patreon_tier",
    ),
    "a column of somebody's own": (
        "alter table webhook_audit_log add column remark text",
        "webhook_audit_log has a column remark",
    ),
    "event_ids that may repeat": (
        "alter table webhook_audit_log drop constraint webhook_audit_log_event_id_key",
        "webhook_audit_log has no unique index on (event_id)",
    ),
    "a trigger of somebody's own": (
        (
            "create function theirs() returns trigger language plpgsql as 'begin return new; end';"
            "create trigger theirs after insert on webhook_audit_log for each row execute function theirs()"
        ),
        "webhook_audit_log has a trigger theirs",
    ),
    "a view": (
        "create view board as select user_id, role from discord_user_current_roles",
        "board depends on discord_user_current_roles",
    ),
    "no log": ("drop table webhook_audit_log cascade", "but no webhook_audit_log"),
    "a log that is a view": (
        "alter table webhook_audit_log rename to kept;create view webhook_audit_log as select * from kept",
        "webhook_audit_log is no plain table",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused_with_one_sentence_and_nothing_is_changed(
    temple: Typed, canon: psycopg.Connection, what: str
) -> None:
    statements, said = REFUSED[what]
    canon.execute("alter table webhook_audit_log disable trigger trigger_sync_current_roles")
    canon.execute(statements)
    before = fingerprint(canon)
    ended = temple("db", "migrate")
    assert ended.code == 5
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert fingerprint(canon) == before


def fingerprint(canon: psycopg.Connection) -> Before:
    return canon.execute(
        """
        select 'table', relname::text, relkind::text from pg_class where relnamespace = 'public'::regnamespace
        union all
        select 'function', proname::text, '' from pg_proc where pronamespace = 'public'::regnamespace
        union all select 'schema', nspname::text, '' from pg_namespace where nspname like 'temple%'
        order by 1, 2
        """
    ).fetchall()


def test_a_login_that_may_not_make_roles_is_told_so(temple: Typed, canon: psycopg.Connection, template: str) -> None:
    """On a server where another ledger has made them, as the *template* has."""
    canon.execute("create role small_login login")
    try:
        dsn = psycopg.conninfo.make_conninfo(canon.info.dsn, host=canon.info.host, user="small_login")
        ended = temple("db", "migrate", TEMPLE_DATABASE_URL=dsn)
        assert ended.code == 5
        assert 'to "small_login";' in ended.stderr
    finally:
        canon.execute("drop role small_login")


def test_text_columns_are_adopted_where_their_values_fit(temple: Typed, in_use: psycopg.Connection) -> None:
    in_use.execute("alter table webhook_audit_log alter column target type text")
    assert temple("db", "migrate").code == 0


def test_whoever_owns_the_database_needs_not_be_superuser(temple: Typed, server: EmbeddedServer, template: str) -> None:
    login, name = "owner_of_a_canon", f"canon_{next(_numbers)}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"create role {login} login createrole")
        admin.execute(f"grant temple_owner, temple_append, temple_project, temple_read to {login}")
        try:
            admin.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(login)))
            options = psycopg.conninfo.make_conninfo(server.dsn(name), options=f"-c role={login}")
            with psycopg.connect(options, autocommit=True) as theirs:
                theirs.execute(CANON)
                append(theirs, 1, "101", "added", "700", "2026-01-01T10:00:00Z")
            dsn = psycopg.conninfo.make_conninfo(server.dsn(name), user=login)
            ended = temple("db", "migrate", TEMPLE_DATABASE_URL=dsn)
            assert ended.code == 0, ended.stderr
            with psycopg.connect(dsn) as theirs:
                append(theirs, 2, "102", "added", "700", "2026-01-01T10:00:00Z")
                assert theirs.execute("select count(*) from webhook_audit_log").fetchone() == (2,)
        finally:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
            admin.execute(f"drop role {login}")
