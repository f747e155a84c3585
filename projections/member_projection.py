"""A projection: a pure fold of one member's events into rows."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from inspect import CO_VARARGS, isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import UnionType
from typing import Any, ClassVar, Final, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints, overload

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import ProjectionMisdeclared
from temple_ledger.domain.event import Event, UnknownEvent
from temple_ledger.projections.change import Change
from temple_ledger.projections.effect import USUAL_AGE, Effect, Message
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.rollup import Aggregate, Rollup, declare
from temple_ledger.projections.tables import Rows, Table, check_name

State = TypeVar("State")
E1 = TypeVar("E1", bound=Event)
E2 = TypeVar("E2", bound=Event)
E3 = TypeVar("E3", bound=Event)
E4 = TypeVar("E4", bound=Event)
Evolve = Callable[[State, Event], State]
EffectOf = Callable[[Change[State]], Message | Iterable[Message] | None]


class MemberProjection(Generic[State]):
    """What an author writes. Nothing in it has to do with SQL, time or batches.

    *initial* is the state before a member's first known event; *rows* turns a state into rows and *state* turns those
    rows back: `state(rows(s)) == s` must hold for every state, since a fold goes on from what is stored. Raise
    *version* whenever the same events would give other rows: until a replay the old rows stay.
    """

    reads_fields_alone: ClassVar[bool] = False
    """Whether all that its rules do with an event is to read its fields: see BuiltInProjection."""

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
        check_version(f"projection {name}", version)
        given_tables: object = tables
        if not (isinstance(given_tables, tuple) and given_tables and isinstance(given_tables[0], Table)):
            raise ProjectionMisdeclared(f"projection {name} needs a tuple of tables, (A_TABLE,)")
        for what, given in (("initial", initial), ("rows", rows), ("state", state)):
            if not callable(given):
                raise ProjectionMisdeclared(f"projection {name}: {what} is no function, but {given!r}")
        named_user = [table.name for table in tables if "user_id" in table.column_names]
        if named_user:
            raise ProjectionMisdeclared(
                f"{named_user[0]}.user_id: every table of a projection has this column already; choose another name"
            )
        keyed_user = [table.name for table in tables if "user_id" in table.key]
        if keyed_user:
            raise ProjectionMisdeclared(
                f"table {keyed_user[0]}: user_id is in every key by itself; leave it out of yours"
            )
        self._table_names: Final = frozenset(table.name for table in tables)
        if len(self._table_names) < len(tables):
            raise ProjectionMisdeclared(f"projection {name} declares a table twice")
        self.name = name
        self.version = version
        self.tables = tables
        self.initial = initial
        self.rows_of = rows
        self.state_of = state
        self.steps: dict[type[Event], Evolve[State]] = {}
        self.rollups: dict[str, Rollup] = {}
        self.effects: dict[str, Effect] = {}

    @property
    def key(self) -> ProjectionKey:
        return ProjectionKey(self.name, self.version)

    def rollup(self, name: str, *, key: object, table: Table | None = None, **values: Aggregate) -> Rollup:
        """Declares a rollup, a view of that name: the rows of a table of this projection, aggregated by *key*.

            moderation.rollup("points_by_moderator", key=Record.last_by, total=sum_of(Record.points))

        *key* is a column (`Record.last_by`, or its name), a tuple of them, or `day_of`, `lower_of`, `value_or` of one.
        *table* says which, where the columns do not. `temple db migrate` makes and fills it. Raises
        ProjectionMisdeclared.
        """
        declared = declare(self.name, self.version, self.tables, name, key, table, values)
        if name in self.rollups or name in self._table_names:
            raise ProjectionMisdeclared(f"projection {self.name} declares {name} twice")
        self.rollups[name] = declared
        return declared

    @overload
    def effect(self, function: EffectOf[State], /) -> EffectOf[State]: ...

    @overload
    def effect(
        self, *, name: str | None = None, max_age: timedelta | None = USUAL_AGE
    ) -> Callable[[EffectOf[State]], EffectOf[State]]: ...

    def effect(self, *given: Any, name: str | None = None, max_age: timedelta | None = USUAL_AGE) -> Any:
        """Registers a pure function `(change) -> Message | None`, or an iterable of messages.

            @moderation.effect
            def notify_moderators(change: Change[Record]) -> Message | None: ...

        It is called once for each event that changes a member's rows, in the transaction that stores them. Events from
        before it was installed raise none, nor do those of imports and snapshots, nor one that occurred more than
        *max_age* before it was recorded (None: any age); nor does a replay or a repair. The name is by default the
        function's. Raises ProjectionMisdeclared.
        """

        def register(function: EffectOf[State]) -> EffectOf[State]:
            _require_plain(function, f"projection {self.name}: the effect", may_yield=True)
            if _parameters(function) == 0:
                raise ProjectionMisdeclared(
                    f"projection {self.name}: the effect on line {line_of(function)} has no parameter for the change"
                )
            effect = Effect(function.__name__ if name is None else name, function, max_age)
            if effect.name in self.effects:
                raise ProjectionMisdeclared(f"projection {self.name} has two effects named {effect.name}")
            self.effects[effect.name] = effect
            return function

        return register(*given) if given else register

    @overload
    def on(self, rule: Callable[[State, E1], State], /) -> Callable[[State, E1], State]: ...

    @overload
    def on(self, model: type[E1], /) -> Callable[[Callable[[State, E1], State]], Callable[[State, E1], State]]: ...

    @overload
    def on(
        self, model: type[E1], second: type[E2], /
    ) -> Callable[[Callable[[State, E1 | E2], State]], Callable[[State, E1 | E2], State]]: ...

    @overload
    def on(
        self, model: type[E1], second: type[E2], third: type[E3], /
    ) -> Callable[[Callable[[State, E1 | E2 | E3], State]], Callable[[State, E1 | E2 | E3], State]]: ...

    @overload
    def on(
        self, model: type[E1], second: type[E2], third: type[E3], fourth: type[E4], /
    ) -> Callable[[Callable[[State, E1 | E2 | E3 | E4], State]], Callable[[State, E1 | E2 | E3 | E4], State]]: ...

    @overload
    def on(self, *models: type[E1]) -> Callable[[Callable[[State, E1], State]], Callable[[State, E1], State]]: ...

    def on(self, *given: Any) -> Any:
        """Registers a rule `(state, event) -> state`; any event that has none is ignored.

            @grants.on
            def _(before: Grants, event: RoleAdded) -> Grants: ...

        The annotation says which event, or which (`RoleAdded | RoleRemoved`); `@grants.on(RoleAdded)` says it by
        itself, for a rule without annotations too. A rule is called for exactly these classes, not for classes derived
        from them. Raises ProjectionMisdeclared.
        """
        if len(given) == 1 and not isinstance(given[0], type):
            rule = given[0]
            return self._register(_annotated(rule, self.name, required=True), rule)
        if not given:
            raise ProjectionMisdeclared(f"projection {self.name}: write @on, or name events in @on(...)")
        models = cast("tuple[type[Event], ...]", given)

        def register(rule: Callable[..., State]) -> Callable[..., State]:
            wanted = _annotated(rule, self.name, required=False)
            for model in models:
                if wanted and not issubclass(model, tuple(wanted)):
                    raise ProjectionMisdeclared(
                        f"projection {self.name}: the rule on line {line_of(rule)} is registered for "
                        f"{model.__name__} and annotated for {' | '.join(each.__name__ for each in wanted)}"
                    )
            return self._register(models, rule)

        return register

    def _register(self, models: Iterable[type[Event]], rule: Callable[..., State]) -> Callable[..., State]:
        _require_plain(rule, f"projection {self.name}: the rule", may_yield=False)
        for model in models:
            if model in (Event, UnknownEvent) or CATALOGUE.is_base(model):
                raise ProjectionMisdeclared(f"projection {self.name}: {CATALOGUE.why_unknown(model)}")
            if model in self.steps:
                raise ProjectionMisdeclared(f"projection {self.name} has two rules for {model.__name__}")
            self.steps[model] = rule
        return rule

    def rows(self, state: State | None) -> Rows:
        """By table, as tuples of their own: a rule that changes its state later does not change them.

        Raises ProjectionMisdeclared for rows of a table that is not declared.
        """
        if state is None:
            return {}
        rows = self.rows_of(state)
        if type(rows) is not dict and not isinstance(rows, Mapping):
            raise ProjectionMisdeclared(
                f"the function `rows` of projection {self.name} returned a {type(rows).__name__}, not rows by table"
            )
        if not rows.keys() <= self._table_names:
            raise ProjectionMisdeclared(
                f"projection {self.name} has rows for {min(rows.keys() - self._table_names)!r}, a table that it does "
                f"not declare"
            )
        return {name: each if type(each) is tuple else tuple(map(tuple, each)) for name, each in rows.items()}


class BuiltInProjection(MemberProjection[State]):
    """One of our own. Its rules read fields of events and nothing else, so a fold may give them these fields alone,
    which takes half as long as making the event. A rule about an event of somebody else's gets that event."""

    reads_fields_alone = True


