"""How far each projection is, and who runs it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from psycopg.rows import TupleRow

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import UnknownName
from temple_ledger.domain.position import Position
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.projections.fingerprint import reads_of, what_differs
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import LANES
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.standing import NEEDS_REPLAY

NOT_INSTALLED: Final = "not installed"
NOT_LOADED: Final = "not loaded"
RUNNING: Final = "running"
IDLE: Final = "idle"
"""What it does where its state is `running` and nobody runs it."""
BEGUN_BEFORE: Final = "what runs may have begun before it was there"
RESTART: Final = "restart temple run, or temple up"
"""Where others are folded, and one is folded by nobody."""
COUNTED_LAG: Final = 10_000
TRACKING = ":"
"""Stands in the names of the checkpoints that are the `eventsourcing` library's, and in none of ours."""


@dataclass(frozen=True)
class ProjectionStatus:
    """`state` is that of the checkpoint, `needs replay`, `not installed`, or `not loaded` where its package is broken.

    `lag_events` is exact as long as it is small; then it is how many positions there are, of which some may be unused
    (a restored log goes on far above where it ended). `lag_seconds` is how long the first event that is not
    folded yet has been in the log, 0 when there is none.
    `code_version` is the highest that is installed here, None where none is; `leader` is None where nobody runs it.
    `active`: its rows are those that readers see.
    """

    name: str
    state: str
    reason: str | None
    position: Position
    lag_events: int
    lag_seconds: float
    leader: str | None
    version: int
    code_version: int | None
    active: bool
    passed: int
    counted: int
    parked: int
    skipped: int
    updated_at: datetime
    lanes_in_place: int | None = None
    """Of a replay that is put in place lane by lane, how many of the 16 are."""
    nobody_replays: bool = False
    lanes_unled: int | None = None
    """Of one that is split, how many of its lanes nobody leads."""
    lanes_apart: bool = False
    """Some lanes have passed events beyond `position`: `passed` counts them too."""

    @property
    def key(self) -> ProjectionKey:
        return ProjectionKey(self.name, self.version)

    @property
    def label(self) -> str:
        """For people, and for commands: NAME, or NAME@VERSION of one that readers do not see."""
        return self.name if self.active else str(self.key)

    @property
    def lag(self) -> str:
        """For people."""
        return f"{self.waiting()}, {self.lag_seconds:,.1f} s" if self.lag_events else "none"

    def waiting(self, one: str = "event", many: str | None = None) -> str:
        """For people: how many are not folded yet, `2 events`; `at most` so many where they were not counted."""
        events = plural(self.lag_events, one, many)
        return events if self.lag_is_counted else f"at most {events}"

    @property
    def lag_is_counted(self) -> bool:
        return self.lag_events <= COUNTED_LAG

    @property
    def data(self) -> dict[str, Any]:
        """For programs, in the words that people read."""
        data = {**asdict(self), "state": self.activity}
        del data["nobody_replays"], data["lanes_apart"]
        if self.lanes_unled is None:
            del data["lanes_unled"]
        return data

    @property
    def activity(self) -> str:
        """For people: its state, or that nobody runs it; while a replay is put in place, how far that is."""
        if self.state == RUNNING and self.lanes_in_place is not None:
            return f"applying, {self.lanes_in_place} of {LANES}"
        return IDLE if self.state == RUNNING and self.leader is None else self.state

    @property
    def without_leader(self) -> str | None:
        """For people: who is missing where a runner would fold it; None where nobody is."""
        if self.lanes_unled:
            return f"nobody leads {self.lanes_unled} of its {LANES} lanes"
        return "nobody runs it" if self.leader is None else None

    @property
    def stands_still(self) -> bool:
        """Whether a runner would not fold it; one that is idle only waits for a runner."""
        return self.state not in (RUNNING, "trigger")

    @property
    def readers_wait(self) -> bool:
        """Whether readers see rows of a version that is not installed here, while another one is."""
        return self.state == NOT_INSTALLED and self.active and self.code_version is not None

    @property
    def nobody_has_it(self) -> bool:
        """Whether readers see rows of a projection that no code folds: none of it here, and nobody leads it."""
        return self.state == NOT_INSTALLED and self.active and self.code_version is None and self.leader is None

    @property
    def replay_ended_early(self) -> bool:
        """Whether some lanes have the rows of a replay at which nobody is at work any more."""
        return self.lanes_in_place is not None and self.nobody_replays

    @property
    def next_command(self) -> str | None:
        """What makes a projection that stands still go on; None where none does, or none is needed."""
        if not self.stands_still or self.state == NOT_LOADED:
            return None
        if self.state == NOT_INSTALLED:
            # readers see rows that this version of the code does not keep
            return None if not self.readers_wait else f"temple projection switch {self.name} --to {self.code_version}"
        if self.state == NEEDS_REPLAY:
            return f"temple replay {self.label} --apply"
        return f"temple projection resume {self.label}"


