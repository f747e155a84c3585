"""What a source shows in the console: tables of plain values, laid out by the console."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from temple_ledger.infrastructure.queries.health import Trouble
from temple_ledger.infrastructure.queries.not_folded import NotFolded


class CellKind(StrEnum):
    """How a value is shown: a person by name, a role by name, a time in the reader's zone."""

    TEXT = "text"
    PERSON = "person"
    ROLE = "role"
    TIME = "time"
    NUMBER = "number"


class SourceColumn(NamedTuple):
    """`name` is the key of the rows, `heading` what stands above."""

    name: str
    heading: str
    kind: CellKind = CellKind.TEXT


@dataclass(frozen=True)
class SourceTable:
    """`name` is for addresses; `empty` is the sentence where there is no row; `note` stands below the title."""

    name: str
    title: str
    columns: Sequence[SourceColumn]
    rows: Sequence[Mapping[str, Any]]
    empty: str
    note: str | None = None


@dataclass(frozen=True)
class SourcePage:
    """`title` stands in the menu. `not_folded`: what the tables do not have yet, where they are read from `members`."""

    title: str
    tables: Sequence[SourceTable]
    troubles: Sequence[Trouble] = field(default=())
    notes: Sequence[str] = field(default=())
    not_folded: NotFolded | None = None
