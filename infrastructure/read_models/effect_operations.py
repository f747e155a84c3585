"""What people decide about messages that were not delivered, or could not be made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.infrastructure.read_models.feed.outbox import OutboxEntry, entries, put
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_log.fold_members import fold_long
from temple_ledger.infrastructure.read_models.operations import record
from temple_ledger.projections.effects import change_of, raised
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.stepping import Stepped, differ

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Retried:
    """`waiting` messages are to be delivered now; `failed` functions raised again, with the reason."""

    waiting: int
    failed: Sequence[tuple[OutboxEntry, str]]


def chosen_entries(connection: Connection, ids: Sequence[int]) -> list[OutboxEntry]:
    """Raises UnknownName."""
    found = {each.id: each for each in entries(connection, ids=ids)}
    for number in ids:
        if number not in found:
            raise UnknownName("message in the outbox", str(number))
    return list(found.values())


def retry_effects(
    database: Database,
    chosen: Sequence[OutboxEntry],
    projections: Sequence[Projection],
    *,
    by: str,
    catalogue: Catalogue,
) -> Retried:
    """Those that were parked are tried at their sinks again; functions that raised are called again.

    Raises Refused for one that is neither, or whose change is not there any more.
    """
    waiting, failed = 0, []
    with database.connect(DatabaseRole.PROJECT, application="temple effects") as connection, connection.transaction():
        for entry in chosen:
            if entry.state == "parked":
                connection.execute(statement("outbox_wait"), {"id": entry.id})
                waiting += 1
            elif entry.state == "failed":
                made, why = _call_again(connection, entry, projections, catalogue)
                waiting += made
                failed += [(entry, why)] if why is not None else []
            else:
                raise Refused(f"message {entry.id} is {entry.state}; only parked and failed ones can be tried again")
        details = {"messages": [entry.id for entry in chosen], "failed again": [entry.id for entry, _ in failed]}
        record(connection, "retry effects", None, by=by, reason=None, details=details)
    return Retried(waiting, failed)


def skip_effects(database: Database, chosen: Sequence[OutboxEntry], *, by: str, reason: str) -> None:
    """Raises Refused for one that has ended."""
    with database.connect(DatabaseRole.PROJECT, application="temple effects") as connection, connection.transaction():
        for entry in chosen:
            if connection.execute(statement("outbox_skip"), {"id": entry.id}).fetchone() is None:
                raise Refused(f"message {entry.id} is {entry.state}; there is nothing to skip")
        details = {"messages": [entry.id for entry in chosen]}
        record(connection, "skip effects", None, by=by, reason=reason, details=details)


def _call_again(
    connection: Connection, entry: OutboxEntry, projections: Sequence[Projection], catalogue: Catalogue
) -> tuple[int, str | None]:
    """How many messages that made, or why it failed again."""
    key = ProjectionKey(entry.projection, entry.version)
    projection = next((each for each in projections if each.key == key), None)
    if not isinstance(projection, MemberProjection):
        raise Refused(
            f"message {entry.id} is of version {entry.version} of {entry.projection}, which is not installed here"
        )
    effect = projection.effects.get(entry.effect)
    if effect is None:
        raise Refused(f"message {entry.id} is of the effect {entry.effect}, which is not there any more; skip it")
    stepped = _change_at(connection, Fold(projection, catalogue), entry)
    outgoing = list(raised(effect, change_of(Fold(projection, catalogue), stepped)))
    again = next((each.error for each in outgoing if each.error is not None), None)
    if again is not None:
        connection.execute(statement("outbox_failed_again"), {"id": entry.id, "error": again})
        return 0, again
    connection.execute(statement("outbox_forget"), {"id": entry.id})
    put(connection, projection.key, outgoing)
    return len(outgoing), None


def _change_at(connection: Connection, fold: Fold[Any], entry: OutboxEntry) -> Stepped[Any]:
    left_out = read_exceptions(connection, fold.projection.key).left_out
    found = events(connection, after=Position(entry.position - 1), upto=entry.position, limit=1)
    before, after = (
        fold_long(connection, fold, entry.user_id, Position(upto), left_out=left_out)
        for upto in (entry.position - 1, entry.position)
    )
    if not found or entry.position in left_out or not differ(fold, before.rows, after.rows):
        raise Refused(f"the event of message {entry.id} changes nothing any more; skip it")
    return Stepped(found[0], before.state, after.state, before.rows, after.rows)
