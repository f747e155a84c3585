"""A list as a page shows it, as JSON, and as CSV: the same rows."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from temple_ledger.domain.instant import format_instant

FORMULA: Final = "=+-@|%\uff1d\uff0b\uff0d\uff20"
"""What a spreadsheet takes for the beginning of a formula, or of a command."""


@dataclass(frozen=True)
class Listing:
    """`rows` have plain values under `columns`; `following` is the URL of the next page, None on the last one."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    following: str | None = None


def as_json(listing: Listing) -> str:
    """Ids are texts, times are ISO 8601 in UTC."""
    rows = [{column: row.get(column) for column in listing.columns} for row in listing.rows]
    return json.dumps({"data": rows, "next": listing.following}, default=_plain)


def as_csv(listing: Listing) -> str:
    """For a spreadsheet: no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(listing.columns)
    writer.writerows([_cell(row.get(column)) for column in listing.columns] for row in listing.rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value, default=_plain) if _is_whole(value) else _plain(value)
    text = text.replace("\0", "")
    begins = text.lstrip()[:1]
    return f"'{text}" if (begins and begins in FORMULA) or text[:1] in ("\t", "\r", "\n") else text


def _is_whole(value: object) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _plain(value: object) -> str:
    return format_instant(value) if isinstance(value, datetime) else str(value)
