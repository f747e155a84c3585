"""The log: that nobody can change what is in it, and that a reader can prove its gaps."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError, SchemaMismatch
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, grant_sql
from temple_ledger.infrastructure.database.migrations import applied, pending
from temple_ledger.infrastructure.database.roles import ROLES, lacking_roles
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.in_future import future_positions, retraction_of
from temple_ledger.infrastructure.log.safety import violations
from temple_ledger.infrastructure.observability.doctor.finding import Check, fail, ok, warn

CHANGES: Final = (
    ("update", "doctor_attempt_update"),
    ("delete", "doctor_attempt_delete"),
    ("truncate", "doctor_attempt_truncate"),
)
"""None of them would change a row where it is not refused, since each is rolled back."""

BUSY_MS: Final = 200
"""How long an attempt may wait for its lock, since appends wait behind it."""


def check_migrations(connection: psycopg.Connection[Any]) -> Check:
    try:
        waiting = pending(connection)
    except SchemaMismatch as error:
        what, _, advice = str(error).rpartition("; ")
        return fail("migrations", what, advice)
    if waiting:
        return fail("migrations", f"{len(waiting)} to apply, from {waiting[0]}", "run: temple db migrate")
    return ok("migrations", f"{len(applied(connection))} applied, none to apply")


def check_log(database: Database) -> Iterator[Check]:
    with database.connect(DatabaseRole.LOGIN, application="temple doctor") as connection:
        lacking = lacking_roles(connection)
        yield _login(connection, lacking)
    yield _refusals(database, [role for role in DatabaseRole if role.value not in ("", *lacking)])
    yield from _rights(database)
    yield from _proof(database)
    yield _trigger(database)
    yield _future(database)
    yield _erasures(database)


def _erasures(database: Database) -> Check:
    with database.connect(DatabaseRole.READ, application="temple doctor") as connection:
        begun = [each for (each,) in connection.execute(statement("doctor_erasures"))]
    if not begun:
        return ok("erasures", "none is unfinished")
    what = f"{len(begun)} not finished, begun {begun[0]:%Y-%m-%d %H:%M} UTC: the person is still in part of the ledger"
    return warn("erasures", what, "run it again: temple member erase ID --apply --reason TEXT")


def _login(connection: psycopg.Connection[Any], lacking: Sequence[str]) -> Check:
    login = connection.info.user
    may = [role for role in ROLES if role not in lacking]
    if DatabaseRole.TRANSLATE.value in lacking and DatabaseRole.APPEND.value in may:
        new = [role.value for role in (DatabaseRole.TRANSLATE, DatabaseRole.TOKENS) if role.value in lacking]
        what = f"{login} may act as temple_append, and not as {' or '.join(new)}: it appends and stores deliveries only"
        return warn("login", what, f"if it does more than that, as a superuser run: {grant_sql(new, login)}")
    return ok("login", f"{login} may act as {', '.join(may)}")


def _refusals(database: Database, roles: Sequence[DatabaseRole]) -> Check:
    """Tried, not looked up: as each role that this login may take, the owner included."""
    done, untried = [], []
    for role in roles:
        with database.connect(role, application="temple doctor") as connection:
            set_for_session(connection, "lock_timeout", f"{BUSY_MS}ms")
            for what, attempt in CHANGES:
                try:
                    with connection.transaction(force_rollback=True):
                        connection.execute(statement(attempt))
                    done.append(f"{role.value} may {what}")
                except (psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation):
                    continue
                except (psycopg.errors.LockNotAvailable, psycopg.errors.ReadOnlySqlTransaction):
                    untried.append(f"{what} as {role.value}")
    check = "append-only"
    if done:
        return fail(check, f"the log can be changed: {', '.join(done)}", "restore rights and trigger of 0002_log.sql")
    if untried:
        what = f"not tried, since the log was busy or takes no writes: {', '.join(untried)}"
        return warn(check, what, "run this again at a quiet moment, where writes are taken")
    return ok(check, f"update, delete and truncate are refused to {', '.join(role.value for role in roles)}")


def _rights(database: Database) -> Iterator[Check]:
    """What is refused to one role and another may do."""
    with database.connect(DatabaseRole.READ, application="temple doctor") as connection:
        rows = connection.execute(statement("doctor_rights"), {"roles": list(ROLES)}).fetchall()
    wrong = [
        (f"{role} {'may' if may else 'may not'} {what}", sql) for role, what, may, should, sql in rows if may != should
    ]
    if wrong:
        mended = "; ".join(sql for _, sql in wrong)
        yield fail("roles", "; ".join(what for what, _ in wrong), f"as temple_owner run: {mended};")
    else:
        yield ok("roles", "each role may do what it needs, and no more")


def _proof(database: Database) -> Iterator[Check]:
    with (
        database.look(application="temple doctor") as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        found = cursor.execute(statement("log_conditions")).fetchone()
    wrong = list(violations(found or {}))
    for sentence in wrong:
        what, _, advice = sentence.rpartition("; ")
        yield fail("gap proof", what or sentence, advice)
    if not wrong:
        yield ok("gap proof", "every condition holds: no reader passes an event that is still to be committed")


def _trigger(database: Database) -> Check:
    with database.connect(DatabaseRole.READ, application="temple doctor") as connection:
        others = [name for (name,) in connection.execute(statement("doctor_other_triggers"))]
    if others:
        return warn(
            "triggers",
            f"the log has triggers that are not ours: {', '.join(others)}",
            "drop what is not needed",
        )
    return ok("triggers", "only ours on the log, and always enabled")


def _future(database: Database) -> Check:
    with database.connect(DatabaseRole.READ, application="temple doctor") as connection:
        ahead = future_positions(connection)
    if ahead:
        return warn(
            "times",
            f"{len(ahead):,} events are dated more than a day ahead, and outlive what really comes after them",
            f"look at them: temple events show {ahead.ranges[0][0]}; then: {retraction_of(ahead)}",
        )
    return ok("times", "no event is dated more than a day ahead")


def reachable(database: Database) -> Check:
    try:
        with database.connect(DatabaseRole.LOGIN, application="temple doctor"):
            return ok("database", database.name)
    except DatabaseUnavailable as error:
        return fail("database", str(error), "start it, or mend TEMPLE_DATABASE_URL")
    except LedgerError as error:
        what, _, advice = str(error).rpartition("; ")
        return fail("database", what, advice)
