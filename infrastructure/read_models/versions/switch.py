"""The names of the tables given to another version, in one short transaction.

First every checkpoint of the projection is held: no step is in the middle of anything, and the next one finds its
tables under their new names. Then the tables change places, with what hangs on them. Readers wait for that second part
alone, and for no longer than MOST_WAIT: where somebody reads for longer, they are let pass, and it is tried again.
"""

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from temple_ledger.domain.errors import LedgerError, Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database import canon, handover
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, passes_on
from temple_ledger.infrastructure.database.handover import Hanging, Pair
from temple_ledger.infrastructure.database.hanging import hanging_on
from temple_ledger.infrastructure.database.session_settings import set_for_transaction
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.operations import record
from temple_ledger.infrastructure.read_models.versions.stored import (
    Connection,
    StoredVersion,
    StoredVersions,
    pairs_of,
    stored_versions,
)
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.effects import HeldBack
from temple_ledger.projections.members import members

PATIENCE_SECONDS: Final = 30.0
STEP_ENDS: Final = "5s"
"""How long a runner's step may take that holds a checkpoint."""
MOST_WAIT: Final = 0.05
"""Seconds for which readers wait for the switch while it waits for others who read."""
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 1.0


@dataclass(frozen=True)
class SwitchPlan:
    """`behind` is how many positions the one that gets the names stands behind the other one, or its first lane."""

    name: str
    old: StoredVersion
    new: StoredVersion
    hanging: Hanging

    @property
    def behind(self) -> int:
        return _behind(self.old, self.new)


@dataclass(frozen=True)
class Switched:
    """At `position` of the version that got the names; `seconds` is how long the tables were held, `tries` how often
    somebody who read stood in the way before."""

    old: int
    new: int
    position: Position
    seconds: float
    tries: int
    operation: int


class _Behind(LedgerError):
    """It has not folded yet what the other one has."""

    def __init__(self, positions: int) -> None:
        super().__init__(f"{positions:,} position{'' if positions == 1 else 's'}")


class _Ahead(LedgerError):
    """It has folded more than the other one."""


def version_before(connection: Connection, name: str) -> int:
    """The one that had the names before the last switch. Raises Refused where there is none to go back to."""
    active = stored_versions(connection, name).active.key
    row = connection.execute(statement("version_switched_from"), active.parameters).fetchone()
    if row is None:
        raise Refused(f"{name} was never switched to version {active.version}: there is nothing to go back to")
    return int(row[0])


def plan_switch(connection: Connection, name: str, to: int) -> SwitchPlan:
    """Reads only. Raises UnknownName, and Refused for what no later moment would allow either."""
    versions = stored_versions(connection, name)
    old, new = versions.active, versions.of(to)
    _require_switchable(old, new)
    return SwitchPlan(name, old, new, hanging_on(connection, pairs_of(old, new), to))


