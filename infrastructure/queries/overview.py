"""How the ledger is: what it holds, how far each projection is, what was verified, and what needs a person.

Asks only what costs the same however long the log is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from temple_ledger.domain.position import PositionSet
from temple_ledger.domain.words import plural, span
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.health import SourceHealth, sources
from temple_ledger.infrastructure.log.in_future import future_positions, retraction_of
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.health import Health, Trouble
from temple_ledger.infrastructure.queries.outgoing import Outgoing, outgoing, outgoing_troubles
from temple_ledger.infrastructure.queries.projection_status import (
    BEGUN_BEFORE,
    IDLE,
    RESTART,
    RUNNING,
    ProjectionStatus,
    parked_events,
    parked_in_words,
    projection_statuses,
)
from temple_ledger.infrastructure.read_models.verification.stored_results import StoredVerification, latest
from temple_ledger.infrastructure.seals.status import SealStatus, seal_status
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import LANES
from temple_ledger.projections.registry import carried, catalogue, not_loaded, reasons_not_loaded

STATUSES: Final = ("active", "inactive", "departed")
PATRONS: Final = "patrons"
TRANSLATED_SECONDS: Final = 60.0
"""A delivery that waits for longer than this waits for nobody."""
NOT_LOADED_ADVICE: Final = "repair or remove its package, then start this again"

NOT_INSTALLED_ADVICE: Final = "install its package again, or drop its tables"


@dataclass(frozen=True)
class LedgerStatus:
    """What the tables say. `events` stand in the log up to `head`, the last recorded `age_seconds` ago."""

    events: int
    head: int
    recorded_at: Any
    age_seconds: float | None
    members: dict[str, int]
    patrons: int
    parked: int
    future: PositionSet
    projections: Sequence[ProjectionStatus]
    prepared: Sequence[tuple[str, float]]
    sources: Sequence[SourceHealth]
    health: Mapping[str, Health]
    verified: Sequence[StoredVerification]
    seals: SealStatus
    outgoing: Outgoing


def count_members(connection: Connection) -> dict[str, int]:
    """By status, with patrons who have no Discord account. The only figure here that costs more with more members."""
    return dict(connection.execute(statement("status_members")).fetchall())


def read_overview(
    connection: Connection,
    health: Callable[[Connection], Mapping[str, Health]] = lambda _: {},
    count: Callable[[Connection], Mapping[str, int]] = count_members,
) -> LedgerStatus:
    """*health* is asked for that of the sources, *count* for that of members."""
    projections = projection_statuses(connection, carried(), reasons_not_loaded(), catalogue=catalogue())
    last = connection.execute(statement("status_log")).fetchone()
    head, recorded_at, age = last if last is not None else (0, None, None)
    members = dict(count(connection))
    prepared = connection.execute(statement("status_prepared")).fetchall()
    return LedgerStatus(
        events=_events(projections),
        head=head,
        recorded_at=recorded_at,
        age_seconds=None if age is None else round(max(0.0, age), 1),
        patrons=members.pop(PATRONS, 0),
        members={name: members.pop(name, 0) for name in STATUSES} | members,
        parked=parked_events(connection, [each.name for each in projections]),
        future=future_positions(connection),
        projections=projections,
        prepared=prepared,
        sources=sources(connection),
        health=health(connection),
        verified=latest(connection, [each.key for each in projections]),
        seals=seal_status(connection),
        outgoing=outgoing(connection),
    )


def _events(projections: Sequence[ProjectionStatus]) -> int:
    """Each projection has counted what it passed, so only what lies beyond is counted here.

    One whose lanes stand apart has counted some of that too.
    """
    together = [each for each in projections if not each.lanes_apart] or projections
    return max((each.passed + each.lag_events for each in together), default=0)


def troubles(
    ledger: LedgerStatus,
    runs_as: Mapping[str, str],
    *,
    start: str,
    catch_up: str = "temple run --until-caught-up",
    restart: str = RESTART,
) -> Iterator[Trouble]:
    """What needs a person, the gravest first; *runs_as*: what to start to have a source translated, *start*: to have
    everything folded, and *catch_up* where something waits; *restart*: to have it done by the code of today."""
    for failed in not_loaded():
        yield Trouble(str(failed), NOT_LOADED_ADVICE)
    if ledger.seals.findings:
        found = plural(ledger.seals.findings, "finding")
        yield Trouble(f"the log is not what was sealed: {found} of the latest proof", "temple seal verify")
    for each in ledger.projections:
        if each.position > ledger.head:
            yield Trouble(
                f"{each.label} stands at position {each.position}, beyond the end of the log at {ledger.head}: "
                "the log was restored to an earlier point",
                "temple repair --apply --reason TEXT",
            )
    for key in without_tables(ledger.projections):
        yield Trouble(f"{key} is installed, and has no tables yet", "temple db migrate")
    led = [each for each in ledger.projections if each.leader is not None]
    for each in ledger.projections:
        if each.next_command is not None:
            reason = f": {each.reason}" if each.reason else ""
            yield Trouble(f"{each.label} stands still ({each.state}){reason}", each.next_command)
        elif each.nobody_has_it:
            what = f"nothing folds {each.label}, whose rows stand at position {each.position}: it is not installed here"
            yield Trouble(what, NOT_INSTALLED_ADVICE)
    for each in ledger.projections:
        if each.replay_ended_early:
            lanes = f"{each.lanes_in_place} of {LANES} lanes of members"
            yield Trouble(
                f"a replay of {each.label} was ended before it was in place everywhere: {lanes} have its rows",
                f"temple replay {each.label} --apply",
            )
    if not led:
        waits = [each for each in ledger.projections if each.lag_events and not each.stands_still]
        waiting = f"; {max(waits, key=lambda each: each.lag_events).waiting()} to fold" if waits else ""
        yield Trouble(f"no runner is at work{waiting}", catch_up if waits else start)
    for each in ledger.projections if led else ():
        if each.activity == IDLE and each.lag_events and each.code_version is not None:
            what = f"{each.label} is folded by nobody ({each.lag} behind): {BEGUN_BEFORE}"
            yield Trouble(what, restart)
        elif each.activity == RUNNING and each.lanes_unled:
            yield Trouble(f"{each.label}: {each.without_leader}", f"temple projection lanes {each.label}")
    if ledger.parked:
        yield Trouble(parked_in_words(ledger.parked), "temple failures list")
    if ledger.future:
        what = plural(len(ledger.future), "event")
        yield Trouble(f"{what} dated more than a day ahead", retraction_of(ledger.future))
    for verified in ledger.verified:
        if verified.drifts or (verified.in_log is not None and verified.in_log != verified.passed):
            what = f"{plural(verified.drifts, 'difference')} found" if verified.drifts else "events were miscounted"
            yield Trouble(
                f"{verified.projection}: {what} {age_of(verified)} ago", f"temple repair {verified.projection}"
            )
    for source in ledger.sources:
        yield from _source_troubles(source, runs_as.get(source.source, "temple inbox sources"))
    for health in ledger.health.values():
        yield from health.troubles
    yield from outgoing_troubles(ledger.outgoing)
    for gid, age in ledger.prepared:
        yield Trouble(
            f"prepared transaction {gid} has been open for {span(age)}; while it is, readers may wait",
            f"temple db shell -- -c \"rollback prepared '{gid}'\"",
        )


def without_tables(there: Sequence[ProjectionStatus]) -> list[ProjectionKey]:
    """What is installed here and was never migrated; a version below the one that readers see was dropped."""
    found = {each.key for each in there}
    active = {each.name: each.version for each in there if each.active}
    return [each.key for each in carried() if each.key not in found and each.version >= active.get(each.name, 0)]


def _source_troubles(source: SourceHealth, runs_as: str) -> Iterator[Trouble]:
    if source.failed:
        what = plural(source.failed, "delivery", "deliveries")
        yield Trouble(f"{what} of {source.source} could not be translated", "temple inbox list --state failed")
    if source.oldest_waiting_seconds is not None and source.oldest_waiting_seconds > TRANSLATED_SECONDS:
        what = plural(source.waiting, "delivery", "deliveries")
        yield Trouble(
            f"{what} of {source.source} not translated yet, the oldest for {span(source.oldest_waiting_seconds)}",
            runs_as,
        )


def age_of(verified: StoredVerification) -> str:
    return span(max(0.0, (datetime.now(UTC) - verified.finished_at).total_seconds()))
