"""What the proof of gaps takes for granted, checked before anybody relies on it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from temple_ledger.domain.errors import UnsafeLog
from temple_ledger.infrastructure.database.standby import is_standby
from temple_ledger.infrastructure.database.statements import statement

OLDEST_SERVER: Final = 150000
STANDBY: Final = (
    "this server is a standby: it does not show who is writing, so a reader here would pass over events that "
    "are still to be committed; connect to the primary"
)


def require_primary(connection: psycopg.Connection[Any]) -> None:
    """Raises UnsafeLog."""
    if is_standby(connection):
        raise UnsafeLog(STANDBY)


def require_safe_log(connection: psycopg.Connection[Any]) -> None:
    """Raises UnsafeLog with the first condition that does not hold; psycopg.Error when it cannot be asked."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(statement("log_conditions")).fetchone()
    for sentence in violations(found or {}):
        raise UnsafeLog(sentence)


def violations(found: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a row of `log_conditions.sql`, a sentence each: what, why, what to do."""
    sequence = found["sequence"]
    if found["server_version"] < OLDEST_SERVER:
        yield (
            "this PostgreSQL is older than 15: there a prepared transaction changes its name in pg_locks, and the "
            "reader would take it for ended; upgrade the server"
        )
    if found["standby"]:
        yield STANDBY
    if not found["generated_always"]:
        yield (
            "webhook_audit_log.id is not `generated always as identity`: whoever appends could choose a position that "
            "readers have passed; run: alter table webhook_audit_log alter id add generated always as identity"
        )
        return
    if found["cache"] != 1:
        yield (
            f"the sequence {sequence} has CACHE {found['cache']}: sessions would hold numbers back and use them after "
            f"readers have passed; run: alter sequence {sequence} cache 1"
        )
    if found["increment"] != 1:
        yield (
            f"the sequence {sequence} has INCREMENT {found['increment']}: positions must go up by one for gaps to be "
            f"told from steps; run: alter sequence {sequence} increment 1"
        )
    if found["cycles"]:
        yield (
            f"the sequence {sequence} may CYCLE: it would give positions again that readers have passed; "
            f"run: alter sequence {sequence} no cycle"
        )
    if not found["readable"]:
        yield (
            f"this role may not read the sequence {sequence}, so whether it stands below the log cannot be checked; "
            f"run: grant select on sequence {sequence} to temple_append, temple_project, temple_read"
        )
    elif (found["last_value"] or 0) < found["head"]:
        yield (
            f"the sequence {sequence} stands at {found['last_value'] or 0}, below position {found['head']} of the log "
            "(a restore may do that): new events would get positions that readers have passed; "
            f"run: select setval('{sequence}', {found['head']})"
        )
    elif (found["last_value"] or 0) < found["folded"]:
        yield (
            f"the sequence {sequence} stands at {found['last_value'] or 0}, below position {found['folded']} which a "
            "projection has folded (the log was restored to an earlier point): new events would get positions that "
            "others had before; run: temple repair --apply --reason TEXT"
        )
    if found["drawing_roles"]:
        yield (
            f"{', '.join(found['drawing_roles'])} may draw or set numbers of {sequence}, or write the column id: "
            "only the owner may, or events appear behind readers; "
            f"run: revoke usage, update on sequence {sequence} and insert, update (id) on webhook_audit_log from them"
        )
    if found["replicated_into"]:
        yield (
            "webhook_audit_log is filled by a subscription of logical replication: its positions come from another "
            "server, in the order of commits there; read the log where it is written"
        )
    if not found["unique_events"]:
        yield (
            "event_id has no unique index, so an event may stand in the log twice; look for such events, then run: "
            "alter table webhook_audit_log add constraint webhook_audit_log_event_id_key unique (event_id)"
        )
    if found["rules"]:
        yield (
            f"webhook_audit_log has rules ({', '.join(found['rules'])}), and what is written to it may go elsewhere; "
            "drop them, each with: drop rule NAME on webhook_audit_log"
        )
    if found["row_security"]:
        yield (
            "webhook_audit_log has row security: readers would take what they do not see for gaps; "
            "run: alter table webhook_audit_log disable row level security"
        )
    if not found["append_only"]:
        yield (
            "the trigger webhook_audit_log_is_append_only is missing, changed, or not ENABLE ALWAYS: rows that were "
            "folded could be altered unseen; restore it as sql/migrations/0002_log.sql has it"
        )
