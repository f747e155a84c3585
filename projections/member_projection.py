"""A projection: a pure fold of one member's events into rows."""

from collections.abc import Callable
from typing import Generic, TypeVar

from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.domain.event import Event
from temple_ledger.projections.tables import Rows, Table, check_name

State = TypeVar("State")
Evolve = Callable[[State, Event], State]


class MemberProjection(Generic[State]):
    """What an author writes. Nothing in it has to do with SQL, time or batches.

    *initial* is the state before a member's first known event; *rows* turns a state into rows and *state* turns those
    rows back: `state(rows(s)) == s` must hold for every state, since a fold goes on from what is stored. Raise
    *version* whenever the same events would give other rows: until a replay the old rows stay.
    """

    def __init__(
        self,
        name: str,
        *,
        version: int,
        tables: tuple[Table, ...],
        initial: Callable[[], State],
        rows: Callable[[State], Rows],
        state: Callable[[Rows], State],
    ) -> None:
        check_name("projection", name)
        if version < 1 or not tables:
            raise ProjectionMisdeclared(f"projection {name} needs a version of at least 1 and a table")
        if len({table.name for table in tables}) < len(tables):
            raise ProjectionMisdeclared(f"projection {name} declares a table twice")
        self.name = name
        self.version = version
        self.tables = tables
        self.initial = initial
        self.rows_of = rows
        self.state_of = state
        self.steps: dict[type[Event], Evolve[State]] = {}

    def on(self, *models: type[Event]) -> Callable[[Callable[..., State]], Callable[..., State]]:
        """Registers `evolve(state, event) -> state` for these events; any other event is ignored.

        It is called for exactly these classes, not for classes derived from them.
        """

        def register(evolve: Callable[..., State]) -> Callable[..., State]:
            for model in models:
                if model in self.steps:
                    raise ProjectionMisdeclared(f"projection {self.name} has two rules for {model.__name__}")
                self.steps[model] = evolve
            return evolve

        return register

    def evolve(self, state: State | None, event: Event) -> State | None:
        """The state after *event*; None is a member without a known event so far."""
        step = self.steps.get(type(event))
        if step is None:
            return state
        return step(self.initial() if state is None else state, event)

    def rows(self, state: State | None) -> Rows:
        return {} if state is None else self.rows_of(state)
