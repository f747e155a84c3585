"""Why something happened: what a source's bot does follows from what its platform reported shortly before, and that
somebody lost a role from its deletion."""

from collections.abc import Mapping, Sequence

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.attribution import AttributedEvent, ends_with_its_role
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.sentence import Actor


def causes_of(
    connection: Connection, facts: Sequence[AttributedEvent], actors: Mapping[str, Actor]
) -> Mapping[Position, Recorded]:
    """Of those that one of the *actors* did: the event within the day before from which it follows. Of the end of a
    role that was deleted: the deletion, where it says who did it."""
    return {**_of_platforms(connection, facts, actors), **_of_deletions(connection, facts)}


def _of_platforms(
    connection: Connection, facts: Sequence[AttributedEvent], actors: Mapping[str, Actor]
) -> Mapping[Position, Recorded]:
    asked = {
        fact.event.position: actor.because_of
        for fact in facts
        if (actor := actors.get(fact.actor or "")) is not None and actor.because_of is not None
    }
    if not asked:
        return {}
    wanted = {"positions": list(asked), "event_types": list(asked.values())}
    return {Position(row[0]): Recorded(*row[1:]) for row in connection.execute(statement("read_causes"), wanted)}


def _of_deletions(connection: Connection, facts: Sequence[AttributedEvent]) -> Mapping[Position, Recorded]:
    asked = [fact.event.position for fact in facts if fact.actor is None and ends_with_its_role(fact.event)]
    if not asked:
        return {}
    found = connection.execute(statement("read_role_deletions"), {"positions": asked})
    return {Position(row[0]): Recorded(*row[1:]) for row in found}
