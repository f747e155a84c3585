"""`temple doctor`: one check after the other."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
import psycopg

from temple_ledger.domain.errors import LedgerError, RoleNotGranted
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, in_words
from temple_ledger.infrastructure.embedded_postgres.account import name_of
from temple_ledger.infrastructure.observability.doctor import log, machine, server
from temple_ledger.infrastructure.observability.doctor.finding import Check, CheckOutcome, fail, ok
from temple_ledger.infrastructure.observability.doctor.projections import check_projections
from temple_ledger.infrastructure.observability.doctor.standby import check_standby
from temple_ledger.infrastructure.observability.doctor.verifying import check_verifying
from temple_ledger.infrastructure.processes.source_health import health_of_sources
from temple_ledger.infrastructure.processes.sources import installed_sources
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.settings import (
    Settings,
    SourceSettings,
    is_secret,
    secret_file,
    setting_names,
    toml_files,
)
from temple_ledger.infrastructure.terminal.checks import print_check
from temple_ledger.infrastructure.terminal.dsn import HIDDEN, shown
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.standby import STANDBY


@click.command("doctor")
@as_json
@click.pass_obj
def command(session: Session, as_json: bool) -> int:
    """Check machine, database and ledger, one by one, and say what to do about each.

    Tries, among other things, to update, delete and truncate the log as each of our roles, and rolls back.
    Changes nothing, and neither makes nor starts a database.

    \b
    Exit codes: 0 all is well, or only warned of; 3 a check failed.
    """
    findings: list[Check] = []
    for finding in _findings(session):
        findings.append(finding)
        if not as_json:
            print_check(finding)
    failed = sum(each.outcome is CheckOutcome.FAIL for each in findings)
    warned = sum(each.outcome is CheckOutcome.WARN for each in findings)
    if as_json:
        print_json([asdict(each) for each in findings])
    else:
        print_line()
        print_line(f"{len(findings)} checks: {failed} failed, {warned} warned")
    return ExitCode.FOUND if failed else ExitCode.OK


def _findings(session: Session) -> Iterator[Check]:
    settings = session.settings
    server_ = session.embedded
    yield machine.check_python()
    yield machine.check_libraries()
    yield machine.check_state_dir(settings.home)
    yield from machine.check_space([settings.home, *([server_.data_dir] if server_ else [])])
    yield machine.check_secrets(_secret_files())
    yield _check_sources()
    if server_ is not None and not server_.data_dir.exists():
        yield fail("database", f"there is none in {settings.home} yet", "run: temple up, or set TEMPLE_DATABASE_URL")
        return
    if server_ is not None:
        yield machine.check_account(name_of(server_.data_dir.stat().st_uid))
    try:
        database = session.running_database()
    except LedgerError as error:
        yield _failed("database", str(error), "mend that, then try: temple db start")
        return
    yield from _of_database(database, settings)
    if settings.read_url is not None:
        standby = Database(settings.read_url.get_secret_value(), STANDBY)
        yield from _guarded("read replica", check_standby(database, standby))


def _of_database(database: Database, settings: Settings) -> Iterator[Check]:
    found = log.reachable(database)
    yield found
    if found.outcome is CheckOutcome.FAIL:
        return
    yield from _guarded("server", _check_server(database))
    migrated = list(_guarded("migrations", _check_migrations(database)))
    yield from migrated
    if all(each.outcome is not CheckOutcome.FAIL for each in migrated):
        yield from _guarded("log", log.check_log(database))
        yield from _guarded("projections", check_projections(database))
        yield from _guarded("verified", check_verifying(database))
        yield from _guarded("sources", _check_health(database, settings))


def _check_server(database: Database) -> Iterator[Check]:
    with database.connect(DatabaseRole.LOGIN, application="temple doctor") as connection:
        yield from server.check_server(connection)


def _check_migrations(database: Database) -> Iterator[Check]:
    try:
        with database.look(application="temple doctor") as connection:
            yield log.check_migrations(connection)
    except RoleNotGranted as error:
        yield _failed("login", str(error), "run the SQL, then this again")


def _guarded(check: str, checks: Iterator[Check]) -> Iterator[Check]:
    """What cannot be checked has failed, and stops no other check."""
    try:
        yield from checks
    except LedgerError as error:
        yield _failed(check, f"could not be checked: {error}", "mend that, then run this again")
    except psycopg.Error as error:
        yield _failed(check, f"could not be checked: {in_words(error)}", "mend that, then run this again")


def _failed(check: str, sentence: str, otherwise: str) -> Check:
    """The last part of a sentence says what to do, if it has one; *otherwise* does."""
    what, _, advice = sentence.rpartition("; ")
    return fail(check, what or advice, advice if what else otherwise)


def _check_sources() -> Check:
    """Those that are installed, and what keeps one from being loaded."""
    found = installed_sources()
    if found.failed:
        return fail("sources", "; ".join(map(str, found.failed)), "mend or remove the package that brings it")
    return ok("sources", ", ".join(each.name for each in found.sources))


def _check_health(database: Database, settings: Settings) -> Iterator[Check]:
    """What status shows as trouble of a source; of one that has nothing to report there is no check."""
    with snapshot(database) as connection:
        found = health_of_sources(connection, installed_sources(), settings)
    for source, health in found.items():
        for trouble in health.troubles:
            yield fail(f"source {source}", trouble.what, f"run: {trouble.next}")


def _secret_files() -> list[Path]:
    """Those in use, and a temple.toml that has a secret in it."""
    models = installed_sources().models()
    every: list[type[SourceSettings]] = [Settings, *models]
    secrets = {name for model in every for name, field in model.model_fields.items() if is_secret(field.annotation)}
    given = (secret_file(name) for name in setting_names(models))
    written = (
        file
        for file, values in toml_files()
        if any(_is_revealing(name, values[name]) for name in secrets & set(values))
    )
    return [*filter(None, given), *written]


def _is_revealing(name: str, value: object) -> bool:
    """A DSN without a password is no secret."""
    return name not in ("database_url", "read_url") or HIDDEN in shown(str(value))
