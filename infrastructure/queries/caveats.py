"""Why an answer about some time may not be the whole story: the same sentences on the command line, in the console and
in Discord. Each begins small and has no full stop."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.as_of import AsOf, to_the_minute
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.member import MemberThen, waiting_events
from temple_ledger.infrastructure.queries.not_folded import NotFolded
from temple_ledger.infrastructure.queries.role import usable_periods
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory
from temple_ledger.infrastructure.queries.rows_then import LAST
from temple_ledger.infrastructure.read_models.operations import parked
from temple_ledger.infrastructure.seals.finding import CHANGED, Finding, where
from temple_ledger.infrastructure.seals.status import stored_findings
from temple_ledger.projections.members import members

NOT_FOLDABLE: Final = "an event of theirs could not be folded: what is said here is from before it"


def of_member(connection: Connection, user_id: str) -> list[str]:
    """Of the rows of a member as they are stored."""
    if parked(connection, projection=members.name, user_id=user_id):
        return [NOT_FOLDABLE]
    waiting = waiting_events(connection, user_id)
    return [f"{plural(waiting, 'event')} of theirs not in the tables yet"] if waiting else []


def of_member_then(connection: Connection, then: MemberThen) -> list[str]:
    """Of the same folded as of some time."""
    parked_before = [] if then.parked_at is None else [NOT_FOLDABLE]
    return [*of_log(connection, then.user_id), *parked_before]


def of_log(connection: Connection, user_id: str | None = None) -> list[str]:
    """Of what is made from the log: what the latest proof found there, and of one member what is changed now."""
    found = [each for each in stored_findings(connection) if not each.is_of_triggers]
    if user_id is not None:
        asked = {"user_ids": [user_id], "upto": LAST}
        changed = connection.execute(statement("seal_changed_of"), asked).fetchall()
        found += (Finding(CHANGED, position, position) for _, position in changed)
    return [f"the LOG was changed{where(found)}: this answer is from what stands there now"] if found else []


def of_holders(connection: Connection, directory: RoleDirectory, role: str, moment: AsOf, *, found: bool) -> list[str]:
    """Of who held a role at *moment*, which is not now; *found*: somebody did."""
    first = None if found else _beginning(connection, role, moment)
    return [*of_log(connection), *_of_parked(connection, moment), *_before(directory, role, moment, first)]


def of_difference(connection: Connection, directory: RoleDirectory, role: str, earlier: AsOf, later: AsOf) -> list[str]:
    """Of who gained a role and who lost it between two moments."""
    first = _beginning(connection, role, earlier)
    return [
        *of_log(connection),
        *_of_parked(connection, later),
        *_before(directory, role, earlier, first),
    ]


def not_folded_then(connection: Connection, moment: AsOf) -> NotFolded:
    """Of an answer that is folded as of then: only what cannot be folded is missing in it."""
    asked = {"projection": members.name, "as_of": moment.as_of}
    ((number,),) = connection.execute(statement("read_parked_then"), asked).fetchall()
    return NotFolded(0, number)


def _of_parked(connection: Connection, moment: AsOf) -> Iterator[str]:
    number = not_folded_then(connection, moment).parked
    if number:
        yield f"{plural(number, 'member is', 'members are')} parked: what is shown here of them is from before"


def _beginning(connection: Connection, role: str, moment: AsOf) -> datetime | None:
    """None also where it would have to be looked for in the whole log."""
    if usable_periods(connection, moment).why_not is not None:
        return None
    row = connection.execute(statement("read_role_beginning"), {"role": role}).fetchone()
    first: datetime | None = None if row is None else row[0]
    return None if first is None else first.astimezone(UTC)


def _before(directory: RoleDirectory, role: str, moment: AsOf, first: datetime | None) -> Iterator[str]:
    if first is not None and moment.as_of is not None and moment.as_of < first:
        name = directory.label(role)
        yield f"the first grant of {name} in the log is of {to_the_minute(first)}: who held it before that is not known"
