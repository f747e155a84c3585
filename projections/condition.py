"""What a row must satisfy, or which rows an index has: a comparison that Python and PostgreSQL decide alike.

    Condition("points", ">=", 0)
    Condition("held_until", ">", column="held_from")
    Condition("kind", "in", ("warning", "ban"))
    Condition("last_by", "is not null")

As in SQL, nothing follows from a comparison with null: a check holds then, and an index leaves the row out.
"""

import operator as python
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from temple_ledger.domain.errors import ProjectionMisdeclared

COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": python.eq,
    "<>": python.ne,
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}
ORDERING: Final = ("<", "<=", ">", ">=")
AMONG: Final = "in"
IS_NULL: Final = "is null"
IS_NOT_NULL: Final = "is not null"
OPERATORS: Final = (*COMPARISONS, AMONG, IS_NULL, IS_NOT_NULL)


@dataclass(frozen=True)
class Condition:
    """About the column `name`: compared with a value, with several, with another `column`, or with nothing."""

    name: str
    operator: str
    value: Any = None
    column: str | None = None

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise ProjectionMisdeclared(f"{self.operator!r} is no comparison; there are {', '.join(OPERATORS)}")
        wants_nothing = self.operator in (IS_NULL, IS_NOT_NULL)
        if wants_nothing and (self.value is not None or self.column is not None):
            raise ProjectionMisdeclared(f"{self.name} {self.operator} is compared with nothing")
        if self.operator == AMONG:
            if not isinstance(self.value, list | tuple | set | frozenset) or not self.value or self.column is not None:
                raise ProjectionMisdeclared(f"{self.name} in: give the values, as in ('a', 'b')")
            object.__setattr__(self, "value", tuple(map(_bare, self.value)))
        elif not wants_nothing and (self.value is None) is (self.column is None):
            raise ProjectionMisdeclared(
                f"{self.name} {self.operator}: give a value, or column=; for null there is 'is null'"
            )
        else:
            object.__setattr__(self, "value", _bare(self.value))

    @property
    def values(self) -> tuple[Any, ...]:
        """With which it is compared."""
        if self.operator == AMONG:
            return tuple(self.value)
        return () if self.value is None else (self.value,)

    def of(self, row: Mapping[str, Any]) -> bool | None:
        """Whether it holds for the values of a row, by column; None where one of them is null, and nothing follows."""
        value = row[self.name]
        if self.operator == IS_NULL:
            return value is None
        if self.operator == IS_NOT_NULL:
            return value is not None
        other = self.value if self.column is None else row[self.column]
        if value is None or other is None:
            return None
        if self.operator == AMONG:
            return value in other
        return COMPARISONS[self.operator](value, other)

    def __str__(self) -> str:
        if self.operator in (IS_NULL, IS_NOT_NULL):
            return f"{self.name} {self.operator}"
        if self.column is not None:
            return f"{self.name} {self.operator} {self.column}"
        shown = ", ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in self.values)
        return f"{self.name} {self.operator} {f'({shown})' if self.operator == AMONG else shown}"


def _bare(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
