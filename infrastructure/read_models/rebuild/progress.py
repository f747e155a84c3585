"""What is noted about a rebuild while it goes on: who does it, at which position, how far each range of members is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.leaving import stays
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.rebuild.shadow_rows import clear
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.placing import placed_as
from temple_ledger.projections.processor import Projection

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Claim:
    """The rebuild is ours. `resumed`: an earlier one had been killed, and its rows are used."""

    position: Position
    resumed: bool


@dataclass(frozen=True)
class Range:
    """Members in (after_user, upto_user]; of a tally, all positions. `done_user`, `done_position`: how far it is.

    Of a rebuild that is cut by buckets, those of these buckets, both ends included.
    """

    number: int
    after_user: str | None
    upto_user: str | None
    done_user: str | None
    done_position: Position
    done: bool
    members: int
    events: int
    first_bucket: int | None = None
    last_bucket: int | None = None


class Cut(StrEnum):
    """How a rebuild is divided."""

    MEMBERS = "members"
    BUCKETS = "buckets"


@dataclass(frozen=True)
class RunningRebuild:
    """A rebuild as others see it."""

    projection: str
    version: int
    position: Position
    started_at: datetime
    alive: bool
    members: int
    events: int
    ranges: int
    ranges_done: int


def claim(
    connection: Connection,
    projection: Projection,
    reads: str,
    cut: Cut = Cut.MEMBERS,
    most: Position | None = None,
) -> Claim:
    """Claims the rebuild of this projection for as long as *connection* lives. One that was cut
    otherwise, read events that were declared otherwise, or went beyond *most*, begins anew.

    Raises Refused when somebody else is at it, or the log stays undecided.
    """
    # one that has just ended goes in a moment; whether somebody has come meanwhile is asked again, under the lock
    stays(lambda: _goes_on(connection, projection))
    return _claim(connection, projection, reads, cut, most)


def _goes_on(connection: Connection, projection: Projection) -> bool:
    row = connection.execute(statement("rebuild_read"), projection.key.parameters).fetchone()
    return row is not None and bool(row[-1])


def _claim(connection: Connection, projection: Projection, reads: str, cut: Cut, most: Position | None) -> Claim:
    head = settled_head(connection)
    if most is not None:
        head = min(head, most)
    with connection.transaction():
        connection.execute(statement("rebuild_lock"))
        row = connection.execute(statement("rebuild_read"), projection.key.parameters).fetchone()
        left_out = _left_out(connection, projection)
        if row is not None:
            version, position, exceptions, before, read, started_at, alive = row
            if alive:
                raise Refused(
                    f"a replay of {projection.name} is going on since {started_at:%Y-%m-%d %H:%M:%S} UTC; "
                    f"wait for it, or end it and run: temple replay --abort {projection.name}"
                )
            # one beyond the log was begun before that was restored to an earlier point
            same = (version, exceptions, before, read) == (projection.version, left_out, cut, reads)
            if same and position <= head:
                connection.execute(statement("rebuild_take_over"), projection.key.parameters)
                return Claim(Position(position), True)
            clear(connection, projection)
        else:
            clear(connection, projection)
        connection.execute(
            statement("rebuild_create"),
            {
                **projection.key.parameters,
                "position": head,
                "exceptions": left_out,
                "cut": cut.value,
                "reads": reads,
            },
        )
        return Claim(head, False)


def abort(connection: Connection, projection: Projection) -> bool:
    """Clears up what a killed rebuild has left; whether there was anything. Raises Refused while one is going on."""
    # where it collects rows does not depend on which version readers see
    projection = placed_as(projection, active=False)
    # as before a claim: one that was ended a moment ago is no reason to refuse
    stays(lambda: _goes_on(connection, projection))
    with connection.transaction():
        connection.execute(statement("rebuild_lock"))
        row = connection.execute(statement("rebuild_read"), projection.key.parameters).fetchone()
        if row is not None and row[-1]:
            raise Refused(f"the replay of {projection.name} is still going on; end it first (Ctrl-C, or its process)")
        clear(connection, projection)
        note_lanes(connection, projection.key, None)
        return row is not None


def note_lanes(connection: Connection, key: ProjectionKey, lanes: int | None) -> None:
    """How many lanes of members have the rebuilt rows; None where no rebuild is being put in place lane by lane."""
    connection.execute(statement("rebuild_lanes_note"), {**key.parameters, "lanes": lanes})


def ranges(connection: Connection, key: ProjectionKey) -> Sequence[Range]:
    found = connection.execute(statement("rebuild_ranges"), key.parameters)
    return [
        Range(number, after_user, upto_user, done_user, Position(done_position), *rest)
        for number, after_user, upto_user, done_user, done_position, *rest in found
    ]


def done(connection: Connection, key: ProjectionKey) -> tuple[int, int]:
    """How many members and events are folded."""
    parts = ranges(connection, key)
    return sum(part.members for part in parts), sum(part.events for part in parts)


def counted(connection: Connection, projection: Projection) -> int:
    """Of a member projection, how many of the folded members have rows; of a tally, the sum of what was counted."""
    row = connection.execute(statement("rebuild_counted"), projection.key.parameters).fetchone()
    return int(row[0]) if row is not None else 0


def running_rebuilds(connection: Connection) -> Sequence[RunningRebuild]:
    return [
        RunningRebuild(projection, version, Position(position), *rest)
        for projection, version, position, *rest in connection.execute(statement("rebuild_going"))
    ]


def split(connection: Connection, key: ProjectionKey, parts: int) -> None:
    """Notes about as many ranges of about as many events each, unless they are noted already."""
    if ranges(connection, key):
        return
    bounds: list[str] = []
    if parts > 1:
        shares = [number / parts for number in range(1, parts)]
        row = connection.execute(statement("rebuild_split"), {"shares": shares}).fetchone()
        bounds = sorted(set(row[0])) if row is not None and row[0] is not None else []
    parts_of_users = zip([None, *bounds], [*bounds, None], strict=True)
    _note(connection, key, "rebuild_range_create", [dict(zip(_USERS, each, strict=True)) for each in parts_of_users])


def split_by_buckets(connection: Connection, key: ProjectionKey, parts: Sequence[tuple[int, int]]) -> None:
    """Notes these ranges of buckets, unless some are noted already."""
    if not ranges(connection, key):
        noted = [dict(zip(_BUCKETS, each, strict=True)) for each in parts]
        _note(connection, key, "rebuild_buckets_create", noted)


_USERS: Final = ("after_user", "upto_user")
_BUCKETS: Final = ("first_bucket", "last_bucket")


def _note(connection: Connection, key: ProjectionKey, name: str, parts: Sequence[Mapping[str, Any]]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            statement(name), [{**key.parameters, "number": number, **part} for number, part in enumerate(parts)]
        )


def require_same_left_out(connection: Connection, projection: Projection) -> None:
    """Raises Refused when positions were skipped, retracted, reinstated or erased since the rebuild began."""
    row = connection.execute(statement("rebuild_read"), projection.key.parameters).fetchone()
    if row is None or row[2] != _left_out(connection, projection):
        raise Refused(
            f"what {projection.name} folds was changed while it was rebuilt; run the replay again, "
            "it starts from the beginning"
        )


def _left_out(connection: Connection, projection: Projection) -> str:
    """What a rebuild leaves out, in a word that changes whenever that does, and whenever events were erased."""
    left_out = str(read_exceptions(connection, projection.key).left_out)
    row = connection.execute(statement("erasure_steps")).fetchone()
    return f"{left_out}, {row[0]} erased" if row is not None and row[0] else left_out
