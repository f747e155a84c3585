"""A projection in two versions with other columns, as an author has them side by side."""

from typing import NamedTuple

from temple_ledger.domain.events import MemberLeft, RoleAdded
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.rollup import count_of, max_of
from temple_ledger.projections.tables import Column, Rows, Table
from temple_ledger.projections.tally import Tally
from temple_ledger.projections.values import ColumnType


class Standing(NamedTuple):
    """`last` is known to version 2 alone."""

    grants: int = 0
    last: str = ""


GRANTS = Column("grants", ColumnType.INTEGER)
FIRST = Table("standing", columns=(GRANTS,))
SECOND = Table(
    "standing", columns=(Column("grants", ColumnType.BIGINT), Column("last", ColumnType.TEXT)), indexes=(("last",),)
)


def _rows_1(state: Standing) -> Rows:
    return {"standing": [(state.grants,)] if state.grants else []}


def _state_1(rows: Rows) -> Standing:
    return Standing(*rows.get("standing", [(0,)])[0])


def _rows_2(state: Standing) -> Rows:
    return {"standing": [tuple(state)] if state.grants else []}


def _state_2(rows: Rows) -> Standing:
    return Standing(*rows.get("standing", [(0, "")])[0])


first = MemberProjection("standing", version=1, tables=(FIRST,), initial=Standing, rows=_rows_1, state=_state_1)
second = MemberProjection("standing", version=2, tables=(SECOND,), initial=Standing, rows=_rows_2, state=_state_2)


@first.on
def _(before: Standing, event: RoleAdded) -> Standing:
    return before._replace(grants=before.grants + 1)


@second.on
def _(before: Standing, event: RoleAdded) -> Standing:
    return Standing(before.grants + 1, event.role)


@second.on
def _(before: Standing, event: MemberLeft) -> Standing:
    """A rule that version 1 does not have."""
    return Standing()


first.rollup("standing_counts", key="grants", people=count_of(), last=max_of("user_id"))
second.rollup("standing_counts", key="grants", people=count_of(), last=max_of("last"))
second.rollup("standing_roles", key="last", people=count_of())


def _hours(table: str) -> Table:
    return Table(
        table,
        columns=(Column("action", ColumnType.TEXT), Column("number", ColumnType.BIGINT)),
        key=("action",),
    )


tally_1 = Tally("actions", version=1, table=_hours("actions"), count=lambda event: {(event.action,): 1})
tally_2 = Tally("actions", version=2, table=_hours("actions"), count=lambda event: {(event.action.upper(),): 1})
