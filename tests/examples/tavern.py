"""A package of somebody's own: an event in its second shape, and a projection that folds it."""

from typing import ClassVar, NamedTuple

from temple_ledger import Column, ColumnType, Event, EventType, MemberProjection, Rows, Shape, Table


class DrinkServed(Event):
    target_field: ClassVar[str | None] = "drink"
    metadata_fields: ClassVar[tuple[str, ...]] = ("size",)

    drink: str
    size: str


def _with_size(shape: Shape) -> Shape:
    """The first shape had no size: everything was a pint."""
    return Shape(shape.target, {**shape.metadata, "size": "pint"})


EVENTS = [EventType("tavern", "served", DrinkServed, version=2, upcasters={1: _with_size})]

TABS = Table(
    "tavern_tabs",
    columns=(
        Column("drink", ColumnType.TEXT, length=100),
        Column("size", ColumnType.TEXT, length=20),
        Column("times", ColumnType.INTEGER),
    ),
    key=("drink", "size"),
)


class Tab(NamedTuple):
    drinks: dict[tuple[str, str], int]


def _rows(tab: Tab) -> Rows:
    return {TABS.name: [(drink, size, times) for (drink, size), times in tab.drinks.items()]}


def _state(rows: Rows) -> Tab:
    return Tab({(drink, size): times for drink, size, times in rows.get(TABS.name, ())})


tabs = MemberProjection("tabs", version=1, tables=(TABS,), initial=lambda: Tab({}), rows=_rows, state=_state)


@tabs.on(DrinkServed)
def _(tab: Tab, event: DrinkServed) -> Tab:
    order = (event.drink, event.size)
    return Tab({**tab.drinks, order: tab.drinks.get(order, 0) + 1})
