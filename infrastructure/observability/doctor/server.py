"""The server: its version, and the settings that committed events rely on."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Final

import psycopg

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.embedded_postgres.release_dates import RELEASED, rounds_since
from temple_ledger.infrastructure.observability.doctor.finding import Check, fail, ok, warn

OLDEST: Final = 150_000
CLOCK_WARN_SECONDS: Final = 1.0
CLOCK_FAIL_SECONDS: Final = 30.0

Connection = psycopg.Connection[Any]


def check_server(connection: Connection) -> Iterator[Check]:
    yield _version(connection)
    if _setting(connection, "cluster_name").startswith("temple-ledger-"):
        yield check_release(_setting(connection, "server_version").partition(" ")[0], datetime.now(UTC).date())
    yield _durability(connection)
    yield _checksums(connection)
    yield check_encoding(connection)
    yield check_writes(connection)
    yield _clock(connection)
    yield _prepared(connection)


def _version(connection: Connection) -> Check:
    found = f"PostgreSQL {_setting(connection, 'server_version')}"
    if connection.info.server_version < OLDEST:
        return fail("server version", found, "upgrade to PostgreSQL 15 or newer")
    return ok("server version", found)


def check_release(version: str, today: date) -> Check:
    """Of the embedded server, whose binaries nobody else's updates reach."""
    check = "server release"
    released = RELEASED.get(version)
    if released is None:
        return warn(check, f"{version}, and nobody knows here when it came out", "install a newer Temple Ledger")
    missed = rounds_since(released, today)
    age = f"{version} of {released}, {(today - released).days:,} days old"
    if not missed:
        return ok(check, f"{age}; no round of fixes came since")
    rounds = "a round of fixes came since" if len(missed) == 1 else f"{len(missed)} rounds of fixes came since"
    return warn(
        check,
        f"{age}; {rounds}, the last on {missed[-1]}",
        "install a newer Temple Ledger when there is one; only accounts of this machine reach the embedded server, so "
        "for more, use a PostgreSQL that the system keeps up to date",
    )


def _durability(connection: Connection) -> Check:
    names = ("fsync", "full_page_writes", "synchronous_commit")
    settings = {name: _setting(connection, name) for name in names}
    found = ", ".join(f"{name} {value}" for name, value in settings.items())
    if settings["fsync"] == "off" or settings["full_page_writes"] == "off":
        return fail("durability", found, "turn both on: a crash of the machine may lose or corrupt the log")
    if settings["synchronous_commit"] == "off":
        return warn(
            "durability",
            found,
            "turn synchronous_commit on: a crash may lose events whose sender was answered that they are stored",
        )
    return ok("durability", found)


def _checksums(connection: Connection) -> Check:
    if _setting(connection, "data_checksums") == "on":
        return ok("data checksums", "on")
    return warn("data checksums", "off", "stop the server and run pg_checksums --enable: a rotten page goes unnoticed")


def check_encoding(connection: Connection) -> Check:
    encoding = _setting(connection, "server_encoding")
    if encoding == "UTF8":
        return ok("encoding", encoding)
    make = "create database NAME encoding 'UTF8' template template0;"
    return fail("encoding", encoding, f"it cannot store every name; make a database in UTF8: {make}")


def check_writes(connection: Connection) -> Check:
    row = connection.execute(statement("doctor_writes")).fetchone()
    standby, read_only, source = row or (False, "off", "")
    if standby:
        return fail("writes", "the server takes none: it is a standby", "connect to the primary, or promote this one")
    if read_only == "on":
        what = f"new sessions take none: default_transaction_read_only is on (set by: {source})"
        return fail("writes", what, "switch it off where it is set, or connect to the primary")
    return ok("writes", "the server takes them")


def _clock(connection: Connection) -> Check:
    before = datetime.now(UTC)
    row = connection.execute(statement("doctor_clock")).fetchone()
    after = datetime.now(UTC)
    server_now: datetime = row[0] if row else after
    # the server answered at some moment between the two; what lies outside is difference
    ahead = max((server_now - after).total_seconds(), (before - server_now).total_seconds(), 0.0)
    found = f"{ahead:.1f} s between server and this machine"
    advice = "set both by NTP: recorded_at and leases go by the server's clock, timestamps by their sources'"
    if ahead > CLOCK_FAIL_SECONDS:
        return fail("clock", found, advice)
    return warn("clock", found, advice) if ahead > CLOCK_WARN_SECONDS else ok("clock", found)


def _prepared(connection: Connection) -> Check:
    """Where somebody prepared a transaction and went away, every reader waits at its first position."""
    check = "prepared transactions"
    held = connection.execute(statement("status_prepared")).fetchall()
    if held:
        gids = ", ".join(f"{gid} ({age:,.0f} s)" for gid, age in held)
        what = f"open, and readers may wait for them: {gids}"
        return fail(check, what, f"ask whose they are; then: rollback prepared '{held[0][0]}'")
    slots = _setting(connection, "max_prepared_transactions")
    if slots == "0":
        return ok(check, "none can be made")
    return ok(check, f"none is open; max_prepared_transactions is {slots}, and the ledger needs none")


def _setting(connection: Connection, name: str) -> str:
    row = connection.execute(statement("current_setting"), {"name": name}).fetchone()
    return str(row[0]) if row else "unknown"