def projection_statuses(
    connection: Connection,
    carried: Iterable[Projection],
    not_loaded: Mapping[str, str] = MappingProxyType({}),
    *,
    catalogue: Catalogue,
) -> list[ProjectionStatus]:
    """Of every version that has a checkpoint: those of installed projections first, in their order.

    *not_loaded* has those that this process cannot load, with the reason.
    """
    versions: dict[str, list[int]] = {}
    reads: dict[tuple[str, int], str] = {}
    for each in carried:
        versions.setdefault(each.name, []).append(each.version)
        reads[each.key] = reads_of(each, catalogue)
    found = [
        _status(versions.get(row[0], ()), row, not_loaded.get(row[0]), reads.get((row[0], row[1])))
        for row in connection.execute(statement("read_projections"), {"counted_lag": COUNTED_LAG})
        if TRACKING not in row[0]
    ]
    order = {name: place for place, name in enumerate(versions)}
    return sorted(found, key=lambda each: (order.get(each.name, len(order)), each.name, not each.active, each.version))


def parked_events(connection: Connection, projections: Iterable[str]) -> int:
    """How many events could not be folded, each counted once though several of the projections have parked it."""
    row = connection.execute(statement("read_parked_count"), {"projections": list(projections)}).fetchone()
    return 0 if row is None else int(row[0])


def parked_in_words(events: int) -> str:
    whose = "its member is" if events == 1 else "their members are"
    return f"{plural(events, 'event')} could not be folded; {whose} parked"


def projection_status(
    connection: Connection, carried: Iterable[Projection], name: str, *, catalogue: Catalogue
) -> ProjectionStatus:
    """Of NAME the version that readers see, or of NAME@VERSION. Raises UnknownName for one without a checkpoint."""
    for status in projection_statuses(connection, carried, catalogue=catalogue):
        if name in (status.label, str(status.key)):
            return status
    is_here = any(name in (each.name, str(each.key)) for each in carried)
    raise UnknownName("checkpoint of a projection", name, advice="; run: temple db migrate" if is_here else "")


def _status(
    carried: Sequence[int], row: TupleRow, why_not_loaded: str | None, reads_now: str | None
) -> ProjectionStatus:
    (
        name, version, active, position, passed, counted, state, reason, updated_at,
        lag_events, lag_seconds, parked, skipped, leader, reads, lanes_in_place, nobody_replays, lanes_unled,
        lanes_apart,
    ) = row  # fmt: skip
    if not carried:
        state, reason = (NOT_INSTALLED, reason) if why_not_loaded is None else (NOT_LOADED, why_not_loaded)
    elif version not in carried and leader is None and state != NEEDS_REPLAY:
        state, reason = NOT_INSTALLED, f"this installation has version {', '.join(map(str, sorted(carried)))}"
    elif reads is not None and reads_now is not None and (differs := what_differs(reads, reads_now)) is not None:
        state, reason = NEEDS_REPLAY, f"its rows were made of other events: {differs}"
    return ProjectionStatus(
        name=name,
        state=state,
        reason=reason,
        position=Position(position),
        lag_events=lag_events,
        lag_seconds=round(max(0.0, lag_seconds or 0.0), 3),
        leader=leader,
        version=version,
        code_version=max(carried, default=None),
        active=active,
        passed=passed,
        counted=counted,
        parked=parked,
        skipped=skipped,
        updated_at=updated_at,
        lanes_in_place=lanes_in_place,
        nobody_replays=nobody_replays,
        lanes_unled=lanes_unled,
        lanes_apart=lanes_apart,
    )