def switch(
    database: Database,
    name: str,
    to: int,
    *,
    by: str,
    reason: str | None = None,
    behind: bool = False,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Switched:
    """Raises Refused where something that hangs on the tables cannot go over, where it stands behind the other one for
    all of the patience (unless *behind* allows that), or somebody reads for as long."""
    deadline = time.monotonic() + patience_seconds
    pause = FIRST_PAUSE_SECONDS
    tries = 0
    with database.connect(DatabaseRole.OWNER, application="temple switch") as connection:
        while True:
            tries += 1
            try:
                return _tried(connection, name, to, by, reason, behind, tries)
            except (_Behind, _Ahead) as error:
                why: Exception = error
            except psycopg.errors.DependentObjectsStillExist as error:
                raise Refused(f"nothing was changed: {_detail(error)}") from error
            except psycopg.errors.UndefinedColumn as error:
                raise Refused(
                    f"nothing was changed: something that hangs on the tables reads what version {to} does not have "
                    f"({error.diag.message_primary})"
                ) from error
            except psycopg.Error as error:
                if not passes_on(connection, error):
                    raise
                why = error
            if time.monotonic() + pause > deadline:
                raise Refused(_out_of_patience(why, name, to)) from why
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _tried(
    connection: Connection, name: str, to: int, by: str, reason: str | None, behind: bool, tries: int
) -> Switched:
    with connection.transaction():
        set_for_transaction(connection, "lock_timeout", STEP_ENDS)
        versions = stored_versions(connection, name, lock=True)
        old, new = versions.active, versions.of(to)
        _require_switchable(old, new)
        if _behind(old, new) and not behind:
            raise _Behind(_behind(old, new))
        _leave_what_is_due(connection, old, new)
        starts = connection.execute(
            statement("version_effects_start"), {**new.key.parameters, "position": max(new.position, old.furthest)}
        ).fetchall()
        if starts and new.furthest > old.position:
            # events in between would raise no effect of either
            raise _Ahead
        pairs = pairs_of(old, new)
        hanging = hanging_on(connection, pairs, to)
        require_all_goes_over(hanging)
        started = time.monotonic()
        _change_places(connection, pairs, hanging, started + MOST_WAIT)
        connection.execute(statement("version_deactivate"), new.key.parameters)
        connection.execute(statement("version_activate"), new.key.parameters)
        if name == members.name:
            canon.install(connection)
        details = {
            "from": old.key.version,
            "to": to,
            "position": new.position,
            "behind": _behind(old, new),
            "over": hanging.goes_over,
        }
        operation = record(connection, "switch", name, by=by, reason=reason, details=details)
    return Switched(old.key.version, to, new.position, time.monotonic() - started, tries, operation)


def _behind(old: StoredVersion, new: StoredVersion) -> int:
    """For how many positions readers may see less than before: what one lane has folded, they have seen."""
    return max(0, old.furthest - new.position)


def _leave_what_is_due(connection: Connection, old: StoredVersion, new: StoredVersion) -> None:
    """Of parked members: the old version has not raised it. Whom the new one has folded it does not fold again."""
    values = {**new.key.parameters, "old": old.key.version}
    connection.execute(statement("version_effects_due"), values)
    passed = {**values, "position": new.position, "reason": HeldBack.SWITCH.value}
    connection.execute(statement("version_effects_passed"), passed)


def _change_places(connection: Connection, pairs: list[Pair], hanging: Hanging, deadline: float) -> None:
    """Views first, since whoever reads a view holds it before it holds the tables."""
    _run_as(connection, handover.drop_views(hanging), deadline)
    for each in handover.rename([pair for pair in pairs if pair.kind == "view"]):
        _before(connection, deadline)
        connection.execute(each)
    _before(connection, deadline)
    connection.execute(handover.lock(pairs))
    set_for_transaction(connection, "lock_timeout", STEP_ENDS)
    rollups = {pair.old_place for pair in pairs if pair.kind == "view"}
    if set(view_names(connection, [pair for pair in pairs if pair.kind == "table"])) - rollups:
        # somebody made one in this moment: what hangs there is looked at anew
        raise psycopg.errors.SerializationFailure("a view was made meanwhile")
    for each in handover.rename([pair for pair in pairs if pair.kind == "table"]):
        connection.execute(each)
    for each in hanging.statements:
        connection.execute(each)
    _run_as(connection, hanging.acting, None)
    _run_as(connection, handover.make_views(hanging), None)


def view_names(connection: Connection, pairs: Iterable[Pair]) -> list[str]:
    """Views that read tables which give way."""
    places = [pair.now().as_string(connection) for pair in pairs if pair.gives_way]
    return [row[2] for row in connection.execute(statement("handover_views"), {"places": places})]


def _run_as(connection: Connection, statements: Iterable[tuple[str, sql.Composed]], deadline: float | None) -> None:
    """Each as the role that what it is about belongs to, and with what is left of the time in which readers wait."""
    acting = handover.OWNER
    for owner, each in statements:
        if owner != acting:
            connection.execute(handover.acting_as(owner))
            acting = owner
        if deadline is not None:
            _before(connection, deadline)
        connection.execute(each)
    if acting != handover.OWNER:
        connection.execute(handover.acting_as(handover.OWNER))


def _before(connection: Connection, deadline: float) -> None:
    milliseconds = max(1, round((deadline - time.monotonic()) * 1000))
    set_for_transaction(connection, "lock_timeout", f"{milliseconds}ms")


def require_all_goes_over(hanging: Hanging) -> None:
    """Raises Refused."""
    if hanging.refusals:
        first, *others = hanging.refusals
        more = f" (and {len(others)} more: run it without --apply)" if others else ""
        raise Refused(f"nothing was changed: {first}{more}")


def _require_switchable(old: StoredVersion, new: StoredVersion) -> None:
    name, version = new.key
    if new.active:
        raise Refused(f"readers see version {version} of {name} already")
    if new.state is ProjectionState.NEEDS_REPLAY:
        raise Refused(f"the tables of {new.key} are not filled from the log yet; run: temple replay {new.key} --apply")
    if new.state is not ProjectionState.RUNNING:
        raise Refused(f"{new.key} stands still ({new.state.value}); run: temple projection resume {new.key}")
    if old.state is ProjectionState.TRIGGER:
        raise Refused(f"the trigger maintains {name}; run: temple trigger disable, then switch")
    if name == members.name and version != members.version:
        raise Refused(
            f"{name} switches together with its functions in the database, and this release has those of version "
            f"{members.version}; run it with the release that has version {version}"
        )


def _out_of_patience(why: Exception, name: str, to: int) -> str:
    if isinstance(why, _Behind):
        return (
            f"{name}@{to} stands {why} behind the version that readers see; let a runner that has its code catch up "
            f"(temple projection wait {name}@{to}), or switch all the same, with --behind and --reason TEXT"
        )
    if isinstance(why, _Ahead):
        return (
            f"{name}@{to} stands ahead of the version that readers see, and has effects, which events in between would "
            "not raise; let a runner that has the code of the other one catch up, and try again: a package may carry "
            "both versions, each with an entry point"
        )
    return (
        "the switch needs a moment in which nobody holds the tables, and did not get one: somebody reads them, or has "
        "read them in a transaction that is open still; nothing was changed, try again"
    )


def _detail(error: psycopg.Error) -> str:
    detail = (error.diag.message_detail or error.diag.message_primary or "something hangs on a view").splitlines()[0]
    return f"{detail}; drop it, and make it again after the switch"


__all__ = [
    "StoredVersions",
    "SwitchPlan",
    "Switched",
    "plan_switch",
    "require_all_goes_over",
    "switch",
    "version_before",
]