def _annotated(rule: Callable[..., Any], projection: str, *, required: bool) -> tuple[type[Event], ...]:
    """The event classes that the rule's second parameter is annotated with; none where that cannot be seen."""
    try:
        hints = get_type_hints(rule)
        parameter = list(rule.__code__.co_varnames[: rule.__code__.co_argcount])[1]
        annotation = hints[parameter]
    except NameError as error:
        if required:
            raise ProjectionMisdeclared(
                f"projection {projection}: an annotation of the rule on line {line_of(rule)} cannot be resolved "
                f"({error}): define it, or import it, where the module runs, and not under TYPE_CHECKING"
            ) from None
        return ()
    except (AttributeError, TypeError, KeyError, IndexError):
        if required:
            raise ProjectionMisdeclared(
                f"projection {projection}: the rule on line {line_of(rule)} does not say which event it is about: "
                "annotate its second parameter, as in (state: State, event: RoleAdded)"
            ) from None
        return ()
    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if not all(isinstance(each, type) and issubclass(each, Event) for each in parts):
        raise ProjectionMisdeclared(
            f"projection {projection}: the rule on line {line_of(rule)} is annotated with {annotation}, "
            "which is no event"
        )
    return parts


def _require_plain(function: Callable[..., Any], what: str, *, may_yield: bool) -> None:
    """Raises ProjectionMisdeclared for a function that returns something to be awaited, or to be gone through."""
    asynchronous = iscoroutinefunction(function) or isasyncgenfunction(function)
    if asynchronous or (isgeneratorfunction(function) and not may_yield):
        how = "is async" if asynchronous else "yields"
        raise ProjectionMisdeclared(f"{what} on line {line_of(function)} {how}; it has to return, as a plain function")


def _parameters(function: Callable[..., Any]) -> int | None:
    """How many arguments by position it may be given; None where that cannot be seen, or where it is any number."""
    code = getattr(function, "__code__", None)
    return None if code is None or code.co_flags & CO_VARARGS else code.co_argcount


HIGHEST_VERSION: Final = 2**31 - 1


def check_version(of: str, version: object) -> None:
    """Raises ProjectionMisdeclared for what is no version."""
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= HIGHEST_VERSION:
        raise ProjectionMisdeclared(
            f"{of} needs a version of at least 1, and at most {HIGHEST_VERSION:,}, and has {version!r}"
        )


def line_of(rule: Callable[..., Any]) -> str:
    """`12 of package.module`."""
    code = getattr(rule, "__code__", None)
    return "?" if code is None else f"{code.co_firstlineno} of {rule.__module__}"
