"""The example of docs/writing-a-projection.md."""

from datetime import datetime
from typing import NamedTuple

from temple_ledger import Column, ColumnType, Increments, MemberProjection, Recorded, RoleAdded, Rows, Table, Tally

GRANTS = Table(
    "example_grants",
    columns=(
        Column("role", ColumnType.TEXT, length=100),
        Column("times", ColumnType.INTEGER),
        Column("last_at", ColumnType.TIMESTAMPTZ),
    ),
    key=("role",),
)


class Grants(NamedTuple):
    by_role: dict[str, tuple[int, datetime]]


def _rows(grants: Grants) -> Rows:
    return {GRANTS.name: [(role, times, last_at) for role, (times, last_at) in grants.by_role.items()]}


def _state(rows: Rows) -> Grants:
    return Grants({role: (times, last_at) for role, times, last_at in rows.get(GRANTS.name, ())})


grants = MemberProjection("grants", version=1, tables=(GRANTS,), initial=lambda: Grants({}), rows=_rows, state=_state)


@grants.on(RoleAdded)
def _(before: Grants, event: RoleAdded) -> Grants:
    times, _ = before.by_role.get(event.role, (0, event.occurred_at))
    return Grants({**before.by_role, event.role: (times + 1, event.occurred_at)})


def _joins(event: Recorded) -> Increments:
    if event.event_type != "discord_join" or event.occurred_at is None:
        return {}
    return {(event.occurred_at.date(),): 1}


joins = Tally(
    "joins_by_day",
    version=1,
    table=Table(
        "example_joins_by_day",
        columns=(Column("day", ColumnType.DATE), Column("joins", ColumnType.BIGINT)),
        key=("day",),
    ),
    count=_joins,
)
