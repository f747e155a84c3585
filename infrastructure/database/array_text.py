"""A list as PostgreSQL reads an array from text: several arrays travel as an array of such texts."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from temple_ledger.projections.values import ColumnType

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})


def array_text(kind: ColumnType, values: Sequence[Any]) -> str:
    """*values* are what an array of that type takes: there is no null among them."""
    text_of = TEXT_OF.get(kind, str)
    quoted = ",".join(f'"{text_of(value).translate(_ESCAPES)}"' for value in values)
    return f"{{{quoted}}}"


def _boolean(value: bool) -> str:
    return "t" if value else "f"


TEXT_OF: Final[Mapping[ColumnType, Callable[[Any], str]]] = {
    ColumnType.TEXT: str.__str__,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.TIMESTAMPTZ: datetime.isoformat,
    ColumnType.DATE: date.isoformat,
}
"""Of every other type it is what `str` gives."""
